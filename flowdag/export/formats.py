"""The formats that a run's graph can be taken away in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flowdag.export.dot import to_dot
from flowdag.export.graphml import to_graphml
from flowdag.export.json import to_json
from flowdag.export.mermaid import to_mermaid
from flowdag.export.tables import to_csv, to_parquet
from flowdag.model import FlowRunGraph


@dataclass(frozen=True)
class Format:
    """title: for people; suffix: of files; mime: their type; binary: nothing for a terminal; make: the content."""

    title: str
    suffix: str
    mime: str
    make: Callable[[FlowRunGraph], bytes]
    binary: bool = False


def _text(write: Callable[[FlowRunGraph], str]) -> Callable[[FlowRunGraph], bytes]:
    return lambda graph: write(graph).encode()


FORMATS: Mapping[str, Format] = {
    "json": Format("JSON", "json", "application/json", lambda graph: f"{to_json(graph)}\n".encode()),
    "csv": Format("CSV", "csv", "text/csv", _text(to_csv)),
    "parquet": Format("Parquet", "parquet", "application/vnd.apache.parquet", to_parquet, binary=True),
    "mermaid": Format("Mermaid", "mmd", "text/vnd.mermaid", _text(to_mermaid)),
    "dot": Format("DOT", "dot", "text/vnd.graphviz", _text(to_dot)),
    "graphml": Format("GraphML", "graphml", "application/graphml+xml", _text(to_graphml)),
}
