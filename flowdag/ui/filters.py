"""Search, filters and colours of the graph: widgets that live in the address, each under its own name."""

from __future__ import annotations

from itertools import chain
from typing import Any, Literal, get_args

import pandas as pd
import streamlit as st

from flowdag.analysis.matching import Filter
from flowdag.ui.sidebar import STATES
from flowdag.ui.text import clean
from flowdag.ui.theme import words

Shade = Literal["state", "duration", "wait", "tag"]
SHADES: dict[str, Shade] = {shade.capitalize(): shade for shade in get_args(Shade)}
# what each criterion is when nothing is asked for; the keys are the names in the address
NOTHING: dict[str, Any] = {"match": "", "in-state": [], "with-tag": [], "longer": None}


def pick_filter(nodes: pd.DataFrame) -> tuple[Filter, bool]:
    """What to look for among these nodes, and whether the others are to be hidden instead of dimmed."""
    count = _active()
    label = f"Find and filter · {count}" if count else "Find and filter"
    with st.popover(label, icon=":material/search:", key="find-and-filter", type="primary" if count else "secondary"):
        text = st.text_input(
            "Name or id", key="match", bind="query-params", type="search", placeholder="Words of it, in any order",
            help="Every word must occur in the name of the task run, the name of its task, or its id.",
        )  # fmt: skip
        states = st.multiselect(
            "State", _state_names(nodes), key="in-state", bind="query-params", format_func=words,
            placeholder="Any state", select_all=False,
            help="Any of these. Failed, for example, means all that failed, also those that timed out.",
        )  # fmt: skip
        tags = st.multiselect(
            "Tags", _tags(nodes), key="with-tag", bind="query-params", format_func=clean,
            placeholder="Any tags", select_all=False, accept_new_options=True, help="All of these.",
        )  # fmt: skip
        longer = st.number_input(
            "Longer than (seconds)", min_value=0.0, value=None, step=1.0, format="%g", key="longer",
            bind="query-params", placeholder="Any duration",
            help="From start to end; of what still runs, until now.",
        )  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="center"):
            hide = st.toggle(
                "Hide the others", key="hide", bind="query-params",
                help="What does not match is left out of the graph, instead of dimmed.",
            )  # fmt: skip
            st.button("Clear", on_click=_clear, disabled=not count, icon=":material/close:", key="clear-filter")
    return Filter(text or "", tuple(states), tuple(tags), longer), hide


def _active() -> int:
    """How many criteria are given; what the widgets do not know yet, the address does."""
    given = (st.session_state.get(key, st.query_params.get(key)) for key in NOTHING)
    return sum(value not in (None, "", []) for value in given)


def _clear() -> None:
    for key, empty in NOTHING.items():
        st.session_state[key] = empty


def _state_names(nodes: pd.DataFrame) -> list[str]:
    """The states that there are always, then the other names that these nodes bear."""
    return [*STATES, *sorted(set(nodes["state_name"]) - {*STATES})]


def _tags(nodes: pd.DataFrame) -> list[str]:
    return sorted(set(chain.from_iterable(nodes["tags"])))


def pick_shade() -> Shade:
    """What the colours of the graph mean."""
    name = st.segmented_control(
        "Colour", list(SHADES), default="State", key="colour", bind="query-params", required=True,
        help="By state, by run time, by the wait for a slot or a worker, or by tag.",
    )  # fmt: skip
    return SHADES.get(name or "", "state")
