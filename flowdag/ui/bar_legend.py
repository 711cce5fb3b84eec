"""What the bars in sight mean."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from flowdag.looks.bars import BarLook
from flowdag.looks.boxes import ON_PATH
from flowdag.looks.words import html


def bar_legend(looks: Iterable[BarLook], *, many: bool, cut: bool) -> None:
    """What is in sight, and only that."""
    items = [_item(shown) for shown in sorted(looks, key=lambda one: -one.thick)]
    items += [f"<span><b>━ {ON_PATH} critical path</b></span>"]
    items += ["<span>▲ many at once: how many ran, above; how many waited, below</span>"] if many else []
    items += ["<span>⋯ cut out: no task ran</span>"] if cut else []
    st.html(f'<div class="fd-legend">{"".join(items)}</div>')


def _item(shown: BarLook) -> str:
    height = max(0.15, 0.8 * shown.thick)
    style = f"background:{shown.fill};border-color:{shown.stroke};height:{height:.2f}rem"
    style += ";vertical-align:.12rem" if shown.thick < 1 else ""
    return f'<span><i style="{style}"></i>{html(shown.word)}</span>'
