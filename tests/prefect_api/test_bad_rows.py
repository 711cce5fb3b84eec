"""Rows with wrong types and impossible values anywhere: refused in words, or a sound graph with a note."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdag.errors import ApiAnswerInvalid
from flowdag.model import EDGES, NODES, TRIES, FlowRun, FlowRunGraph
from flowdag.prefect_api.assemble import Raw, assemble
from tests.hostile import AS_OF, BEGIN, RUN

AT = "2026-03-01T00:00:{:02d}Z".format
STATE = {"type": "COMPLETED", "name": "Completed", "timestamp": AT(9)}
LATER = {**STATE, "timestamp": AT(22)}


def task_run(name: str, second: int, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "name": f"{name}-f00",
        "flow_run_id": RUN,
        "task_key": f"{name}-0a1b2c3d",
        "dynamic_key": "f00",
        "state_type": "COMPLETED",
        "state_name": "Completed",
        "state": STATE,
        "expected_start_time": AT(second),
        "start_time": AT(second + 1),
        "end_time": AT(second + 2),
        "updated": AT(second + 3),
        "run_count": 1,
        "flow_run_run_count": 1,
        "total_run_time": 1.0,
        "tags": ["a"],
        "task_inputs": {},
        **more,
    }


def given_by(*names: str) -> list[dict[str, str]]:
    return [{"input_type": "task_run", "id": name} for name in names]


SUBFLOW = {
    "id": "s",
    "name": "sub",
    "flow_id": "f",
    "parent_task_run_id": "b",
    "state_type": "COMPLETED",
    "state_name": "Completed",
    "state": STATE,
    "expected_start_time": AT(12),
    "start_time": AT(13),
    "end_time": AT(18),
    "run_count": 1,
    "total_run_time": 5.0,
    "tags": [],
}
TASK_RUNS = [
    task_run("a", 0, run_count=2),
    task_run("b", 10, task_inputs={"x": given_by("a")}),
    task_run("c", 13, flow_run_id="s", task_inputs={"__parents__": given_by("d")}),
    task_run("d", 14, flow_run_id="s"),
    task_run("e", 20, task_inputs={"x": given_by("b"), "wait_for": given_by("a")}, end_time=None, state=LATER),
]
HISTORY = [
    {"type": "RUNNING", "name": "Running", "timestamp": AT(1)},
    {"type": "COMPLETED", "name": "Completed", "timestamp": AT(2)},
]
ROWS = {"task_runs": TASK_RUNS, "subflows": [SUBFLOW], "histories": {"a": HISTORY}}


def graph_of(rows: dict[str, Any], end_s: int = 30) -> FlowRunGraph:
    run = FlowRun(RUN, "run", "f", "flow", "COMPLETED", "Completed", start=BEGIN, end=BEGIN.replace(second=end_s))
    return assemble(Raw(run, rows["subflows"], rows["task_runs"], {"f": "flow"}, rows["histories"]), AS_OF)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything in the rows, and to the rows themselves."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, one in inner for found in ((*path, key), *places(one, (*path, key)))]


def put(rows: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    """Replaces what is there now; where an earlier change took the way away, nothing."""
    at: Any = rows
    for key in path[:-1]:
        try:
            at = at[key]
        except (LookupError, TypeError):
            return
    if isinstance(at, dict) or (isinstance(at, list) and isinstance(path[-1], int) and path[-1] < len(at)):
        at[path[-1]] = value


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 7, 2**31, 2**63, -(2**63), 2**64 - 1, 1e300, -1.5, float("inf")]),
    st.sampled_from(["", "a", "b", "s", "x", "nowhere", RUN, "RUNNING", "FROBNICATED"]),
    st.sampled_from(["garbage", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999+00:00"]),
    st.sampled_from(["2026-03-01T00:00:05+02:00", "2026-03-01", "2025-03-01T00:00:00.123456789Z", AT(1), AT(40)]),
    st.recursive(
        st.sampled_from([None, 1, "a", "d"]),
        lambda some: st.lists(some, max_size=2) | st.dictionaries(st.sampled_from(["id", "x"]), some, max_size=2),
        max_leaves=4,
    ),
)


def check_sound(graph: FlowRunGraph) -> None:
    nodes, edges, tries = graph.nodes, graph.edges, graph.tries
    for frame, contract in ((nodes, NODES), (edges, EDGES), (tries, TRIES)):
        assert {name: str(kind) for name, kind in frame.dtypes.items()} == dict(contract)
    assert nodes.index.is_unique
    assert not edges.duplicated(["source", "target"]).any()
    assert (edges["source"] != edges["target"]).all()
    assert {*edges["source"], *edges["target"], *tries["node"], *nodes["container"].dropna()} <= set(nodes.index)
    for node in nodes.index:
        around, out = nodes.at[node, "container"], 0
        while isinstance(around, str):
            around, out = nodes.at[around, "container"], out + 1
            assert out < len(nodes)
    seconds = nodes[["blocked_s", "queue_s", "run_s", "retry_s", "wall_s"]]
    assert not (seconds < 0).any(axis=None)
    assert (nodes["wall_s"].notna() == nodes["start"].notna()).all()
    assert (nodes["attempt"] >= 1).all()
    assert (nodes["tries"] >= 0).all()
    for name in ("label", "task_name", "state_type", "state_name"):
        assert nodes[name].map(lambda value: isinstance(value, str)).all()


@settings(max_examples=300, deadline=None)
@given(changes=st.lists(st.tuples(st.sampled_from(places(ROWS)), anything), min_size=1, max_size=3))
def test_whatever_stands_in_the_rows(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    rows = copy.deepcopy(ROWS)
    for path, value in changes:
        if len(path) > 1:  # the collections are of our own reader
            put(rows, path, copy.deepcopy(value))
    try:
        graph = graph_of(rows)
    except ApiAnswerInvalid as error:
        words = str(error)
    else:
        check_sound(graph)
        return
    assert "have another shape than flowdag knows" in words


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("task_runs", 0), None),
        (("task_runs", 0, "id"), 7),
        (("task_runs", 0, "name"), 7),
        (("task_runs", 0, "tags"), "a"),
        (("task_runs", 0, "tags"), [None]),
        (("task_runs", 0, "run_count"), "x"),
        (("task_runs", 0, "run_count"), True),
        (("task_runs", 0, "run_count"), -1),
        (("task_runs", 0, "total_run_time"), float("inf")),
        (("task_runs", 0, "start_time"), 1772323200),
        (("task_runs", 1, "task_inputs"), []),
        (("task_runs", 1, "task_inputs", "x"), {"id": "a"}),
        (("task_runs", 1, "task_inputs", "x"), ["a"]),
        (("task_runs", 1, "task_inputs", "x"), [{"id": 1}]),
        (("task_runs", 2, "task_inputs", "__parents__"), None),
        (("task_runs", 4, "state"), "COMPLETED"),
        (("task_runs", 4, "state"), {"timestamp": 1}),
        (("task_runs", 4, "id"), "s"),
        (("subflows", 0, "parent_task_run_id"), 7),
        (("subflows", 0, "flow_id"), {}),
        (("histories", "a", 0), "RUNNING"),
        (("histories", "a", 0, "type"), None),
        (("histories", "a", 0, "timestamp"), 1.5),
    ],
)
def test_another_shape_is_refused(path: tuple[Any, ...], value: Any) -> None:
    rows = copy.deepcopy(ROWS)
    put(rows, path, value)
    with pytest.raises(ApiAnswerInvalid, match="have another shape than flowdag knows"):
        graph_of(rows)


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({("task_runs", 0, "start_time"): "garbage"}, "1 time could not be read: shown as not told."),
        (
            {("task_runs", 0, "updated"): "", ("histories", "a", 0, "timestamp"): "x"},
            "2 times could not be read: shown as not told.",
        ),
        ({("task_runs", 4, "state"): {"timestamp": "then"}}, "1 time could not be read: shown as not told."),
        ({("task_runs", 3, "task_inputs"): {"__parents__": given_by("c")}}, "2 tasks were told to have run inside"),
        ({("task_runs", 0, "end_time"): AT(0)}, "1 task ended before the start: counted as 0 s."),
        (
            {("task_runs", 0, "state_type"): "FROBNICATED"},
            "States that flowdag does not know, taken as not ended: FROB",
        ),
    ],
)
def test_what_is_doubtful_is_noted(changes: dict[tuple[Any, ...], Any], note: str) -> None:
    assert graph_of(copy.deepcopy(ROWS)).notes == ()
    rows = copy.deepcopy(ROWS)
    for path, value in changes.items():
        put(rows, path, value)
    graph = graph_of(rows)
    check_sound(graph)
    assert any(told.startswith(note) for told in graph.notes), graph.notes


def test_rows_told_twice_count_once_as_told_last() -> None:
    twice = {**ROWS, "task_runs": [*TASK_RUNS, {**TASK_RUNS[3], "state_name": "Later"}], "subflows": [SUBFLOW] * 2}
    graph = graph_of(twice)
    check_sound(graph)
    assert sorted(graph.nodes.index) == ["a", "c", "d", "e", "s"]
    assert graph.nodes.at["d", "state_name"] == "Later"


def test_times_in_whatever_order_give_no_negative_seconds() -> None:
    """Ends before starts, starts before creations, and a flow run that ended before all of it."""
    times = ("expected_start_time", "start_time", "end_time")
    backwards = [{**row, **{name: AT(30 - 10 * at) for at, name in enumerate(times)}} for row in TASK_RUNS]
    graph = graph_of({**ROWS, "task_runs": backwards}, end_s=1)
    check_sound(graph)
    assert graph.nodes.at["a", "wall_s"] == 0
