"""What tools draw or read of a run: in each format they find its nodes and edges, and hostile names stay names."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from io import BytesIO, StringIO
from typing import Any
from xml.etree import ElementTree as Xml

import networkx
import pandas as pd
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdag.export import FORMATS, to_parquet
from flowdag.export.dot import to_dot
from flowdag.export.graphml import to_graphml
from flowdag.export.mermaid import to_mermaid
from flowdag.model import FlowRunGraph
from tests.built import Flow, Ran, built
from tests.hostile import LABELS, graphs

EVIL = (
    *LABELS, "\ud800", "\0", "end",
    '"]\n    click n1 "javascript:alert(1)"', "%%{init: {}}%%", "`**md**`", "a\\", "\\N\\G",
    'x" URL="http://evil.test', "<b>&lt;</b>", "]]>", "<!-- -->", "style x:#35;", "#quot;", "\ufffe", "}", "-->", "---",
)  # fmt: skip
hostile = st.one_of(st.sampled_from(EVIL), st.text(max_size=20))


def named(graph: FlowRunGraph, names: list[str]) -> FlowRunGraph:
    """The same graph with other names, over and over."""
    many = [names[at % len(names)] for at in range(len(graph.nodes))]
    tags = pd.Series([(name,) for name in many], index=graph.nodes.index, dtype="object")
    nodes = graph.nodes.assign(label=pd.Series(many, graph.nodes.index, dtype="object"), tags=tags)
    return replace(graph, nodes=nodes, run=replace(graph.run, name=names[0]))


def nested() -> FlowRunGraph:
    """`load` feeds the subflow `part`, in which `a` feeds `b`; `part` feeds `send`, which waits for `load` too.

    The path goes along all but the last.
    """
    return built(
        Flow(40),
        Ran("load", 0, 0, 10),
        Ran("part", 0, 10, 30, needs=["load"], subflow=True),
        Ran("a", 10, 10, 20, inside="part"),
        Ran("b", 10, 20, 30, needs=["a"], inside="part"),
        Ran("send", 0, 30, 40, needs=["part"], waits_for=["load"]),
    )


# --- Mermaid, by the grammar of its documentation: flowchart, subgraph, links, entity codes --------------------------

BOX = re.compile(r' +(subgraph )?(n\d+)\["((?:[\w .,-]|#\d+;)*)"\]')
LINK = re.compile(r"    (n\d+) (-->|-\.->|==>) (n\d+)")
REST = re.compile(r"    classDef [a-z_]+ fill:#\w{6},stroke:#\w{6},color:#\w{6}|    class n\d+(,n\d+)* [a-z_]+| +end")


def read_mermaid(text: str) -> tuple[dict[str, tuple[str, str | None]], set[tuple[str, str, str]]]:
    """Box -> its text, decoded, and its subgraph; and the links."""
    head, *lines = text.splitlines()
    assert head == "flowchart LR"
    boxes: dict[str, tuple[str, str | None]] = {}
    links, around = set(), list[str]()
    for line in lines:
        if box := BOX.fullmatch(line):
            label = re.sub(r"#(\d+);", lambda code: chr(int(code[1])), box[3])
            assert box[2] not in boxes
            boxes[box[2]] = label, around[-1] if around else None
            around += [box[2]] if box[1] else []
        elif link := LINK.fullmatch(line):
            links.add((link[1], link[2], link[3]))
        else:
            assert REST.fullmatch(line), line
            if line.strip() == "end":
                around.pop()
    assert not around
    assert {end for link in links for end in (link[0], link[2])} <= boxes.keys()
    return boxes, links


def test_mermaid_draws_what_ran() -> None:
    boxes, links = read_mermaid(to_mermaid(nested()))
    name = {box: text.split()[1].rstrip(",") for box, (text, _) in boxes.items()}
    assert {name[box]: around and name[around] for box, (_, around) in boxes.items()} == {
        "load": None, "part": None, "a": "part", "b": "part", "send": None,
    }  # fmt: skip
    assert {(name[a], arrow, name[b]) for a, arrow, b in links} == {
        ("load", "==>", "part"), ("a", "==>", "b"), ("part", "==>", "send"), ("load", "-.->", "send"),
    }  # fmt: skip
    assert "✓ load, 10.0 s" in {text for text, _ in boxes.values()}


def test_mermaid_gets_groups_where_it_would_refuse_so_many() -> None:
    many = [Ran(f"part{number}", 1, 1, 2, needs=["load"]) for number in range(501)]
    boxes, links = read_mermaid(to_mermaid(built(Flow(10), Ran("load", 0, 0, 1), *many)))
    assert [text for text, _ in boxes.values()] == ["✓ load, 1.00 s", "✓ part × 501, 1.00 s"]
    assert len(links) == 1


@settings(max_examples=30, deadline=None)
@given(graph=graphs(), names=st.lists(hostile, min_size=1, max_size=8))
def test_mermaid_takes_any_name(graph: FlowRunGraph, names: list[str]) -> None:
    boxes, links = read_mermaid(to_mermaid(named(graph, names)))
    assert len(boxes) == len(graph.nodes)
    assert len(links) <= len(graph.edges)


# --- DOT, by the grammar of its documentation: what is outside of quotes ---------------------------------------------

QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)


def read_dot(text: str) -> str:
    """The text with `Q` in place of everything in quotes; what is left is ours."""
    left = QUOTED.sub("Q", text)
    assert '"' not in left
    attributes = r"\[[\w=, Q]+\];"
    statement = rf" *((digraph|subgraph) Q \{{|\}}|Q -> Q( {attributes}|;)|(Q|node) {attributes}|[\w=;, Q]+;)"
    for line in left.splitlines():
        assert re.fullmatch(statement, line), line
    assert left.count("{") == left.count("}")
    return left


def test_dot_draws_what_ran() -> None:
    text = to_dot(nested())
    read_dot(text)
    assert '"load" -> "in part" [lhead="cluster part", penwidth=3];' in text
    assert '"in part" -> "send" [ltail="cluster part", penwidth=3];' in text
    assert '"load" -> "send" [style=dotted];' in text
    inside = text[text.index('subgraph "cluster part" {') : text.index("\n    }\n")]
    assert set(re.findall(r'^ +"(\w+)" \[label', inside, re.MULTILINE)) == {"a", "b"}


@settings(max_examples=30, deadline=None)
@given(graph=graphs(), names=st.lists(hostile, min_size=1, max_size=8))
def test_dot_takes_any_name(graph: FlowRunGraph, names: list[str]) -> None:
    read_dot(to_dot(named(graph, names)))


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
def test_graphviz_reads_it() -> None:
    done = subprocess.run(["dot", "-Tsvg"], input=to_dot(named(nested(), list(EVIL))), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "evil.test" not in re.sub(r">[^<]*<", "><", done.stdout)


# --- GraphML, as networkx and an XML parser read it ------------------------------------------------------------------


def read_graphml(text: str) -> Any:
    return networkx.read_graphml(BytesIO(text.encode()))


def test_graphml_tells_what_ran() -> None:
    found = read_graphml(to_graphml(nested()))
    assert set(found.nodes) == {"load", "part", "a", "b", "send"}
    assert found.nodes["a"]["container"] == "part"
    assert "container" not in found.nodes["load"]
    assert (found.nodes["b"]["run_s"], found.nodes["b"]["tries"]) == (10.0, 1)
    assert {(a, b, data["kind"], data["on_path"]) for a, b, data in found.edges(data=True)} == {
        ("load", "part", "data", True), ("a", "b", "data", True), ("part", "send", "data", True),
        ("load", "send", "wait_for", False),
    }  # fmt: skip
    assert found.graph["run_name"] == "run"


@settings(max_examples=30, deadline=None)
@given(graph=graphs(), names=st.lists(hostile, min_size=1, max_size=8))
def test_graphml_takes_any_name(graph: FlowRunGraph, names: list[str]) -> None:
    graph = named(graph, names)
    text = to_graphml(graph)
    found = read_graphml(text)
    assert set(found.nodes) == set(graph.nodes.index)
    assert len(found.edges) == len(graph.edges)
    assert {element.tag.rpartition("}")[2] for element in Xml.fromstring(text).iter()} <= {
        "graphml", "key", "graph", "node", "edge", "data",
    }  # fmt: skip
    legal = [name for name in graph.nodes["label"] if name.isprintable()]
    assert {data["label"] for _, data in found.nodes(data=True)} >= set(legal) - {""}


# --- Parquet ---------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(graph=graphs(), names=st.lists(hostile, min_size=1, max_size=8))
def test_parquet_holds_the_nodes(graph: FlowRunGraph, names: list[str]) -> None:
    graph = named(graph, names)
    content = to_parquet(graph)
    found = pd.read_parquet(BytesIO(content))
    assert list(found["id"]) == list(graph.nodes.index)
    for name in ("start", "end", "run_s", "wall_s", "tries"):
        pd.testing.assert_series_equal(
            found[name], graph.nodes[name].reset_index(drop=True), check_dtype=False, check_index_type=False
        )
    told = pyarrow.parquet.read_schema(BytesIO(content))
    types = {field.name: str(field.type) for field in told}
    assert (types["start"], types["run_s"], types["tries"]) == ("timestamp[us, tz=UTC]", "double", "int64")
    assert types["tags"].startswith("list<")


def test_every_format_takes_every_name() -> None:
    graph = named(nested(), [EVIL[-1], *EVIL])
    for name in EVIL:
        for form in FORMATS.values():
            assert form.make(named(graph, [name]))
    assert StringIO(to_graphml(graph)).readline().startswith("<?xml")
