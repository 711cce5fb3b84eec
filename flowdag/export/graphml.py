"""A run's graph in GraphML, for networkx, igraph, Gephi, yEd and the like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as Xml

import pandas as pd

from flowdag.analysis.critical_path import critical_path
from flowdag.export.plain import plain
from flowdag.looks.words import legal
from flowdag.model import FlowRunGraph

NAMESPACE = "http://graphml.graphdrawing.org/xmlns"
RUN: Mapping[str, str] = dict.fromkeys(("run_id", "run_name", "flow_name", "state_name", "start", "end"), "string")
NODE: Mapping[str, str] = {
    **dict.fromkeys(("label", "task_name", "kind", "state_type", "state_name", "flow_run_id", "container"), "string"),
    **dict.fromkeys(("expected_start", "start", "end", "tags"), "string"),
    **dict.fromkeys(("blocked_s", "queue_s", "run_s", "retry_s", "wall_s", "path_s", "slack_s"), "double"),
    **dict.fromkeys(("tries", "attempt"), "int"),
}
EDGE: Mapping[str, str] = {"kind": "string", "plausible": "boolean", "on_path": "boolean"}


def to_graphml(graph: FlowRunGraph) -> str:
    """Nodes and edges with typed data; what is missing has none.

    Times are ISO 8601 in UTC, durations seconds, tags joined by a space. `path_s` and `slack_s` are those of
    `critical_path.TASKS`. Most readers know no graphs within graphs: what a node ran inside is its `container`.
    """
    path = critical_path(graph)
    nodes = graph.nodes.join(path.tasks[["path_s", "slack_s"]])
    along = set(zip(path.links["source"], path.links["target"], strict=True))
    pairs = zip(graph.edges["source"], graph.edges["target"], strict=True)
    edges = graph.edges.assign(on_path=[pair in along for pair in pairs])
    root = Xml.Element("graphml", xmlns=NAMESPACE)
    for what, keys in (("graph", RUN), ("node", NODE), ("edge", EDGE)):
        for key, kind in keys.items():
            Xml.SubElement(root, "key", {"id": f"{what}-{key}", "for": what, "attr.name": key, "attr.type": kind})
    whole = Xml.SubElement(root, "graph", id="run", edgedefault="directed")
    run = graph.run
    _data(whole, "graph", RUN, {**vars(run), "run_id": run.id, "run_name": run.name})
    for node, fact in zip(nodes.index, _rows(nodes[list(NODE)]), strict=True):
        _data(Xml.SubElement(whole, "node", id=_text(node)), "node", NODE, fact)
    for number, fact in enumerate(_rows(edges)):
        ends = {end: _text(fact[end]) for end in ("source", "target")}
        _data(Xml.SubElement(whole, "edge", {"id": f"e{number}", **ends}), "edge", EDGE, fact)
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    found: list[dict[Any, Any]] = frame.to_dict("records")
    return found


def _data(element: Xml.Element, what: str, keys: Mapping[str, str], fact: Mapping[str, Any]) -> None:
    for key in keys:
        value = plain(fact[key])
        if value is not None:
            Xml.SubElement(element, "data", key=f"{what}-{key}").text = _text(value)


def _text(value: Any) -> str:
    """A value as XML holds it: without the control characters that it cannot."""
    if isinstance(value, bool):
        return str(value).lower()
    return legal(str(plain(" ".join(value) if isinstance(value, list) else value)))
