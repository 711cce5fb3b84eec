"""Search and filters: which nodes of a run match what a person asks for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Filter:
    """What to look for; each part that is given narrows the answer.

    text: words, in any order and any case. states: Prefect's names of states ("Cached", "TimedOut"), or of their types
    ("Failed"), which cover every state of the type. tags: all of these. longer_than_s: wall time in seconds.
    """

    text: str = ""
    states: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    longer_than_s: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return not (self.text.split() or self.states or self.tags or self.longer_than_s is not None)


def matching(nodes: pd.DataFrame, wanted: Filter) -> pd.Index:
    """The ids of the nodes (`model.NODES`) that match all that is asked for, in the nodes' order.

    Every word of the text occurs in the label, the task name or the id; the state is any of `states`; all `tags` are
    there; the wall time is longer than `longer_than_s`, which is never so for what never started.
    """
    found = np.ones(len(nodes), dtype=bool)
    if words := wanted.text.casefold().split():
        rows = zip(*(column.tolist() for column in (nodes["label"], nodes["task_name"], nodes.index)), strict=True)
        texts = [f"{label}\n{name}\n{node}".casefold() for label, name, node in rows]
        for word in words:
            found &= np.array([word in text for text in texts], dtype=bool)
    if wanted.states:
        types = [state.upper() for state in wanted.states]
        found &= (nodes["state_name"].isin(wanted.states) | nodes["state_type"].isin(types)).to_numpy()
    for tag in wanted.tags:
        found &= np.array([tag in tags for tags in nodes["tags"].tolist()], dtype=bool)
    if wanted.longer_than_s is not None:
        found &= (nodes["wall_s"] > wanted.longer_than_s).to_numpy()
    return nodes.index[found]
