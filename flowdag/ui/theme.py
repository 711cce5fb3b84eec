"""Whether the page is light or dark."""

from __future__ import annotations

import streamlit as st


def is_dark() -> bool:
    """Whether the page is dark now. Streamlit may learn it one rerun late; every look is legible on both."""
    return st.context.theme.type == "dark"
