"""The export's contract, to the letter: what another program may rely on."""

from __future__ import annotations

import csv as reader
import io
import json
import math
import re
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings

from flowdag.export import csv, to_csv, to_json
from flowdag.model import FlowRunGraph
from tests.hostile import graphs
from tests.truth import Truth

TOP = ["flowdag", "run", "nodes", "edges", "tries", "critical_path", "notes"]
RUN = ["id", "name", "flow_name", "state_type", "state_name", "start", "end", "tags", "as_of", "complete"]
NODE = [
    "id", "kind", "flow_run_id", "task_run_id", "label", "task_name", "task_key", "state_type", "state_name",
    "expected_start", "start", "end", "blocked_s", "queue_s", "run_s", "retry_s", "wall_s", "tries", "attempt",
    "container", "tags",
]  # fmt: skip
EDGE = ["source", "target", "kind", "plausible"]
TRY = ["node", "try", "start", "end", "state_name"]
SEGMENT = ["node", "part", "start", "end"]
PARTS = {"run", "pending", "not_submitted", "retry", "flow", "earlier_attempt", "paused"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def no_constant(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


def contract(graph: FlowRunGraph) -> dict[str, Any]:
    """The export as another program reads it, when it has kept the contract."""
    whole: dict[str, Any] = json.loads(to_json(graph), parse_constant=no_constant)
    assert list(whole) == TOP
    assert whole["flowdag"] == 1
    assert list(whole["run"]) == RUN
    for name, keys in (("nodes", NODE), ("edges", EDGE), ("tries", TRY), ("critical_path", SEGMENT)):
        assert all(list(row) == keys for row in whole[name])
    times = [whole["run"][key] for key in ("start", "end", "as_of")]
    times += [node[key] for node in whole["nodes"] for key in ("expected_start", "start", "end")]
    times += [one[key] for one in (*whole["tries"], *whole["critical_path"]) for key in ("start", "end")]
    assert all(time is None or TIME.fullmatch(time) for time in times)
    for node in whole["nodes"]:
        assert isinstance(node["tags"], list)
        assert isinstance(node["tries"], int)
        assert all(node[key] is None or isinstance(node[key], float) for key in NODE if key.endswith("_s"))
    assert all(isinstance(edge["plausible"], bool) for edge in whole["edges"])
    assert isinstance(whole["run"]["complete"], bool)
    assert {one["part"] for one in whole["critical_path"]} <= PARTS
    assert {one["node"] for one in whole["critical_path"]} <= {None, *(node["id"] for node in whole["nodes"])}
    assert all(one["end"] == after["start"] for one, after in pairwise(whole["critical_path"]))
    pairs = [(edge["source"], edge["target"]) for edge in whole["edges"]]
    assert pairs == sorted(pairs)
    started = [(node["start"], node["id"]) for node in whole["nodes"] if node["start"]]
    assert started == sorted(started)
    return whole


@settings(max_examples=30, deadline=None)
@given(graph=graphs())
def test_any_graph_keeps_the_contract(graph: FlowRunGraph) -> None:
    whole = contract(graph)
    assert [node["id"] for node in whole["nodes"]] == list(graph.nodes.index)
    assert to_json(graph) == to_json(graph)


@settings(max_examples=30, deadline=None)
@given(graph=graphs())
def test_json_and_csv_tell_the_same(graph: FlowRunGraph) -> None:
    rows = list(reader.DictReader(io.StringIO(to_csv(graph), newline="")))
    nodes = contract(graph)["nodes"]
    assert len(rows) == len(nodes)
    for row, node in zip(rows, nodes, strict=True):
        assert list(row) == NODE
        for key in ("id", "state_type", "start", "end", "container"):
            assert row[key] == (node[key] or "")
        for key in ("run_s", "wall_s"):
            assert (float(row[key]) if row[key] else None) == node[key]
        assert row["label"].removeprefix("'") == node["label"].replace("\r", "\n")


@settings(max_examples=30, deadline=None)
@given(graph=graphs())
def test_no_cell_is_a_formula(graph: FlowRunGraph) -> None:
    for row in reader.reader(io.StringIO(to_csv(graph), newline="")):
        assert all(not cell.startswith(("=", "+", "@", "\t", "\r")) for cell in row)
        assert all(not cell.startswith("-") or is_number(cell) for cell in row)


def is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


@pytest.mark.parametrize("cell", ["=1+2", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", "-", "＝1+2"])
def test_formulas_become_text(cell: str) -> None:
    """Also after a carriage return, which begins a row in some spreadsheets and which nothing quotes."""
    for text in (cell, f"x\r{cell}", f"x\r\n{cell}"):
        written = csv(pd.DataFrame({"a": [text]}))
        (found,) = reader.DictReader(io.StringIO(written, newline=""))
        assert found["a"].replace("\n", "").replace("'", "", 1) == text.replace("\r", "").replace("\n", "")
        assert found["a"][0] in "x'"
        assert "\r" not in written


def test_numbers_stay_numbers() -> None:
    text = csv(pd.DataFrame({"a": [-1.5, float("nan")], "b": ["x,y", 'say "z"\nagain'], "c": [("p", "q"), ()]}))
    rows = list(reader.DictReader(io.StringIO(text, newline="")))
    assert rows == [{"a": "-1.5", "b": "x,y", "c": "p q"}, {"a": "", "b": 'say "z"\nagain', "c": ""}]


@pytest.mark.parametrize("scenario", ["nightly", "failing", "twice"])
def test_real_runs(truth: Truth, scenario: str) -> None:
    whole = contract(truth.graph(scenario))
    assert whole["run"]["id"] == truth.run_id(scenario)
    assert whole["run"]["complete"] is True
    path = whole["critical_path"]
    assert (path[0]["start"], path[-1]["end"]) == (whole["run"]["start"], whole["run"]["end"])
    never = [node for node in whole["nodes"] if node["state_name"] == "NotReady"]
    assert len(never) == (4 if scenario == "failing" else 0)
    assert all(node[key] is None for node in never for key in ("start", "end", "run_s", "wall_s", "queue_s"))
    keys = [node["start"] or node["expected_start"] for node in whole["nodes"]]
    assert keys == sorted(keys)
