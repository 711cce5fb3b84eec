"""The nodes of a run as a table: CSV for spreadsheets, Parquet for programs."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pandas as pd
import pyarrow as pa

from flowdag.export.plain import plain
from flowdag.model import NODES, TIME, FlowRunGraph

FORMULA = tuple("=+-@\t\n＝＋－＠")  # what a formula begins with
ARROW = {
    "object": pa.string(), TIME: pa.timestamp("us", tz="UTC"), "float64": pa.float64(), "int64": pa.int64(),
}  # fmt: skip


def to_csv(graph: FlowRunGraph) -> str:
    """The nodes as CSV with a heading: the same columns, order and times as in the JSON; tags joined by a space."""
    return csv(_nodes(graph))


def to_parquet(graph: FlowRunGraph) -> bytes:
    """The nodes as Parquet: the same columns and order as in the JSON; times are UTC timestamps, tags lists of text."""
    nodes = _nodes(graph)
    text = [name for name in nodes.columns if NODES.get(name, "object") == "object"]
    nodes = nodes.assign(**{name: pd.Series([plain(value) for value in nodes[name]], dtype="object") for name in text})
    fields = [(name, ARROW[NODES.get(name, "object")]) for name in nodes.columns]
    schema = pa.schema([(name, pa.list_(pa.string()) if name == "tags" else kind) for name, kind in fields])
    file = BytesIO()
    nodes.to_parquet(file, engine="pyarrow", index=False, schema=schema)
    return file.getvalue()


def _nodes(graph: FlowRunGraph) -> pd.DataFrame:
    return graph.nodes.rename_axis("id").reset_index()[["id", *NODES]]


def csv(frame: pd.DataFrame) -> str:
    """A frame as CSV: ISO times in UTC, nothing for what is missing, and no cell that a spreadsheet would run."""
    columns = {name: [_cell(value) for value in frame[name]] for name in frame.columns}
    return str(pd.DataFrame(columns, columns=frame.columns).to_csv(index=False))


def _cell(value: Any) -> Any:
    """A value as a CSV cell; text that begins like a formula gets a leading apostrophe (OWASP, CSV injection)."""
    found = plain(value)
    text = " ".join(found) if isinstance(found, list) else found
    if not isinstance(text, str):
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # nothing quotes it, and some readers begin a row there
    return f"'{text}" if text[:1] in FORMULA else text
