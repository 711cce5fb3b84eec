"""A history of built runs, as if it had been read."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from flowdag.analysis.usual import History, history
from flowdag.model import FlowRunGraph


def earlier(graphs: Sequence[FlowRunGraph], lateness_s: float = 0.0, read: int | None = None) -> History:
    """The history that these runs make, the latest first; `read`: of how many the tasks were read."""
    runs = pd.DataFrame(
        {
            "name": [f"run-{number}" for number in range(len(graphs))],
            "start": pd.DatetimeIndex([graph.run.start for graph in graphs]),
            "wall_s": [graph.run.wall_s(graph.as_of) for graph in graphs],
            "lateness_s": lateness_s,
        }
    )
    known = graphs[:read]
    tasks = [graph.nodes.assign(run=place) for place, graph in enumerate(known)]
    return history(runs, pd.concat(tasks or [graphs[0].nodes.assign(run=0)[:0]]), len(known))
