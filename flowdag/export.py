"""A run's graph as text that other programs read. The JSON is a contract: see the README, "Taking a run away"."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
import pandas as pd

from flowdag.model import NODES, FlowRunGraph

RUN_FIELDS = ("id", "name", "flow_name", "state_type", "state_name", "start", "end", "tags")


def to_json(graph: FlowRunGraph) -> str:
    """One JSON object: run, nodes, edges, tries, critical_path (empty so far), notes.

    Times are ISO 8601 in UTC with `Z` and six decimals, durations seconds. Nodes come by start, then id; edges by
    source, then target; tries by node as above, then try.
    """
    run = {name: getattr(graph.run, name) for name in RUN_FIELDS} | {"as_of": graph.as_of, "complete": graph.complete}
    nodes = graph.nodes.rename_axis("id").reset_index()
    whole = {
        "flowdag": 1,
        "run": {name: _plain(value) for name, value in run.items()},
        "nodes": _records(nodes[["id", *NODES]]),
        "edges": _records(graph.edges.sort_values(["source", "target"])),
        "tries": _records(graph.tries),
        "critical_path": [],
        "notes": list(graph.notes),
    }
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2).decode()


def to_csv(graph: FlowRunGraph) -> str:
    """The nodes as CSV with a heading: the same columns, order and times as in the JSON; tags joined by a space."""
    return csv(graph.nodes.rename_axis("id").reset_index()[["id", *NODES]])


def csv(frame: pd.DataFrame) -> str:
    """A frame as CSV: ISO times in UTC, nothing for what is missing, and no cell that a spreadsheet would run."""
    columns = {name: [_cell(value) for value in frame[name]] for name in frame.columns}
    return str(pd.DataFrame(columns, columns=frame.columns).to_csv(index=False))


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    columns = {str(name): [_plain(value) for value in frame[name]] for name in frame.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, tuple):
        return list(value)
    if value is None or value is pd.NaT or value != value:
        return None
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value.item() if hasattr(value, "item") else value


def _cell(value: Any) -> Any:
    """A value as a CSV cell; text that begins like a formula gets a leading apostrophe (OWASP, CSV injection)."""
    plain = _plain(value)
    text = " ".join(plain) if isinstance(plain, list) else plain
    if not isinstance(text, str):
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # nothing quotes it, and some readers begin a row there
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\n") else text
