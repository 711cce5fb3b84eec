"""Which task runs were tried again, and whether that helped."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from flowdag.model import FlowRunGraph


@dataclass(frozen=True)
class Retried:
    """Nodes of one task name that were tried equally often, with the same outcome. Without nodes it is the run itself.

    pause_s: median seconds between the last two tries, NaN if unknown.
    """

    task_name: str
    nodes: tuple[str, ...]
    tries: int
    state_type: str
    pause_s: float

    @property
    def retries(self) -> int:
        """How often they were tried again, all together."""
        return max(1, len(self.nodes)) * (self.tries - 1)


def retried(graph: FlowRunGraph) -> tuple[Retried, ...]:
    """What was tried more than once, and its outcome; the run itself too."""
    nodes = graph.nodes[graph.nodes["tries"] > 1]
    tries = graph.tries[graph.tries["node"].isin(nodes.index)].sort_values(["node", "try"])
    pause = (tries["start"] - tries.groupby("node")["end"].shift()).dt.total_seconds()
    last = pause.groupby(tries["node"]).last().to_dict()
    together: dict[tuple[str, int, str], list[str]] = defaultdict(list)
    columns = (nodes[name].tolist() for name in ("task_name", "tries", "state_type"))
    for node, *key in zip(nodes.index.tolist(), *columns, strict=True):
        together[key[0], key[1], key[2]].append(node)
    found = [
        Retried(name, tuple(ids), often, outcome, float(np.median([last.get(node, np.nan) for node in ids])))
        for (name, often, outcome), ids in together.items()
    ]
    return (*_run_retried(graph), *sorted(found, key=lambda retried: -retried.retries))


def _run_retried(graph: FlowRunGraph) -> list[Retried]:
    states = graph.states[(graph.states["flow_run_id"] == graph.run.id) & (graph.states["attempt"] > 0)]
    spans = states.groupby("attempt").agg(start=("start", "min"), end=("end", "max"))
    if len(spans) < 2:
        return []
    pause = (spans["start"].iloc[-1] - spans["end"].iloc[-2]).total_seconds()
    return [Retried(graph.run.flow_name, (), int(spans.index[-1]), graph.run.state_type, float(pause))]
