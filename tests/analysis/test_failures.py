"""Why a run failed: on runs drawn by hand, whose cause is known, on runs of real flows, and on any rows at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from flowdag.analysis.attempts import of_attempt
from flowdag.analysis.failures import Alike, Failures, ended_badly, exception_line, failures, without_prefect
from flowdag.looks.failures import in_words
from flowdag.model import FlowRun, FlowRunGraph
from flowdag.prefect_api.assemble import Raw, assemble
from tests.built import Flow, Ran, built
from tests.hostile import graphs
from tests.truth import Truth

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATES = {
    "ok": ("COMPLETED", "Completed"),
    "failed": ("FAILED", "Failed"),
    "late": ("FAILED", "TimedOut"),
    "crashed": ("CRASHED", "Crashed"),
    "cancelled": ("CANCELLED", "Cancelled"),
    "never": ("PENDING", "NotReady"),
    "waits": ("PENDING", "Pending"),
}


def at(second: float) -> str:
    return (BEGIN + timedelta(seconds=second)).isoformat()


def task(
    name: str, how: str, end: float = 1, needs: Sequence[str] = (), inside: str | None = None, **more: Any
) -> dict[str, Any]:
    """A task run: its id is its name, which ends in a number where others share its task's name."""
    kind, state = STATES[how]
    ran = {"start_time": at(end - 1), "end_time": at(end)} if kind != "PENDING" else {}
    given = {"x": [{"input_type": "task_run", "id": one} for one in needs]}
    if inside:
        given["__parents__"] = [{"input_type": "task_run", "id": inside}]
    return {
        "id": name, "name": name, "task_key": f"{name.rstrip('0123456789-')}-0a1b2c3d", "flow_run_id": "run",
        "state_type": kind, "state_name": state, "expected_start_time": at(0), "run_count": int(kind != "PENDING"),
        "task_inputs": given, **ran, **more,
    }  # fmt: skip


def subflow(name: str, how: str, end: float) -> dict[str, Any]:
    """A subflow run; the task run that stands for it has its name and `-call`."""
    row = task(name, how, end)
    return row | {"flow_id": name, "parent_task_run_id": f"{name}-call"}


def run_of(
    *task_runs: dict[str, Any], subflows: Sequence[dict[str, Any]] = (), how: str = "failed", message: str | None = None
) -> FlowRunGraph:
    kind, state = STATES[how]
    run = FlowRun("run", "the run", "f", "flow", kind, state, message, start=BEGIN, end=BEGIN + timedelta(minutes=1))
    names = {row["flow_id"]: row["flow_id"] for row in subflows}
    return assemble(Raw(run, list(subflows), list(task_runs), names), BEGIN + timedelta(minutes=2))


def told(found: Failures) -> list[dict[str, Any]]:
    """Each cause in few words; several nodes alike by their number."""

    def short(alike: Sequence[Alike]) -> list[str]:
        return sorted(one.nodes[0] if len(one.nodes) == 1 else f"{len(one.nodes)} {one.task_name}" for one in alike)

    kinds = ("failed", "around", "never")
    return [
        {"first": short([cause.first])[0] if cause.first.nodes else None}
        | {kind: names for kind in kinds if (names := short(getattr(cause, kind)))}
        for cause in found.causes
    ]


def test_a_chain() -> None:
    """What needs the failed task never started, also what needs that; the others have nothing to do with it."""
    graph = run_of(
        task("read", "ok", 1),
        task("convert", "failed", 5, ["read"]),
        task("load", "never", needs=["convert"]),
        task("report", "never", needs=["load", "read"]),
        task("log", "ok", 9, ["read"]),
    )
    found = failures(graph, {"convert": "Task run encountered an exception ValueError: no rows"})
    assert told(found) == [{"first": "convert", "never": ["load", "report"]}]
    (cause,) = found.causes
    assert (cause.first.line, cause.at) == ("ValueError: no rows", BEGIN + timedelta(seconds=5))
    assert found.never == ()


def test_a_subflow_that_failed_because_of_its_task() -> None:
    """The innermost comes first; what needed the subflow never started because of it."""
    graph = run_of(
        task("load", "failed", 5, flow_run_id="etl"),
        task("count", "never", needs=["load"], flow_run_id="etl"),
        task("etl-call", "failed", 6),
        task("report", "never", needs=["etl-call"]),
        subflows=[subflow("etl", "failed", 6)],
    )
    assert told(failures(graph, {})) == [{"first": "load", "around": ["etl"], "never": ["count", "report"]}]


def test_a_subflow_that_failed_by_itself() -> None:
    """Its task ended well; or was put to an end after the subflow had crashed."""
    ended_well = run_of(
        task("load", "ok", 5, flow_run_id="etl"), task("etl-call", "failed", 6), subflows=[subflow("etl", "failed", 6)]
    )
    assert told(failures(ended_well, {})) == [{"first": "etl"}]
    crashed = run_of(
        task("load", "crashed", 8, flow_run_id="etl"),
        task("etl-call", "crashed", 6),
        subflows=[subflow("etl", "crashed", 6)],
    )
    assert told(failures(crashed, {})) == [{"first": "etl", "failed": ["load"]}]


def test_tasks_inside_of_tasks() -> None:
    graph = run_of(
        task("outer", "failed", 7),
        task("middle", "failed", 6, inside="outer"),
        task("leaf", "failed", 5, inside="middle"),
        task("after", "never", needs=["outer"]),
    )
    assert told(failures(graph, {})) == [{"first": "leaf", "around": ["middle", "outer"], "never": ["after"]}]


def test_what_completed_in_spite_of_it_has_dealt_with_it() -> None:
    """A failure that was allowed; a subflow that caught it. What fails after these has a reason of its own."""
    graph = run_of(
        task("first", "failed", 1),
        task("tolerant", "ok", 3, ["first"]),
        task("other", "failed", 5, ["tolerant"]),
        task("inner", "failed", 2, flow_run_id="etl"),
        task("etl-call", "ok", 4),
        task("after", "failed", 6, ["etl-call"]),
        subflows=[subflow("etl", "ok", 4)],
    )
    assert [one["first"] for one in told(failures(graph, {}))] == ["first", "inner", "other", "after"]
    assert [set(one) for one in told(failures(graph, {}))] == [{"first"}] * 4


def test_what_was_given_a_failure_and_failed() -> None:
    graph = run_of(task("first", "late", 1), task("second", "failed", 3, ["first"]), task("third", "ok", 4, ["second"]))
    assert told(failures(graph, {})) == [{"first": "first", "failed": ["second"]}]


def test_a_subflow_that_was_given_a_failure() -> None:
    """What failed inside it had been given it too."""
    graph = run_of(
        task("first", "failed", 1),
        task("load", "failed", 5, flow_run_id="etl"),
        task("etl-call", "failed", 6, ["first"]),
        subflows=[subflow("etl", "failed", 6)],
    )
    assert told(failures(graph, {})) == [{"first": "first", "failed": ["load"], "around": ["etl"]}]


def test_several_causes_in_order_of_time_and_what_both_stopped() -> None:
    """What two failures have stopped is told of the first."""
    graph = run_of(
        task("slow", "crashed", 9),
        task("quick", "cancelled", 2),
        task("joined", "never", needs=["slow", "quick"]),
        task("of-slow", "never", needs=["slow"]),
    )
    assert told(failures(graph, {})) == [
        {"first": "quick", "never": ["joined"]},
        {"first": "slow", "never": ["of-slow"]},
    ]


def test_nine_hundred_equal_failures_are_one_line() -> None:
    """Equal but for numbers and ids; another exception is another line."""
    many = [task(f"score-{number}", "failed", 10 + number / 1000) for number in range(900)]
    stopped = [task(f"send-{number}", "never", needs=[f"score-{number}"]) for number in range(900)]
    graph = run_of(*many, *stopped, task("score-900", "failed", 5))
    messages = {f"score-{number}": f"Task run encountered an exception KeyError: {number}" for number in range(900)}
    found = failures(graph, messages | {"score-900": "Task run encountered an exception OSError: [Errno 28] full"})
    assert told(found) == [{"first": "score-900"}, {"first": "900 score", "never": ["900 send"]}]
    assert found.causes[1].first.line == "KeyError: 0"
    assert found.causes[1].first.nodes[:2] == ("score-0", "score-1")
    assert len(ended_badly(graph)) == 901


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (["failed", "cancelled"], "1 task failed and 1 was cancelled."),
        (["cancelled"], "1 task was cancelled."),
        (["crashed", "crashed", "late"], "1 task failed and 2 crashed."),
    ],
)
def test_how_they_ended_is_told(how: list[str], words: str) -> None:
    graph = run_of(*(task(f"{name}{number}-x", name) for number, name in enumerate(how)))
    assert in_words(failures(graph, {})) == words


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("failed", "the flow's own code did"), ("cancelled", "the run was cancelled"), ("crashed", "the run crashed")
    ],
)  # fmt: skip
def test_a_run_without_tasks_that_failed(how: str, words: str) -> None:
    assert in_words(failures(run_of(how=how), {})) == f"No task failed: {words}."


def test_an_earlier_attempt_has_its_own_story() -> None:
    """The first attempt failed in a task, the second raised something else itself."""
    states = [(0, "RUNNING", "Running"), (5, "SCHEDULED", "AwaitingRetry"), (6, "RUNNING", "Retrying")]
    graph = built(
        Flow(9, "FAILED", states=[*states, (9, "FAILED", "Failed")]),
        Ran("a1", 0, 0, 5, state="FAILED"), Ran("a2", 6, 6, 8, attempt=2),
    )  # fmt: skip
    message = "Flow run encountered an exception: ValueError: no rows"
    graph = replace(graph, run=replace(graph.run, state_message=message))
    first, last = (failures(of_attempt(graph, number), {}) for number in (1, 2))
    assert [cause.first.nodes for cause in first.causes] == [("a1",)]
    assert [cause.first.nodes for cause in last.causes] == [()]


def test_the_flows_own_code() -> None:
    graph = run_of(task("read", "ok"), message="Flow run encountered an exception: TypeError: no such thing\n")
    (cause,) = failures(graph, {}).causes
    assert cause.first == Alike("flow", (), "FAILED", "Failed", "TypeError: no such thing")
    assert told(failures(run_of(task("read", "failed")), {})) == [{"first": "read"}]
    assert failures(run_of(task("read", "ok"), how="ok"), {}) == Failures((), (), ())


@pytest.mark.parametrize(
    ("said", "own"),
    [
        ("KeyError: 'mine'", True),
        ("ValueError: 43 is too much", False),  # the task's own, passed on; numbers may differ
        ("prefect.exceptions.UpstreamTaskError: a task failed", False),
        ("UnfinishedRun: Run is in PENDING state, its result is not available.", False),
        (None, False),
    ],
)
def test_the_flows_own_code_fails_too(said: str | None, own: bool) -> None:
    """A task's failure was put up with, and then the flow raised something else: both are told."""
    message = said and f"Flow run encountered an exception: {said}"
    graph = run_of(task("boom", "failed"), message=message)
    found = failures(graph, {"boom": "Task run encountered an exception ValueError: 42 is too much"})
    assert [cause.first.nodes for cause in found.causes] == [("boom",), ()][: 1 + own]
    assert in_words(found) == "1 task failed" + ". The flow's own code failed too" * own + "."
    assert len(failures(graph, {}).causes) == 1, "what the task said is not known"


def test_what_never_started_for_no_fault_of_a_task() -> None:
    """The run was over before; in a run that goes on it may start yet."""
    graph = run_of(task("read", "ok"), task("wait-1", "waits"), task("wait-2", "waits"), how="crashed")
    found = failures(graph, {})
    assert [cause.first.nodes for cause in found.causes] == [()]
    assert [(alike.task_name, len(alike.nodes)) for alike in found.never] == [("wait", 2)]
    running = FlowRun("run", "the run", "f", "flow", "RUNNING", "Running", start=BEGIN)
    going_on = assemble(Raw(running, [], [task("wait-1", "waits"), task("read", "ok")], {}), BEGIN)
    assert failures(going_on, {}) == Failures((), (), ())


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("Task run encountered an exception ValueError: no rows", "ValueError: no rows"),
        ("Flow run encountered an exception: db.exc.OperationalError: gone\nsee log", "db.exc.OperationalError: gone"),
        ("Task run exceeded timeout of 0.3 second(s)", "Task run exceeded timeout of 0.3 second(s)"),
        ("Task run encountered an exception RowError: 1 error in Row\nname\n  missing", "RowError: 1 error in Row"),
        ("Traceback (most recent call last):\n  File x\n    KeyError: z\nRuntimeError: last", "RuntimeError: last"),
        ("Traceback (most recent call last):\n  File x\nmine.Odd: last", "mine.Odd: last"),
        ("3/5 states failed.", "3/5 states failed."),
        (f"ValueError: {'x' * 600}", f"ValueError: {'x' * 487}…"),
        ("  \n", None),
        (None, None),
    ],
)  # fmt: skip
def test_the_line_of_an_exception(message: str | None, line: str | None) -> None:
    assert exception_line(message) == line


def test_steps_in_prefect_are_left_out() -> None:
    """A blank line of code, as Python marks where in a call an error came from, belongs to its step."""
    inside = (
        '  File "/lib/python3.11/site-packages/prefect/task_engine.py", line 1, in run\n    x = call(\n        ^^^\n'
    )
    own = '  File "/flows/prefect/mine.py", line 3, in load\n    raise KeyError\n'
    begin, end = "It failed\nTraceback (most recent call last):\n", "KeyError: 'a'\n  with a note"
    assert without_prefect(begin + inside + inside + own + end) == f"{begin}  … 2 steps in Prefect …\n{own}{end}"
    assert without_prefect(begin + own + inside + end) == f"{begin}{own}  … 1 step in Prefect …\n{end}"
    assert without_prefect("plain\n\ntext") == "plain\n\ntext"


def test_retries_that_helped_and_others() -> None:
    """Two were tried twice, with pauses of 5 and 7 s; one three times, in vain."""
    rows = [task(name, how, 20, run_count=often) for name, how, often in
            (("load-1", "ok", 2), ("load-2", "ok", 2), ("send", "failed", 3), ("read", "ok", 1))]  # fmt: skip

    def history(*seconds: float, last: str) -> list[dict[str, Any]]:
        """Runs of one second each."""
        told = []
        for second in seconds:
            told += [("RUNNING", "Running", second), ("SCHEDULED", "AwaitingRetry", second + 1)]
        told[-1] = (last, last.title(), seconds[-1] + 1)
        return [{"type": kind, "name": name, "timestamp": at(second)} for kind, name, second in told]

    histories = {
        "load-1": history(0, 6, last="COMPLETED"),
        "load-2": history(0, 8, last="COMPLETED"),
        "send": history(0, 2, 9, last="FAILED"),
    }
    run = FlowRun("run", "the run", "f", "flow", "FAILED", "Failed", start=BEGIN, end=BEGIN + timedelta(seconds=30))
    found = failures(assemble(Raw(run, [], rows, {}, histories), BEGIN + timedelta(minutes=1)), {}).retried
    assert {(one.task_name, one.nodes, one.tries, one.state_type, one.pause_s, one.retries) for one in found} == {
        ("load", ("load-1", "load-2"), 2, "COMPLETED", 6.0, 2),
        ("send", ("send",), 3, "FAILED", 6.0, 2),
    }


# --- real flows: what they do stands in their source -----------------------------------------------------------------


def labels(graph: FlowRunGraph, many: Sequence[Alike]) -> set[str]:
    return {str(graph.nodes.at[node, "task_name"]) for alike in many for node in alike.nodes}


def test_the_failing_nightly_run(truth: Truth) -> None:
    """convert-east fails; the warehouse needs all regions, and all that follows needs the warehouse."""
    graph = truth.graph("failing")
    found = failures(graph, {})
    (cause,) = found.causes
    (node,) = cause.first.nodes
    assert graph.nodes.at[node, "label"] == "convert-east"
    assert labels(graph, cause.never) >= {"load_warehouse", "final_report"}
    assert found.never == ()
    raised = {body.id for bodies in truth.bodies(graph).values() for body in bodies if body.raised}
    assert raised >= {node}


def test_a_check_that_found_stale_rows(truth: Truth) -> None:
    graph = truth.graph("stale")
    found = failures(graph, {})
    assert [labels(graph, [cause.first]) for cause in found.causes] == [{"check_freshness"}]
    assert labels(graph, found.causes[0].never) == {"verdict"}


def test_the_second_attempt_helped(truth: Truth) -> None:
    """Of twice-flow: `fragile` fails in the first attempt, and the flow is run again after 1 s."""
    graph = truth.graph("twice")
    found = failures(graph, {})
    assert [labels(graph, [cause.first]) for cause in found.causes] == [{"fragile"}]
    (own, *_) = found.retried
    assert (own.nodes, own.tries, own.state_type) == ((), 2, "COMPLETED")
    first, second = truth.flow_body("twice")
    assert 1 <= own.pause_s <= second.start - first.end + 0.1


def test_nothing_failed(truth: Truth) -> None:
    assert failures(truth.graph("quick"), {}) == Failures((), (), ())


# --- whatever comes --------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(graph=graphs())
def test_every_failure_is_told_once(graph: FlowRunGraph) -> None:
    """And nothing that ended well, or may still start, is told at all."""
    found = failures(graph, {})
    of_causes = [(cause.first, *cause.failed, *cause.around, *cause.never) for cause in found.causes]
    told = [node for many in (*of_causes, found.never) for alike in many for node in alike.nodes]
    assert len(set(told)) == len(told)
    assert set(ended_badly(graph)) <= set(told)
    rest = graph.nodes.loc[sorted(set(told) - set(ended_badly(graph)))]
    assert rest["start"].isna().all()
    assert set(rest["state_type"]) <= {"PENDING", "SCHEDULED"}
    ends = [cause.at for cause in found.causes if cause.at and cause.first.nodes]
    assert [one for one in ends if one] or not ends
