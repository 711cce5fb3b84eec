"""Streamlit's command line, told beforehand that the pages are app.py's: `python -m flowdag.ui.streamlit_run run FILE`.

Streamlit takes a folder `pages/` for one of scripts until `st.navigation` has been called once: without this, the first
address that a new server is asked for would be a page that it does not know.
"""

from __future__ import annotations

from streamlit.runtime.pages_manager import PagesManager
from streamlit.web.cli import main

if __name__ == "__main__":
    PagesManager.uses_pages_directory = False
    main(prog_name="streamlit")
