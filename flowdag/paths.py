"""Where the files that are not Python modules lie: app.py, pages/ and .streamlit/."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def app_root() -> Path:
    """The folder of app.py: the repository's root in a checkout, `flowdag/_app` in an installed wheel."""
    repository = PACKAGE.parent
    return repository if (repository / "app.py").is_file() else PACKAGE / "_app"
