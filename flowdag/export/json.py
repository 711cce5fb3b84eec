"""A run as one JSON object: the contract of the README, "Taking a run away"."""

from __future__ import annotations

from typing import Any

import orjson
import pandas as pd

from flowdag.analysis.critical_path import critical_path
from flowdag.export.plain import plain
from flowdag.model import NODES, FlowRunGraph

RUN_FIELDS = ("id", "name", "flow_name", "state_type", "state_name", "start", "end", "tags")


def to_json(graph: FlowRunGraph) -> str:
    """One JSON object: run, nodes, edges, tries, critical_path, notes.

    Times are ISO 8601 in UTC with `Z` and six decimals, durations seconds. Nodes come by start, then id; edges by
    source, then target; tries by node as above, then try; the segments of the critical path (`critical_path.SEGMENTS`)
    by time: they tile the run.
    """
    run = {name: getattr(graph.run, name) for name in RUN_FIELDS} | {"as_of": graph.as_of, "complete": graph.complete}
    nodes = graph.nodes.rename_axis("id").reset_index()
    whole = {
        "flowdag": 1,
        "run": {name: plain(value) for name, value in run.items()},
        "nodes": _records(nodes[["id", *NODES]]),
        "edges": _records(graph.edges.sort_values(["source", "target"])),
        "tries": _records(graph.tries),
        "critical_path": _records(critical_path(graph).segments),
        "notes": [plain(note) for note in graph.notes],
    }
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2).decode()


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    columns = {str(name): [plain(value) for value in frame[name]] for name in frame.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
