"""Rows as no good server would send them: assembling never raises, and its tables keep their promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings

from flowdag.analysis.retries import retried
from flowdag.export import to_csv, to_json
from flowdag.model import EDGES, NODES, TRIES, FlowRun, FlowRunGraph
from flowdag.prefect_api.assemble import Raw, assemble
from tests.hostile import AS_OF, RUN, raws

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


@settings(max_examples=80, deadline=None)
@given(raw=raws())
def test_hostile_rows_give_sound_tables(raw: Raw) -> None:
    graph = assemble(raw, AS_OF)
    nodes, edges, tries = graph.nodes, graph.edges, graph.tries
    for frame, contract in ((nodes, NODES), (edges, EDGES), (tries, TRIES)):
        assert {name: str(kind) for name, kind in frame.dtypes.items()} == dict(contract)
    assert nodes.index.is_unique
    assert not edges.duplicated(["source", "target"]).any()
    assert (edges["source"] != edges["target"]).all()
    assert {*edges["source"], *edges["target"], *tries["node"]} <= set(nodes.index)
    assert set(edges["kind"]) <= {"data", "wait_for"}
    assert set(nodes["container"].dropna()) <= set(nodes.index)
    durations = nodes[["blocked_s", "queue_s", "run_s", "retry_s", "wall_s"]]
    assert not (durations < 0).any(axis=None)
    assert (nodes["attempt"] >= 1).all()
    times = nodes["start"].fillna(nodes["expected_start"])
    order = [(time is pd.NaT, 0 if time is pd.NaT else time, node) for node, time in times.items()]
    assert order == sorted(order)


@settings(max_examples=80, deadline=None)
@given(raw=raws())
def test_every_task_run_has_a_node(raw: Raw) -> None:
    """Itself, or the subflow runs that it stands for."""
    graph = assemble(raw, AS_OF)
    shown = {*graph.nodes.index, *graph.nodes["task_run_id"]}
    assert {row["id"] for row in raw.task_runs} <= shown


@settings(max_examples=40, deadline=None)
@given(raw=raws())
def test_containers_do_not_contain_themselves(raw: Raw) -> None:
    nodes = assemble(raw, AS_OF).nodes
    for node in nodes.index:
        seen, at = set(), node
        while isinstance(at, str) and at in nodes.index:
            assert at not in seen
            seen.add(at)
            at = nodes.at[at, "container"]


@settings(max_examples=40, deadline=None)
@given(raw=raws())
def test_what_is_assembled_can_be_exported(raw: Raw) -> None:
    graph = assemble(raw, AS_OF)
    assert to_json(graph).startswith("{")
    assert to_csv(graph).count("\n") > len(graph.nodes)


# --- one by one ------------------------------------------------------------------------------------------------------


def at(seconds: float) -> str:
    return (BEGIN + timedelta(seconds=seconds)).isoformat()


def row(name: str, start: float | None, end: float | None, inputs: dict[str, Any] | None = None, **more: Any) -> Any:
    return {
        "id": name,
        "name": name,
        "flow_run_id": RUN,
        "task_key": f"{name}-0a1b2c3d",
        "dynamic_key": "f00",
        "state_type": "COMPLETED" if end is not None else "RUNNING",
        "state_name": "Completed" if end is not None else "Running",
        "expected_start_time": at(0),
        "start_time": None if start is None else at(start),
        "end_time": None if end is None else at(end),
        "run_count": 1,
        "flow_run_run_count": 1,
        "total_run_time": 0.0 if start is None or end is None else end - start,
        "task_inputs": {key: [{"id": one} for one in ids] for key, ids in (inputs or {}).items()},
        **more,
    }  # fmt: skip


def whole(*rows: Any, run: dict[str, Any] | None = None, **more: Any) -> FlowRunGraph:
    facts = {"state_type": "COMPLETED", "state_name": "Completed", "start": BEGIN, "end": BEGIN + timedelta(seconds=60)}
    flow_run = FlowRun(id=RUN, name="run", flow_id="f", flow_name="flow", **{**facts, **(run or {})})
    return assemble(Raw(flow_run, [], rows, {}, **more), AS_OF)


def test_waits_are_split_where_the_last_input_ended() -> None:
    nodes = whole(row("a", 1, 4), row("b", 1, 7), row("c", 9, 10, {"x": ["a"], "wait_for": ["b"]})).nodes
    assert nodes.loc["c", ["blocked_s", "queue_s", "run_s", "retry_s", "wall_s"]].tolist() == [7, 2, 1, 0, 1]
    assert nodes.loc["a", ["blocked_s", "queue_s"]].tolist() == [0, 1]


def test_an_impossible_input_blocks_nobody() -> None:
    graph = whole(row("slow", 0, 30), row("c", 9, 10, {"x": ["slow"]}))
    assert graph.edges["plausible"].tolist() == [False]
    assert graph.nodes.loc["c", ["blocked_s", "queue_s"]].tolist() == [0, 9]


def test_data_wins_over_wait_for_in_either_order() -> None:
    for inputs in ({"wait_for": ["a"], "x": ["a"]}, {"x": ["a", "a"], "wait_for": ["a"]}):
        graph = whole(row("a", 0, 1), row("b", 2, 3, inputs))
        assert graph.edges[["source", "target", "kind"]].to_numpy().tolist() == [["a", "b", "data"]]


@pytest.mark.parametrize(
    ("age_s", "state", "complete"),
    [
        (3, "COMPLETED", False),  # task runs reach the database some seconds late
        (30, "COMPLETED", True),
        (30, "RUNNING", False),
        (30, "NotReady", True),  # stays pending for ever
        (30, "PENDING", False),
        (90, "PENDING", True),
    ],
)
def test_complete_only_when_nothing_may_still_arrive(age_s: float, state: str, complete: bool) -> None:
    kind = {"state_type": "PENDING" if state == "NotReady" else state, "state_name": state}
    one = row("a", 0, 1) if state == "COMPLETED" else row("a", 0 if state == "RUNNING" else None, None, **kind)
    assert whole(one, run={"end": AS_OF - timedelta(seconds=age_s)}).complete is complete


@pytest.mark.parametrize(("quiet_s", "complete"), [(2, False), (12, True)])
def test_not_complete_while_the_server_still_records(quiet_s: float, complete: bool) -> None:
    """Measured: a run of 402 tasks whose last row was written 12 s after its end, on an idle machine."""
    written = AS_OF - timedelta(seconds=quiet_s)
    rows = row("a", 0, 1, updated=(AS_OF - timedelta(seconds=25)).isoformat()), row("b", 0, 1, updated=str(written))
    assert whole(*rows, run={"end": AS_OF - timedelta(seconds=30)}).complete is complete


def test_a_running_run_is_never_complete() -> None:
    graph = whole(row("a", 0, 1), run={"state_type": "RUNNING", "end": None})
    assert graph.complete is False


def test_a_running_task_is_measured_up_to_now() -> None:
    graph = whole(row("a", 10, None), run={"state_type": "RUNNING", "end": None})
    assert graph.nodes.at["a", "wall_s"] == (AS_OF - BEGIN).total_seconds() - 10
    assert pd.isna(graph.nodes.at["a", "end"])


def test_pauses_are_not_run_time() -> None:
    states = [("RUNNING", 1), ("PAUSED", 2), ("RUNNING", 6), ("COMPLETED", 9)]
    history = [{"type": kind, "name": kind.title(), "timestamp": at(second)} for kind, second in states]
    graph = whole(row("a", 1, 9, run_count=2), histories={"a": history})
    assert graph.nodes.loc["a", ["run_s", "retry_s", "wall_s"]].tolist() == [4, 4, 8]
    assert graph.tries[["try", "state_name"]].to_numpy().tolist() == [[1, "Completed"]]
    assert graph.nodes.at["a", "tries"] == 1


def test_a_subflow_that_goes_on_after_a_pause_was_tried_once() -> None:
    states = [("RUNNING", 1), ("PAUSED", 2), ("RUNNING", 6), ("COMPLETED", 9)]
    history = [{"type": kind, "name": kind.title(), "timestamp": at(second)} for kind, second in states]
    called = row("s", 1, 9, run_count=2) | {"flow_id": "f", "parent_task_run_id": "a"}
    run = FlowRun(RUN, "run", "f", "flow", "COMPLETED", "Completed", start=BEGIN, end=BEGIN + timedelta(seconds=60))
    graph = assemble(Raw(run, [called], [row("a", 1, 9)], {"f": "flow"}, {"s": history}), AS_OF)
    assert graph.nodes.loc["s", ["tries", "run_s"]].tolist() == [1, 4]
    assert retried(graph) == ()


def test_no_task_runs() -> None:
    graph = whole()
    assert graph.nodes.empty
    assert graph.edges.empty
    assert graph.tries.empty
