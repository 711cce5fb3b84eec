"""Errors and empty places in words: what happened and what to do next, never a traceback."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.errors import FragmentHandledException

from flowdag.errors import FlowdagError
from flowdag.looks.words import clean

log = logging.getLogger(__name__)


@contextmanager
def in_words() -> Iterator[None]:
    """Show a FlowdagError as its two sentences, anything else as ours, and end the script there."""
    try:
        yield
    except FlowdagError as error:
        tell(error.what, error.todo)
        st.button("Try again", icon=":material/refresh:", key="try-again")
        st.stop()
    except FragmentHandledException:  # told inside the fragment
        raise
    except Exception as error:
        # Streamlit's own control flow (stop, rerun) derives from BaseException and passes
        log.error("Unexpected %s", type(error).__name__, exc_info=error)
        tell("flowdag met an error of its own.", "Reload the page; if it stays, the server's log tells more.")
        st.stop()


@contextmanager
def in_place() -> Iterator[None]:
    """Show a FlowdagError as a line where it happened; the rest of the page goes on."""
    try:
        yield
    except FlowdagError as error:
        st.caption(f":material/error: {plain(error.what)}")


def tell(what: str, todo: str) -> None:
    """A failure: what happened, what to do."""
    st.error(f"**{plain(what)}** {plain(todo)}", icon=":material/error:")


def hint(what: str, todo: str) -> None:
    """An empty place: why it is empty, and the next step."""
    st.info(f"**{plain(what)}** {plain(todo)}", icon=":material/info:")


def plain(sentence: str) -> str:
    """Markdown that shows the sentence as it is, on one line."""
    return "".join(f"\\{char}" if char in r"\`*_{}[]<>#+!|$~:" else char for char in clean(sentence))
