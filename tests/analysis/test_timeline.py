"""The bars of a timeline, its axis, its rows: known on runs whose answer is known in advance, sound on all."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdag.analysis.attempts import of_attempt
from flowdag.analysis.grouping import Folding
from flowdag.analysis.matching import Filter
from flowdag.analysis.time_axis import idle_stretches, time_axis
from flowdag.analysis.timeline import PARTS, bars, timeline
from flowdag.analysis.timeline_rows import Rows, RowView, arranged, by_task
from flowdag.model import FlowRunGraph
from tests.built import Flow, Ran, built
from tests.hostile import AS_OF, BEGIN, graphs

Bar = tuple[str, str, float, float]


def told(graph: FlowRunGraph) -> list[Bar]:
    """The bars: node, part (with the try and how it ended, of what ran), and from which second to which."""
    found = bars(graph)
    since = [[(moment - BEGIN).total_seconds() for moment in found[name]] for name in ("start", "end")]
    tries = zip(found["part"], found["try"], found["state_type"], strict=True)
    parts = [f"{part} {number} {state}" if part == "run" else part for part, number, state in tries]
    return list(zip(found["node"], parts, *since, strict=True))


def of(graph: FlowRunGraph, node: str) -> list[tuple[str, float, float]]:
    return [bar[1:] for bar in told(graph) if bar[0] == node]


def test_a_task_is_blocked_until_its_inputs_have_ended_and_then_waits_for_a_worker() -> None:
    graph = built(Flow(20), Ran("early", 0, 1, 8), Ran("late", 2, 11, 20, needs=["early"]))
    assert of(graph, "early") == [("queue", 0, 1), ("run 1 COMPLETED", 1, 8)]
    assert of(graph, "late") == [("blocked", 2, 8), ("queue", 8, 11), ("run 1 COMPLETED", 11, 20)]


def test_each_try_is_a_bar_and_so_is_the_pause_before_the_next() -> None:
    graph = built(Flow(9), Ran("again", 0, 0, 9, tries=[(0, 2), (3, 4), (7, 9)]))
    assert of(graph, "again") == [
        ("run 1 FAILED", 0, 2), ("retry", 2, 3), ("run 2 FAILED", 3, 4), ("retry", 4, 7), ("run 3 COMPLETED", 7, 9),
    ]  # fmt: skip


def test_what_runs_and_what_waits_does_so_until_now() -> None:
    graph = built(
        Flow(None, "RUNNING"),
        Ran("busy", 0, 1, None, state="RUNNING"),
        Ran("next", 0, None, None, needs=["busy"], state="PENDING"),
        Ran("ready", 5, None, None, state="PENDING"),
        as_of=40,
    )
    assert of(graph, "busy") == [("queue", 0, 1), ("run 1 RUNNING", 1, 40)]
    assert of(graph, "next") == [("blocked", 0, 40)]
    assert of(graph, "ready") == [("queue", 5, 40)]


def test_what_never_started_has_only_waited() -> None:
    graph = built(
        Flow(12, "FAILED"), Ran("bad", 0, 1, 6, state="FAILED"), Ran("never", 2, None, None, ["bad"], state="PENDING")
    )
    assert {part for part, _, _ in of(graph, "never")} == {"blocked"}
    assert of(graph, "never")[0][1] == 2


def test_what_took_no_time_is_still_a_bar() -> None:
    graph = built(Flow(5), Ran("cached", 0, 3, 3))
    assert of(graph, "cached")[-1] == ("run 1 COMPLETED", 3, 3)


def test_an_attempt_has_its_own_stretch_of_time() -> None:
    states = [(0, "RUNNING", "Running"), (4, "SCHEDULED", "AwaitingRetry"), (7, "RUNNING", "Retrying"),
              (12, "COMPLETED", "Completed")]  # fmt: skip
    graph = built(Flow(12, states=states), Ran("a1", 0, 1, 3), Ran("a2", 7, 8, 11, attempt=2))
    assert timeline(graph).span == (0, 12)
    second = timeline(of_attempt(graph, 2))
    assert second.span == (7, 12)
    assert second.bars["start_s"].tolist() == [7, 8]  # counted from the start of the run, not of the attempt
    assert set(second.bars["node"]) == {"a2"}


def test_no_task_ran_between_tasks_nor_while_one_waited_to_be_tried_again() -> None:
    graph = built(
        Flow(30),
        Ran("first", 0, 2, 6, tries=[(2, 3), (5, 6)]),
        Ran("sub", 6, 6, 20, subflow=True),  # that it runs is no work: what runs inside it is
        Ran("inner", 6, 10, 12, inside="sub"),
    )
    assert timeline(graph).idle == ((0, 2), (3, 5), (6, 10), (12, 30))


def test_a_task_that_calls_others_works_itself_between_them() -> None:
    graph = built(
        Flow(9), Ran("orch", 1, 1, 8), Ran("leaf", 1, 1, 2, inside="orch"), Ran("late", 6, 6, 7, inside="orch")
    )
    found = timeline(graph)
    assert found.idle == ((0, 1), (8, 9))
    assert found.steps["running"].tolist() == [2, 1, 2, 1, 0]


def test_idle_stretches_are_cut_out_and_the_rest_is_to_scale() -> None:
    axis = time_axis(0, 100, [(10, 12), (20, 80)])
    assert axis.cuts == ((20, 80),)  # the other one is not worth it
    places = axis.places([0, 10, 20, 80, 100])
    assert places[1] - places[0] == places[2] - places[1] == 10
    assert places[3] - places[2] < 2
    assert places[4] - places[3] == pytest.approx(20)
    assert [tick for tick in axis.ticks() if 20 < tick < 80] == []


def test_what_is_cut_begins_and_ends_with_what_is_shown() -> None:
    assert time_axis(30, 90, [(20, 80)]).cuts == ((30, 80),)
    assert time_axis(30, 70, [(20, 80)]).cuts == ()  # nothing would be left


@given(
    st.lists(st.tuples(st.floats(-10, 500), st.floats(0, 100)), max_size=12),
    st.floats(0, 200),
    st.floats(0.01, 400),
)
def test_the_axis_rises_and_places_lead_back_to_moments(
    spans: list[tuple[float, float]], start: float, length: float
) -> None:
    begins = np.array([begin for begin, _ in spans])
    ends = begins + np.array([long for _, long in spans])
    idle = idle_stretches(begins, ends, (start, start + length))
    axis = time_axis(start, start + length, idle)
    moments = np.linspace(start, start + length, 200)
    places = axis.places(moments)
    assert (np.diff(places) > 0).all()
    assert axis.moments(places) == pytest.approx(moments)
    assert places[0] == 0
    assert places[-1] == pytest.approx(axis.width)
    for a, b in idle:
        assert start <= a < b <= start + length
        assert not any(begin < b and end > a for begin, end in zip(begins, ends, strict=True) if end > begin)


@settings(deadline=None)
@given(graphs())
def test_the_bars_of_a_node_tile_its_time(graph: FlowRunGraph) -> None:
    found = bars(graph)
    assert set(found["part"]) <= set(PARTS)
    for node, own in found.groupby("node"):
        row = graph.nodes.loc[str(node)]
        assert (own["end"].to_numpy()[:-1] == own["start"].to_numpy()[1:]).all()
        created = min(moment for moment in (row["expected_start"], row["start"]) if pd.notna(moment))
        assert own["start"].iloc[0] == created
        if pd.notna(row["start"]):
            end = row["start"] + timedelta(seconds=row["wall_s"])
            assert abs(own["end"].iloc[-1] - end) <= timedelta(microseconds=1)
            assert own["end"].iloc[-1] <= max(AS_OF, row["end"] if pd.notna(row["end"]) else AS_OF)
        else:
            assert set(own["part"]) <= {"blocked", "queue"}
    started = graph.nodes.index[graph.nodes["start"].notna()]
    assert set(started) <= set(found.loc[found["part"] == "run", "node"])


NESTED = built(
    Flow(60),
    Ran("load1", 0, 1, 10),
    Ran("load2", 0, 2, 30),
    Ran("sub", 30, 31, 55, subflow=True, waits_for=["load1", "load2"]),
    Ran("inner1", 31, 32, 40, inside="sub"),
    Ran("inner2", 31, 35, 54, inside="sub"),
    Ran("last", 0, 56, 59, needs=["sub"]),
)


def of_nested(view: RowView, **path_s: float) -> Rows:
    path = pd.Series(0.0, index=NESTED.nodes.index)
    for node, length in path_s.items():
        path[node] = length
    return arranged(NESTED, path, view)


def test_a_row_a_group_with_what_ran_inside_a_subflow_below_it() -> None:
    table = of_nested(RowView()).table
    assert [label.split(" / ")[0] for label in table["label"]] == ["load", "sub", "inner", "last"]
    assert table["depth"].tolist() == [0, 0, 1, 0]
    assert table["count"].tolist() == [2, 1, 2, 1]
    assert table["kind"].tolist() == ["group", "flow-run", "group", "task-run"]


def test_a_row_a_task() -> None:
    assert of_nested(RowView("tasks")).table.index.tolist() == ["load1", "load2", "sub", "inner1", "inner2", "last"]


def test_what_ran_inside_a_closed_subflow_is_shown_by_its_row() -> None:
    rows = of_nested(RowView("tasks", folding=Folding(shut=("sub",))), sub=1, inner1=5)
    assert rows.table.index.tolist() == ["load1", "load2", "sub", "last"]
    assert rows.row_of["inner1"] == "sub"
    assert "inner1" not in rows.own
    assert rows.table.at["sub", "path_s"] == 6


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("start", ["load1", "load2", "sub", "inner1", "inner2", "last"]),
        ("duration", ["load2", "sub", "inner2", "inner1", "load1", "last"]),
        ("wait", ["load2", "load1", "sub", "inner2", "inner1", "last"]),
        ("path", ["last", "sub", "inner2", "inner1", "load1", "load2"]),
    ],
)
def test_what_lies_side_by_side_is_sorted(sort: str, order: list[str]) -> None:
    rows = of_nested(RowView("tasks", sort), last=9, sub=8, inner2=7, inner1=6, load1=5)  # type: ignore[arg-type]
    assert rows.table.index.tolist() == order


def test_rows_of_tasks_are_only_those_that_match_and_what_is_around_them() -> None:
    rows = of_nested(RowView("tasks", wanted=Filter(text="inner2")))
    assert rows.table.index.tolist() == ["sub", "inner2"]
    assert rows.lit is None


def test_groups_that_do_not_match_are_dimmed_or_left_out() -> None:
    wanted = Filter(text="inner")
    assert of_nested(RowView(wanted=wanted)).lit == {"inner1", "inner2"}
    assert len(of_nested(RowView(wanted=wanted)).table) == 4
    assert of_nested(RowView(wanted=wanted, hide=True)).table["kind"].tolist() == ["flow-run", "group"]


@settings(deadline=None)
@given(graphs())
def test_every_task_has_a_row_and_every_row_comes_after_what_contains_it(graph: FlowRunGraph) -> None:
    path = pd.Series(1.0, index=graph.nodes.index)
    for by in ("tasks", "groups"):
        rows = arranged(graph, path, RowView(by))  # type: ignore[arg-type]
        assert set(rows.row_of) == set(graph.nodes.index)
        assert set(rows.row_of.values()) == set(rows.table.index)
        assert rows.table["path_s"].sum() == len(graph.nodes)
        seen: set[str] = set()
        for row, container in rows.table["container"].items():
            assert container is None or container in seen
            seen.add(str(row))
    assert by_task(graph.nodes) == {node: node for node in graph.nodes.index}
