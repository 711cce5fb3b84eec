"""Search, filters and colours of the graph: widgets that live in the address, each under its own name."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import Any, Literal, get_args

import pandas as pd
import streamlit as st

from flowdag.analysis.matching import Filter
from flowdag.looks.states import words
from flowdag.looks.words import clean
from flowdag.ui.sidebar import STATES

Shade = Literal["state", "duration", "wait", "tag"]
SHADES: dict[str, Shade] = {shade.capitalize(): shade for shade in get_args(Shade)}
# what each criterion is when nothing is asked for; the keys are the names in the address
NOTHING: dict[str, Any] = {"match": "", "in-state": [], "with-tag": [], "longer": None}
CLEARED = "flowdag-cleared"
TAGS_OFFERED = 1000  # all of them travel to the browser in every run of the script


def pick_filter(nodes: pd.DataFrame) -> tuple[Filter, bool]:
    """What to look for among these nodes, and whether the others are to be hidden instead of dimmed.

    How many criteria there are stands beside: what the address or Back changes is known only as the widgets run, too
    late for the label of what they lie in.
    """
    _stay_cleared()
    with st.popover("Find and filter", icon=":material/search:", key="find-and-filter"):
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
        wanted = Filter(text or "", tuple(states), tuple(tags), longer)
        count = sum((bool(wanted.text.split()), bool(states), bool(tags), longer is not None))
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            hide = st.toggle(
                "Hide the others", key="hide", bind="query-params",
                help="What does not match is left out of the graph, instead of dimmed.",
            )  # fmt: skip
            st.button("Clear", on_click=_clear, disabled=not count, icon=":material/close:", key="clear-filter")
    if count:
        st.badge(
            f"{count} on", icon=":material/filter_alt:", help="So many of the criteria in “Find and filter” are on."
        )
    return wanted, hide


def _clear() -> None:
    st.session_state[CLEARED] = {key: st.session_state.get(key) for key in NOTHING}
    for key, empty in NOTHING.items():
        st.session_state[key] = empty


def _stay_cleared() -> None:
    """Clear again what the browser sends though it was cleared: it never told the widgets of a popover just closed.

    What a person chooses is in the address by the time the script runs; such a leftover is not.
    """
    for key, old in st.session_state.get(CLEARED, {}).items():
        if key not in st.query_params and st.session_state.get(key) == old:
            st.session_state[key] = NOTHING[key]


def _state_names(nodes: pd.DataFrame) -> list[str]:
    """The states that there are always; then the other names that these nodes bear, or that are chosen already."""
    others = {*nodes["state_name"], *st.session_state.get("in-state", ())}
    return [*STATES, *sorted(others - {*STATES})]


def _tags(nodes: pd.DataFrame) -> list[str]:
    """The most frequent tags of these nodes, by name; others can be typed."""
    often = Counter(chain.from_iterable(nodes["tags"].tolist()))
    return sorted(tag for tag, _ in often.most_common(TAGS_OFFERED) if clean(tag).strip())


def pick_shade() -> Shade:
    """What the colours of the graph mean."""
    name = st.segmented_control(
        "Colour", list(SHADES), default="State", key="colour", bind="query-params", required=True,
        help="By state, by run time, by the wait for a slot or a worker, or by tag.",
    )  # fmt: skip
    return SHADES.get(name or "", "state")
