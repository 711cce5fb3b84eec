"""The critical path: known on flows whose answer is known in advance, exact on all."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdag.analysis.attempts import of_attempt
from flowdag.analysis.critical_path import PARTS, CriticalPath, critical_path
from flowdag.analysis.retries import retried as retried_in
from flowdag.model import FlowRun, FlowRunGraph
from flowdag.prefect_api.assemble import Raw, assemble
from tests.built import RUN, Flow, Ran, _row, at, built, said
from tests.hostile import BEGIN, dags, graphs

Piece = tuple[str | None, str, float, float]


def pieces(path: CriticalPath) -> list[Piece]:
    """The segments: node, part, and from which second to which."""
    since = [[(moment - BEGIN).total_seconds() for moment in path.segments[name]] for name in ("start", "end")]
    return list(zip(path.segments["node"], path.segments["part"], *since, strict=True))


def links(path: CriticalPath) -> list[tuple[str, str, str]]:
    return list(path.links.itertuples(index=False, name=None))


def assert_tiles(graph: FlowRunGraph, path: CriticalPath) -> None:
    """The segments follow each other without gap or overlap from the start of the run to its end, or to now."""
    segments, run = path.segments, graph.run
    begin = run.start or graph.nodes["start"].min()
    end = max(begin, run.end or graph.as_of)
    assert set(segments["part"]) <= set(PARTS)
    assert (segments["start"] < segments["end"]).all()
    if begin == end:
        assert segments.empty
        return
    edges = [begin, *segments["end"]]
    assert list(segments["start"]) == edges[:-1]
    assert edges[-1] == end
    assert (segments["end"] - segments["start"]).sum() == end - begin
    assert set(segments["node"].dropna()) <= set(graph.nodes.index)


# Known answers


def test_calls_in_a_row_without_data() -> None:
    graph = built(Flow(20), Ran("a", 1, 2, 5), Ran("b", 6, 7, 12), Ran("c", 13, 14, 18))
    path = critical_path(graph)
    assert pieces(path) == [
        (None, "flow", 0, 1), ("a", "pending", 1, 2), ("a", "run", 2, 5),
        (None, "flow", 5, 6), ("b", "pending", 6, 7), ("b", "run", 7, 12),
        (None, "flow", 12, 13), ("c", "pending", 13, 14), ("c", "run", 14, 18), (None, "flow", 18, 20),
    ]  # fmt: skip
    assert links(path) == [("a", "b", "order"), ("b", "c", "order")]
    assert path.tasks["path_s"].to_dict() == {"a": 4, "b": 6, "c": 5}
    assert path.tasks["slack_s"].to_dict() == {"a": 0, "b": 0, "c": 0}
    assert path.tasks["save_half_s"].to_dict() == {"a": 1.5, "b": 2.5, "c": 2}


def test_the_input_that_ended_last_blocks() -> None:
    graph = built(
        Flow(10), Ran("a", 0, 0, 4), Ran("b", 0, 0, 6), Ran("c", 0, 7, 9, needs=["a", "b"]),
    )  # fmt: skip
    path = critical_path(graph)
    assert pieces(path) == [("b", "run", 0, 6), ("c", "pending", 6, 7), ("c", "run", 7, 9), (None, "flow", 9, 10)]
    assert links(path) == [("b", "c", "data")]
    assert path.tasks["slack_s"].to_dict() == {"a": 2, "b": 0, "c": 0}
    assert path.tasks["save_all_s"].to_dict() == {"a": 0, "b": 2, "c": 2}


def test_what_was_not_created_though_its_inputs_were_there() -> None:
    graph = built(Flow(10), Ran("a", 0, 0, 3), Ran("b", 6, 7, 10, waits_for=["a"]))
    assert pieces(critical_path(graph)) == [
        ("a", "run", 0, 3), ("b", "not_submitted", 3, 6), ("b", "pending", 6, 7), ("b", "run", 7, 10)
    ]  # fmt: skip


def test_a_map_limited_by_slots() -> None:
    """Six tasks of 4 s created at once, two at a time: the last pair waited for two others."""
    mapped = [Ran(f"work{n}", 1, 1 + 4 * (n // 2), 5 + 4 * (n // 2)) for n in range(6)]
    path = critical_path(built(Flow(13), *mapped))
    assert pieces(path) == [(None, "flow", 0, 1), ("work5", "pending", 1, 9), ("work5", "run", 9, 13)]
    assert path.estimate


def test_slots_that_are_handed_over() -> None:
    """As Prefect tells it: what waits for one of two slots is created when it gets one."""
    a = [Ran("work1", 0, 0, 4), Ran("work3", 4.003, 4.004, 9), Ran("work5", 9.003, 9.004, 16)]
    b = [Ran("work2", 0.001, 0.002, 6), Ran("work4", 6.003, 6.004, 11.5), Ran("work6", 11.503, 11.504, 14)]
    path = critical_path(built(Flow(16), *a, *b))
    assert links(path) == [("work1", "work3", "order"), ("work3", "work5", "order")]
    assert path.tasks["path_s"].sum() == pytest.approx(16, abs=0.01)
    assert path.estimate


def test_a_long_submission_waits_for_no_task() -> None:
    """A hundred tasks of half a second are submitted, one a second: the flow was busy, not waiting for any of them."""
    mapped = [Ran(f"work{n}", n, n, n + 1.5) for n in range(100)]
    path = critical_path(built(Flow(101), *mapped))
    assert pieces(path) == [(None, "flow", 0, 99), ("work99", "run", 99, 100.5), (None, "flow", 100.5, 101)]


def test_a_wait_for_all_is_a_wait_for_the_last() -> None:
    first = [Ran(f"first{n}", 0.01 * n, 0.01 * n, 5 + n) for n in range(5)]
    second = [Ran(f"second{n}", 9.5 + 0.01 * n, 10, 12 + n) for n in range(5)]
    path = critical_path(built(Flow(17), *first, *second))
    assert links(path) == [("first4", "second4", "order")]
    assert ("first4", "run", 0.04, 9) in pieces(path)


def test_a_need_says_what_the_flow_waited_for() -> None:
    """`other` ended after `a`, while the flow waited for `a` and then worked for 5 s before it called `b` with it."""
    graph = built(Flow(20), Ran("a", 0, 0, 6), Ran("other", 0.1, 0.1, 7), Ran("b", 12, 12, 20, needs=["a"]))
    path = critical_path(graph)
    assert links(path) == [("a", "b", "data")]
    assert ("b", "not_submitted", 6, 12) in pieces(path)


def test_a_wait_for_more_than_is_needed() -> None:
    """The flow waited for `a` and `other`, and then at once called `b`, which needs `a` only."""
    graph = built(Flow(20), Ran("a", 0, 0, 6), Ran("other", 0.1, 0.1, 12), Ran("b", 12.01, 12.1, 20, needs=["a"]))
    assert links(critical_path(graph)) == [("other", "b", "order")]


def test_a_wait_for_one_while_others_go_on() -> None:
    """The flow waits for the result of one of ten, then calls another task."""
    mapped = [Ran(f"work{n}", 0.01 * n, 0.01 * n, 30 if n else 10) for n in range(10)]
    path = critical_path(built(Flow(60), *mapped, Ran("next", 10.1, 10.2, 60)))
    assert links(path) == [("work0", "next", "order")]


def test_a_retry_on_the_path() -> None:
    graph = built(Flow(20), Ran("a", 0, 1, 18, tries=[(1, 4), (9, 11), (15, 18)]), Ran("b", 18, 18, 20))
    assert pieces(critical_path(graph)) == [
        ("a", "pending", 0, 1), ("a", "run", 1, 4), ("a", "retry", 4, 9), ("a", "run", 9, 11),
        ("a", "retry", 11, 15), ("a", "run", 15, 18), ("b", "run", 18, 20),
    ]  # fmt: skip


def test_a_subflow_on_the_path() -> None:
    graph = built(
        Flow(30),
        Ran("before", 0, 0, 2),
        Ran("sub", 2, 4, 25, subflow=True),
        Ran("in1", 5, 6, 12, inside="sub"),
        Ran("in2", 5, 6, 14, inside="sub"),
        Ran("in3", 14, 15, 22, inside="sub", needs=["in1"]),
        Ran("after", 25, 26, 29),
    )
    path = critical_path(graph)
    assert pieces(path) == [
        ("before", "run", 0, 2), ("sub", "pending", 2, 4), ("sub", "flow", 4, 5),
        ("in2", "pending", 5, 6), ("in2", "run", 6, 14), ("in3", "pending", 14, 15), ("in3", "run", 15, 22),
        ("sub", "flow", 22, 25), ("after", "pending", 25, 26), ("after", "run", 26, 29), (None, "flow", 29, 30),
    ]  # fmt: skip
    assert links(path) == [("before", "sub", "order"), ("in2", "in3", "order"), ("sub", "after", "order")]
    assert path.tasks.loc["in1", "slack_s"] == 2  # then in3 waits for it, created at 14
    assert path.tasks.loc["sub", "slack_s"] == 0
    assert pd.isna(path.tasks.loc["sub", "save_all_s"])


def test_a_task_that_called_tasks() -> None:
    graph = built(
        Flow(12), Ran("outer", 0, 1, 11), Ran("inner1", 2, 3, 5, inside="outer"), Ran("inner2", 5, 6, 9, inside="outer")
    )
    assert pieces(critical_path(graph)) == [
        ("outer", "pending", 0, 1), ("outer", "run", 1, 2), ("inner1", "pending", 2, 3), ("inner1", "run", 3, 5),
        ("inner2", "pending", 5, 6), ("inner2", "run", 6, 9), ("outer", "run", 9, 11), (None, "flow", 11, 12),
    ]  # fmt: skip


def test_a_task_inside_waits_for_one_outside() -> None:
    """A subflow is called while `slow` goes on, and a task in it needs that: the subflow itself did not wait."""
    graph = built(
        Flow(20),
        Ran("slow", 0, 0, 10),
        Ran("sub", 1, 2, 20, subflow=True),
        Ran("quick", 3, 3, 4, inside="sub"),
        Ran("final", 4, 11, 19, inside="sub", needs=["slow", "quick"]),
    )
    path = critical_path(graph)
    assert pieces(path) == [
        ("slow", "run", 0, 10), ("final", "pending", 10, 11), ("final", "run", 11, 19), ("sub", "flow", 19, 20)
    ]  # fmt: skip
    assert links(path) == [("slow", "final", "data")]
    assert path.tasks.loc["slow", "slack_s"] == 0
    assert path.tasks.loc["slow", "save_all_s"] == 6  # then it waits for quick


def test_a_task_outside_waits_for_one_inside() -> None:
    """`early` hands on its value while the subflow around it goes on for a while, and nobody waits for that."""
    graph = built(
        Flow(20),
        Ran("sub", 0, 0, 15, subflow=True),
        Ran("early", 1, 1, 4, inside="sub"),
        Ran("late", 4, 4, 15, inside="sub"),
        Ran("after", 5, 6, 20, needs=["early"]),
    )
    assert pieces(critical_path(graph)) == [
        ("sub", "flow", 0, 1), ("early", "run", 1, 4), ("after", "not_submitted", 4, 5), ("after", "pending", 5, 6),
        ("after", "run", 6, 20),
    ]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), [(6.0, 6.1), (6.1, 6.0)])
def test_near_ties(one: float, other: float) -> None:
    graph = built(Flow(10), Ran("a", 0, 0, one), Ran("b", 0, 0, other), Ran("c", 0, 7, 10, needs=["a", "b"]))
    path = critical_path(graph)
    blocks, spare = ("a", "b") if one > other else ("b", "a")
    assert links(path) == [(blocks, "c", "data")]
    assert path.tasks.loc[spare, "slack_s"] == pytest.approx(0.1)
    assert path.tasks.loc[blocks, "save_half_s"] == pytest.approx(0.1)


def test_what_was_not_waited_for_is_not_on_the_path() -> None:
    """The flow failed because of `bad` at 5; `long` was still running, and ended later."""
    graph = built(Flow(6, "FAILED"), Ran("bad", 0, 0, 5, state="FAILED"), Ran("long", 0, 0, 30))
    path = critical_path(graph)
    assert pieces(path) == [("bad", "run", 0, 5), (None, "flow", 5, 6)]
    assert pd.isna(path.tasks.loc["long", "slack_s"])


def test_a_cancelled_run_was_waiting_for_what_ran() -> None:
    graph = built(Flow(6, "CANCELLED"), Ran("a", 0, 0, 2), Ran("b", 2, 2, 6.3, needs=["a"], state="CANCELLED"))
    assert pieces(critical_path(graph)) == [("a", "run", 0, 2), ("b", "run", 2, 6)]


def test_cached_and_never_started_tasks() -> None:
    graph = built(
        Flow(10),
        Ran("a", 0, 0, 3),
        Ran("cached", 3, 4, 4, needs=["a"]),
        Ran("b", 4, 5, 9, needs=["cached"]),
        Ran("never", 4, None, None, needs=["b"], state="PENDING"),
    )
    path = critical_path(graph)
    assert pieces(path) == [
        ("a", "run", 0, 3), ("cached", "pending", 3, 4), ("b", "pending", 4, 5), ("b", "run", 5, 9),
        (None, "flow", 9, 10),
    ]  # fmt: skip
    assert path.tasks.loc["never"].isna().tolist() == [False, False, True, True, True]


def test_a_running_run_so_far() -> None:
    graph = built(
        Flow(None, "RUNNING"), Ran("a", 0, 0, 10), Ran("b", 10, 12, None, needs=["a"], state="RUNNING"), as_of=40
    )
    path = critical_path(graph)
    assert pieces(path) == [("a", "run", 0, 10), ("b", "pending", 10, 12), ("b", "run", 12, 40)]


def test_a_running_run_that_waits_for_a_worker() -> None:
    graph = built(
        Flow(None, "RUNNING"), Ran("a", 0, 0, 10), Ran("b", 10, None, None, needs=["a"], state="PENDING"), as_of=40
    )
    assert pieces(critical_path(graph)) == [("a", "run", 0, 10), ("b", "pending", 10, 40)]


def test_clock_skew_between_machines() -> None:
    """`b` needs `a`, and started 0.05 s before it had ended, by its own machine's clock."""
    graph = built(Flow(20), Ran("a", 0, 0, 10.05), Ran("b", 0, 10, 20, needs=["a"]))
    path = critical_path(graph)
    assert pieces(path) == [("a", "run", 0, 10), ("b", "run", 10, 20)]
    assert path.tasks.loc["a", "slack_s"] == 0


def test_a_phantom_link_is_not_followed() -> None:
    """Prefect told that `b` took the value of `a`, which ended long after it had started."""
    graph = built(Flow(20), Ran("c", 0, 0, 5), Ran("a", 5, 5, 15), Ran("b", 5, 6, 20, needs=["a", "c"]))
    assert links(critical_path(graph)) == [("c", "b", "data")]


RETRIED = (
    (0, "RUNNING", "Running"),
    (6, "SCHEDULED", "AwaitingRetry"),
    (10, "RUNNING", "Retrying"),
    (20, "COMPLETED", "Completed"),
)


def retried() -> FlowRunGraph:
    return built(
        Flow(20, states=RETRIED),
        Ran("a", 1, 2, 5, state="FAILED"),
        Ran("a2", 11, 12, 18, attempt=2),
    )


def test_earlier_attempts() -> None:
    assert pieces(critical_path(retried())) == [
        (None, "earlier_attempt", 0, 6), (None, "retry", 6, 10), (None, "flow", 10, 11), ("a2", "pending", 11, 12),
        ("a2", "run", 12, 18), (None, "flow", 18, 20),
    ]  # fmt: skip


def test_a_failed_run_that_is_tried_again_much_later() -> None:
    """It failed at 5 s, and somebody pressed Retry after an hour: that hour was no attempt."""
    states = [(0, "RUNNING", "Running"), (5, "FAILED", "Failed"), (3600, "SCHEDULED", "AwaitingRetry")]
    states += [(3602, "RUNNING", "Retrying"), (3610, "COMPLETED", "Completed")]
    graph = built(
        Flow(3610, states=states),
        Ran("a1", 0, 0, 5, state="FAILED"), Ran("a2", 3602, 3602, 3610, attempt=2), as_of=4000,
    )  # fmt: skip
    path = critical_path(graph)
    assert pieces(path) == [
        (None, "earlier_attempt", 0, 5), (None, "retry", 5, 3602), ("a2", "run", 3602, 3610)
    ]  # fmt: skip
    (again,) = retried_in(graph)
    assert again.pause_s == 3597


def test_a_task_that_waits_for_its_first_retry_does_not_work() -> None:
    """It worked from 2 to 5 s; its next try has not begun."""
    row = _row(Ran("a", 1, 2, None, state="SCHEDULED"), set()) | {"state_name": "AwaitingRetry", "total_run_time": 3.0}
    told = [(1, "PENDING", "Pending"), (2, "RUNNING", "Running"), (5, "SCHEDULED", "AwaitingRetry")]
    history = {"a": [{"type": kind, "name": name, "timestamp": said(when)} for when, kind, name in told]}
    run = FlowRun(RUN, "run", "f", "flow", "RUNNING", "Running", start=at(0), attempts=1)
    path = critical_path(assemble(Raw(run, [], [row], {}, history), BEGIN + timedelta(seconds=300)))
    assert pieces(path) == [
        (None, "flow", 0, 1), ("a", "pending", 1, 2), ("a", "run", 2, 5), ("a", "retry", 5, 300)
    ]  # fmt: skip


def test_one_attempt() -> None:
    first, second = (pieces(critical_path(of_attempt(retried(), number))) for number in (1, 2))
    assert first == [(None, "flow", 0, 1), ("a", "pending", 1, 2), ("a", "run", 2, 5), (None, "flow", 5, 6)]
    assert second[0] == (None, "flow", 10, 11)
    assert second[-1] == (None, "flow", 18, 20)


def test_a_pause() -> None:
    states = (
        (0, "RUNNING", "Running"), (4, "PAUSED", "Paused"), (9, "RUNNING", "Running"), (15, "COMPLETED", "Completed")
    )  # fmt: skip
    graph = built(Flow(15, states=states), Ran("a", 0, 0, 3), Ran("b", 10, 10, 15))
    assert pieces(critical_path(graph)) == [
        ("a", "run", 0, 3), (None, "flow", 3, 4), (None, "paused", 4, 9), (None, "flow", 9, 10), ("b", "run", 10, 15)
    ]  # fmt: skip


# Exact on all


@settings(max_examples=150, deadline=None)
@given(graph=graphs())
def test_segments_tile_whatever_the_server_tells(graph: FlowRunGraph) -> None:
    path = critical_path(graph)
    if graph.run.start or graph.nodes["start"].notna().any():
        assert_tiles(graph, path)
    else:
        assert path.segments.empty
    assert path.tasks.index.equals(graph.nodes.index)


@settings(max_examples=50, deadline=None)
@given(graph=dags())
def test_segments_tile_dags(graph: FlowRunGraph) -> None:
    assert_tiles(graph, critical_path(graph))


seconds = st.integers(0, 12)


@st.composite
def runs(draw: st.DrawFn) -> FlowRunGraph:
    """Up to a dozen tasks and subflows, nested, retried, running or never started, within twelve whole seconds."""
    ran: list[Ran] = []
    for number in range(draw(st.integers(1, 12))):
        created, start, end = sorted(draw(st.tuples(seconds, seconds, seconds)))
        state = draw(st.sampled_from(["COMPLETED", "COMPLETED", "FAILED", "RUNNING", "PENDING", "CRASHED"]))
        earlier = [one.id for one in ran]
        holders = [None, *(one.id for one in ran if one.subflow or one.state != "PENDING")]
        again = state == "COMPLETED" and end - start > 2 and draw(st.booleans())
        ran.append(
            Ran(
                f"{draw(st.sampled_from('abc'))}{number}",
                created,
                None if state == "PENDING" else start,
                None if state in ("PENDING", "RUNNING") else end,
                needs=draw(st.lists(st.sampled_from(earlier), max_size=3, unique=True)) if earlier else (),
                inside=draw(st.sampled_from(holders)),
                subflow=draw(st.integers(0, 4)) == 0,
                state=state,
                tries=[(start, start + 1), (end - 1, end)] if again else (),
            )
        )
    running = draw(st.booleans())
    return built(Flow(None if running else 10, "RUNNING" if running else "COMPLETED"), *ran, as_of=13)


@settings(max_examples=200, deadline=None)
@given(graph=runs())
def test_segments_tile_runs_with_ties_nesting_and_retries(graph: FlowRunGraph) -> None:
    path = critical_path(graph)
    assert_tiles(graph, path)
    on_path = path.segments.dropna(subset="node")
    for node, part, start, end in zip(on_path["node"], on_path["part"], on_path["start"], on_path["end"], strict=True):
        facts = graph.nodes.loc[node]
        if part == "run":  # nothing is said to have worked when it did not
            wall = timedelta(seconds=float(facts["wall_s"]))
            assert facts["start"] <= start
            assert end <= facts["start"] + wall


@settings(max_examples=60, deadline=None)
@given(graph=runs())
def test_savings_are_no_longer_than_the_work(graph: FlowRunGraph) -> None:
    tasks = critical_path(graph).tasks
    told = tasks["save_all_s"].notna()
    assert (tasks["save_half_s"][told] <= tasks["save_all_s"][told]).all()
    assert (tasks["save_all_s"][told] <= graph.nodes["run_s"][told] + 1e-9).all()
    assert (tasks["save_half_s"][told] >= 0).all()
    assert (tasks["save_all_s"][told & (tasks["slack_s"] > 0)] == 0).all()
