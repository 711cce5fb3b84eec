"""How the viewer wants the graph: which attempt, which way, in which colours, what stands out. All in the address."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from flowdag.analysis.attempts import attempts
from flowdag.analysis.drawing import Trace, Way
from flowdag.analysis.layout import Direction
from flowdag.analysis.matching import Filter
from flowdag.model import FlowRunGraph
from flowdag.ui.filters import Shade, pick_filter, pick_shade

LATEST = "Latest attempt"
DIRECTIONS: dict[str, Direction | None] = {"Best fit": None, "Left to right": "right", "Top to bottom": "down"}
WAYS: dict[str, Way] = {"Upstream": "up", "Downstream": "down", "Both": "both"}
STEPS = {"any distance": None, "1 step": 1, "2 steps": 2, "3 steps": 3, "5 steps": 5}


@dataclass(frozen=True)
class Chosen:
    """direction: None is whichever fits. attempt: None is all. hide: what does not match is left out, not dimmed."""

    direction: Direction | None
    attempt: int | None
    shade: Shade
    wanted: Filter
    hide: bool


def pick_view(graph: FlowRunGraph) -> Chosen:
    """The widgets above the graph."""
    wanted, hide = pick_filter(graph.nodes)
    with st.popover("View", icon=":material/tune:"):
        shade = pick_shade()
        direction = st.segmented_control(
            "Direction", list(DIRECTIONS), default="Best fit", key="direction", bind="query-params", required=True,
        )  # fmt: skip
    return Chosen(DIRECTIONS.get(direction or ""), pick_attempt(graph), shade, wanted, hide)


def pick_attempt(graph: FlowRunGraph) -> int | None:
    """Which attempt of the flow to look at: None is all of them. Nothing is asked where there was only one."""
    tried = attempts(graph)
    if len(tried) < 2:
        return None
    options = {LATEST: tried[-1], **{f"Attempt {number}": number for number in tried}, "All attempts": None}
    name = st.selectbox(
        "Attempt", list(options), key="attempt", bind="query-params", label_visibility="collapsed", width=170,
        help="A retried flow leaves the task runs of every attempt behind.",
    )  # fmt: skip
    return options.get(name, tried[-1])


def pick_trace(selected: str | None) -> Trace | None:
    """Which of what the selected node needed, or of what needed it, is to stand out."""
    if selected is None:
        return None
    name = st.segmented_control(
        "Trace", list(WAYS), key="trace", bind="query-params", label_visibility="collapsed",
        help="Let only what it needed (upstream) or what needed it (downstream) stand out, also through others.",
    )  # fmt: skip
    if name is None:
        return None
    steps = st.selectbox(
        "Within", list(STEPS), key="steps", bind="query-params", label_visibility="collapsed", width=150
    )
    return Trace(selected, WAYS[name], STEPS[steps])
