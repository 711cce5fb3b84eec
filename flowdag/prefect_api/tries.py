"""The tries of nodes, and their time in RUNNING, from state histories where these were read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from flowdag.model import TRIES, table
from flowdag.prefect_api.columns import Array, State, objects

if TYPE_CHECKING:
    from flowdag.prefect_api.nodes import Nodes

NOT_YET = np.datetime64("NaT", "us")


class Try(NamedTuple):
    """One try: `end` is NaT while it runs, `state_name` that of the state that ended it."""

    start: np.datetime64
    end: np.datetime64
    state_name: str


def tries_known(nodes: Nodes, histories: Mapping[str, Sequence[State]]) -> dict[str, list[Try]]:
    """The tries of the nodes that started and whose state history was read."""
    started = ~np.isnat(nodes["start"])
    return {node: _tries(states) for node, states in histories.items() if node in nodes.at and started[nodes.at[node]]}


def tries_table(nodes: Nodes, known: Mapping[str, Sequence[Try]]) -> pd.DataFrame:
    """One row a try of what started: from the state history where one was read, else the whole span as one."""
    single = ~np.isnat(nodes["start"])
    single[[nodes.at[node] for node in known]] = False
    one = np.flatnonzero(single)
    many = [(nodes.at[node], number, tried) for node, tries in known.items() for number, tried in enumerate(tries, 1)]
    place = np.append(one, np.array([at for at, _, _ in many], dtype="int64"))
    number = np.append(np.ones_like(one), np.array([number for _, number, _ in many], dtype="int64"))
    order = np.lexsort((number, place))
    told = {
        "start": np.array([tried.start for _, _, tried in many], dtype="datetime64[us]"),
        "end": np.array([tried.end for _, _, tried in many], dtype="datetime64[us]"),
        "state_name": objects([tried.state_name for _, _, tried in many]),
    }
    whole = {name: np.append(nodes[name][one], tried)[order] for name, tried in told.items()}
    return table({"node": nodes["id"][place[order]], "try": number[order], **whole}, TRIES)


def begins(states: Iterable[State]) -> list[State]:
    """The states that begin a try: RUNNING (a retry without delay follows RUNNING itself), unless it ends a pause."""
    began, paused = [], False
    for state in states:
        if state.type == "RUNNING" and not paused:
            began.append(state)
        paused = state.type == "PAUSED" or (paused and state.name == "Resuming")
    return began


def _tries(states: Sequence[State]) -> list[Try]:
    """The tries that a history tells of."""
    found: list[Try] = []
    beginning = {id(state) for state in begins(states)}
    start = None
    for state in states:
        ends = id(state) in beginning or (state.type not in ("RUNNING", "PAUSED") and state.name != "Resuming")
        if ends and start is not None:
            found.append(Try(start, state.at, state.name))
            start = None
        if id(state) in beginning:
            start = state.at
    return found if start is None else [*found, Try(start, NOT_YET, states[-1].name)]


def running_seconds(
    nodes: Nodes, known: Mapping[str, Sequence[Try]], histories: Mapping[str, Sequence[State]], until: Array
) -> Array:
    """Seconds in RUNNING: from the history where it was read (pauses left out), else Prefect's total, else NaN.

    Prefect adds to its total when RUNNING is left. `until`: up to when a node that has not ended counts.
    """
    total = nodes["total_s"]
    left = ~np.isnat(nodes["end"]) | (nodes["state_type"] != "RUNNING")
    found = np.where(left & (total > 0), total, np.nan)
    for node in (node for node, tries in known.items() if tries):
        states, place = histories[node], nodes.at[node]
        times = [*(state.at for state in states), until[place]]
        spans = [b - a for (a, b), state in zip(pairwise(times), states, strict=True) if state.type == "RUNNING"]
        found[place] = max(0.0, float(np.sum(spans) / np.timedelta64(1, "s")))
    return found
