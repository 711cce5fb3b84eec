"""The app's script run in this process (Streamlit's AppTest), and what a person would read on its page."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pandas as pd
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.needs import ROOT


def forget() -> None:
    """Empty all caches: they outlive a test, and so would the tenants of the one before."""
    st.cache_data.clear()
    st.cache_resource.clear()


def opened(path: str | None = None, theme: str = "light", **query: str) -> AppTest:
    """The app once opened at an address; with a page's path, once that page was chosen."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.context["theme"] = theme
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    return app.switch_page(path).run() if path else app


def words(app: AppTest) -> str:
    """All text beside the sidebar, in order: of markdown and HTML what is read."""
    values = [getattr(element, "value", None) for element in app.main]
    return " ".join(_read(value) for value in values if isinstance(value, str))


def _read(text: str) -> str:
    without_tags = re.sub(r"<style>.*?</style>|</?(p|div|span|b|i|bdi)\b[^>]*>", " ", text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"\\([^a-zA-Z0-9\s])|\*\*", r"\1", unescape(without_tags))).strip()


def tables(app: AppTest) -> list[pd.DataFrame]:
    """The tables beside the sidebar."""
    return [frame.value for frame in app.main.dataframe]


def drawn(app: AppTest) -> list[str]:
    """What is sent to the graph: its data and its options, as JSON; empty where no graph is shown."""
    return [element.proto.json_args for element in app.main.get("component_instance")]


def write_tenants(text: str) -> None:
    """The tenants' configuration in the working folder."""
    secrets = Path(".streamlit") / "secrets.toml"
    secrets.parent.mkdir(exist_ok=True)
    secrets.write_text(text)
