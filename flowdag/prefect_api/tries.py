"""The tries of nodes, and their time in RUNNING, from state histories where these were read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from flowdag.model import TRIES, table, times

Row = Mapping[str, Any]


def tries_table(nodes: pd.DataFrame, histories: Mapping[str, Sequence[Row]]) -> pd.DataFrame:
    """One row a try of what started: from the state history where one was read, else the whole span as one."""
    started = nodes[nodes["start"].notna()]
    known = [node for node in started.index if node in histories]
    single = started.drop(index=known)
    rows: list[tuple[Any, ...]] = [
        (node, number, *span) for node in known for number, span in enumerate(_spans(histories[node]), start=1)
    ]
    many = pd.DataFrame(rows, columns=[*TRIES], dtype="object")
    for name in ("start", "end"):
        many[name] = times(many[name].to_numpy())
    one = pd.DataFrame(
        {
            "node": single.index,
            "try": 1,
            "start": single["start"].array,
            "end": single["end"].array,
            "state_name": single["state_name"].array,
        }
    )
    both = pd.concat([one, many], ignore_index=True) if len(many) else one
    order = both["node"].map({node: at for at, node in enumerate(nodes.index)})
    return table(both.iloc[np.lexsort((both["try"].astype("int64"), order))].reset_index(drop=True), TRIES)


def begins(states: Iterable[Row]) -> list[Row]:
    """The states that begin a try: RUNNING (a retry without delay follows RUNNING itself), unless it ends a pause."""
    began, paused = [], False
    for state in states:
        if state["type"] == "RUNNING" and not paused:
            began.append(state)
        paused = state["type"] == "PAUSED" or (paused and state["name"] == "Resuming")
    return began


def _spans(states: Sequence[Row]) -> list[tuple[str, str | None, str]]:
    """(start, end, name of the state that ended it) of each try; end None while it runs."""
    spans: list[tuple[str, str | None, str]] = []
    beginning = {id(state) for state in begins(states)}
    start = None
    for state in states:
        ends = id(state) in beginning or (state["type"] not in ("RUNNING", "PAUSED") and state["name"] != "Resuming")
        if ends and start is not None:
            spans.append((start, state["timestamp"], state["name"]))
            start = None
        if id(state) in beginning:
            start = state["timestamp"]
    return spans if start is None else [*spans, (start, None, states[-1]["name"])]


def running_seconds(
    nodes: pd.DataFrame, tries: pd.DataFrame, histories: Mapping[str, Sequence[Row]], until: pd.Series
) -> pd.Series:
    """Seconds in RUNNING: from the history where it was read (pauses left out), else Prefect's total, else NaN.

    Prefect adds to its total when RUNNING is left. `until`: up to when a node that has not ended counts.
    """
    total = nodes["total_s"].astype("float64")
    found = total.where((nodes["end"].notna() | (nodes["state_type"] != "RUNNING")) & (total > 0))
    for node in set(tries["node"]) & set(histories):
        states = [*histories[node], {"type": "", "timestamp": until[node].isoformat()}]
        at = times([state["timestamp"] for state in states])
        spans = [
            (b - a).total_seconds() for (a, b), s in zip(pairwise(at), states, strict=False) if s["type"] == "RUNNING"
        ]
        found[node] = max(0.0, sum(spans))
    return found
