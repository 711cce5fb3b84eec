"""How tall the graph is shown: with all else on one screen, unless its words would be too small to read then."""

from __future__ import annotations

import streamlit as st

from flowdag.analysis.layout import Layout

LEGIBLE = 0.65  # of their full size: words can be read
ACROSS = 560  # pixels that a graph has on a small screen: what is wider than that would not gain by more height
MARGIN = 1.1  # the widget leaves some room around
TALLEST = "max(56rem,100vh - 4rem)"


def set_height(key: str, layout: Layout) -> None:
    """Tell the page's style how tall the graph is; one that is put up under this key stays so while boxes open."""
    at = f"{key}-height"
    if at not in st.session_state and len(layout.places):
        width, height = layout.extent
        st.session_state[at] = round(height * MARGIN * min(LEGIBLE, ACROSS / width))
    wanted = st.session_state.get(at, 0)
    st.html(f"<style>:root{{--fd-graph:max(var(--fd-screen),min({TALLEST},{wanted}px))}}</style>")
