"""How the bars of a timeline look: work is solid, in the colour of its state; what is no work is hollow and thin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import streamlit as st

from flowdag.model import FAILURES
from flowdag.ui.boxes import ON_PATH
from flowdag.ui.text import html
from flowdag.ui.theme import look


@dataclass(frozen=True)
class BarLook:
    """word: what it means. fill and stroke: colours. thick: how much of the height it takes, 0 to 1."""

    word: str
    fill: str
    stroke: str
    thick: float


WAITED = {False: ("#EEF0F4", "#858B99"), True: ("#262A34", "#8D94A5")}
BLOCKED = {False: "#A9AFBD", True: "#596072"}
INK = {False: "#1E2330", True: "#E7E9F0"}
FAINT = {False: "#5A6172", True: "#A8AEBD"}
LINES = {False: "#D9DCE5", True: "#363B48"}
STRIPES = {False: "rgba(90,98,120,0.05)", True: "rgba(160,170,200,0.07)"}
CUT = {False: "#EEF0F4", True: "#262A34"}
FAILED_SIGN = "✗"
HOLDER = 0.7


def of_part(part: str, state_type: str, *, dark: bool, holds: bool = False) -> BarLook:
    """The look of a bar (`analysis.timeline`): its part, how a try ended, and whether it holds what ran inside it."""
    if part == "run":
        shown = look(state_type, dark=dark)
        if holds:
            return BarLook("others ran inside", shown.fill, shown.border, HOLDER)
        word = f"{FAILED_SIGN} {shown.word}" if state_type in FAILURES else shown.word
        return BarLook(word, shown.border, shown.border, 1.0)
    if part == "queue":
        return BarLook("waited for a free worker or a slot", *WAITED[dark], 0.5)
    if part == "blocked":
        return BarLook("waited for what it needs", BLOCKED[dark], BLOCKED[dark], 0.16)
    shown = look("SCHEDULED", "AwaitingRetry", dark=dark) if part == "retry" else look("PAUSED", dark=dark)
    word = "pause before another try" if part == "retry" else "paused"
    return BarLook(word, shown.fill, shown.border, 0.5)


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
