"""Polls against a model of a recorder: any sequence of polls tells what one full read would at the last of them."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pandas as pd
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowdag.errors import ApiRefused
from flowdag.model import FlowRun
from flowdag.prefect_api import assemble, live
from flowdag.prefect_api.assemble import Raw
from flowdag.prefect_api.client import Client, connect
from flowdag.prefect_api.graph_v2 import GraphNode
from flowdag.prefect_api.live import Watched
from flowdag.prefect_api.live_read import begin, poll
from flowdag.prefect_api.live_watch import Watch
from flowdag.prefect_api.read_run import read_run
from tests.misbehaving import answering, as_json, without_csrf
from tests.prefect_api.recorder import START, Flow, Recorder, State, Task, moment
from tests.truth import tenant

T = TypeVar("T")
RUN, ONE, TWO, AGAIN = (f"{n:08d}-0000-4000-8000-000000000000" for n in range(1, 5))
PROMPT = 20.0  # seconds: what the recorder needs at most, where it is not far behind


class Held:
    """What the module's server answers from, and a client of it; each test brings its own recorder."""

    recorder: Recorder
    portal: BlockingPortal
    client: Client

    def ask(self, question: Callable[[Client], Awaitable[T]]) -> T:
        return self.portal.call(question, self.client)


@pytest.fixture(scope="module")
def held() -> Iterator[Held]:
    one = Held()
    with (
        answering(without_csrf(lambda request: one.recorder.answer(request))) as api_url,
        start_blocking_portal() as one.portal,
        one.portal.wrap_async_context_manager(connect(tenant(api_url))) as one.client,
    ):
        yield one


def polled(held: Held, recorder: Recorder, times: Sequence[float], check: Any = None) -> Watched:
    """What is known after a full read at the first and polls at the other times; `check(watched)` after each."""
    held.recorder = recorder

    async def follow(client: Client) -> Watched:
        recorder.now = times[0]
        watched = await begin(client, RUN)
        for recorder.now in times[1:]:
            watched = await poll(client, watched)
            if check:
                check(watched)
        return watched

    return held.ask(follow)


def until_finished(held: Held, watched: Watched) -> Watched:
    """More polls at the same moment, until nothing is left to be asked: two at most."""

    async def finish(client: Client) -> Watched:
        after = watched
        for _ in range(2):
            after = after if live.is_finished(after) else await poll(client, after)
        return after

    finished = held.ask(finish)
    assert live.is_finished(finished)
    return finished


# --- any run, any polls ----------------------------------------------------------------------------------------------

tenths = st.integers


@st.composite
def recorders(draw: st.DrawFn, latest: float) -> Recorder:
    """A run of some minutes with tasks that are recorded up to `latest` seconds late, in any order.

    Some are retried, some never start, some run in subflows, one of which may be called twice or lie in another.
    """

    def states(start: float) -> tuple[State, ...]:
        told: list[tuple[float, str, str]] = [(start, "PENDING", "Pending")]
        spans = draw(st.lists(st.tuples(tenths(1, 20) | tenths(1, 900), tenths(1, 10) | tenths(1, 300)), max_size=3))
        for span, pause in spans:
            told += [(told[-1][0] + pause / 10, "RUNNING", "Running")]
            told += [(told[-1][0] + span / 10, "SCHEDULED", "AwaitingRetry")]
        if spans:
            told[-1] = (told[-1][0], *draw(st.sampled_from([("COMPLETED", "Completed"), ("FAILED", "Failed")])))
        else:
            told += [(start + 1, "PENDING", "NotReady")]
        lags = [lag / 10 for lag in draw(st.lists(tenths(0, int(latest * 10)), min_size=len(told), max_size=len(told)))]
        # often the recorder falls behind a whole task: its states are written one after the other
        not_before = told[-1][0] + lags[-1] if draw(st.booleans()) else 0.0
        return tuple(
            State(at, min(max(at + lag, not_before), at + latest), *how)
            for (at, *how), lag in zip(told, lags, strict=True)
        )

    number = iter(range(100, 200))

    def contents(owner: str, start: float, most: int) -> list[Task]:
        starts = draw(st.lists(tenths(0, 2000), max_size=most))
        ids = [f"{next(number):08d}-0000-4000-8000-000000000000" for _ in starts]
        return [
            Task(key, owner, f"task-{key[:8]}", states(start + at / 10)) for key, at in zip(ids, starts, strict=True)
        ]

    tasks = contents(RUN, 0.5, 8)
    flows: list[Flow] = []
    inner = draw(st.sampled_from([None, (ONE, RUN), (TWO, RUN), (TWO, ONE)]))
    if inner:
        for key, caller in [(ONE, RUN), inner] if inner[0] != ONE else [inner]:
            began = draw(tenths(5, 1500)) / 10 + next((f.states[0].at for f in flows if f.id == caller), 0.0)
            tasks += (inside := contents(key, began + 0.3, 5))
            over = max([began + 1, *(task.states[-1].at for task in inside)]) + 0.2
            flows.append(Flow(key, f"sub-{key[:8]}", _direct(began, over), f"wrapper-{key}"))
            tasks.append(Task(f"wrapper-{key}", caller, f"sub-{key[:8]}", _direct(began, over)))
            if caller == ONE:  # who calls ends later
                longer = _direct(flows[0].states[0].at, max(flows[0].states[-1].at, over + 0.2))
                flows[0] = replace(flows[0], states=longer)
                tasks = [replace(task, states=longer) if task.id == flows[0].wrapper else task for task in tasks]
        if draw(st.booleans()):  # its caller is retried, and calls it again: the same wrapper, another subflow run
            first = flows[0]
            began = max(f.states[-1].at for f in flows) + draw(tenths(1, 1500)) / 10
            again = _direct(began, began + 5)
            flows.append(replace(first, id=AGAIN, states=again))
            tasks = [replace(t, states=t.states + again) if t.id == first.wrapper else t for t in tasks]
    over = max([1.0, *(one.states[-1].at for one in (*tasks, *flows))]) + 0.5
    return Recorder(tasks, [Flow(RUN, "run", _direct(0.0, over)), *flows])


def _direct(start: float, end: float) -> tuple[State, ...]:
    """The states of a flow run, or of what stands for it: written when they happen."""
    told = ((start, "PENDING", "Pending"), (start + 0.1, "RUNNING", "Running"), (end, "COMPLETED", "Completed"))
    return tuple(State(at, at, kind, name) for at, kind, name in told)


def follow(held: Held, recorder: Recorder, at: Sequence[int], latest: float) -> None:
    """Poll at these permille of what happens, and compare the rows with the recorder's own after each poll."""
    over = recorder.flows[0].states[-1].at
    times = moments(recorder, at)

    def check(watched: Watched) -> None:
        tasks, flows = recorder.rows()
        assert watched.task_runs == tasks
        assert watched.subflows == flows
        for task in recorder.tasks:  # the guarantee for histories holds where states came in the order of happening
            if in_order(task) and task.id in tasks and tasks[task.id]["run_count"] > 1:
                assert watched.histories[task.id] == recorder.history(task.id)

    watched = polled(held, recorder, [*times, over + latest + 15], check)
    same_as_a_full_read(held, until_finished(held, watched))


def in_order(task: Task) -> bool:
    recorded = [state.recorded for state in task.states]
    return recorded == sorted(recorded)


def moments(recorder: Recorder, at: Sequence[int]) -> list[float]:
    """Just after the moments at these permille of all at which something happened or was recorded."""
    known = {moment for one in (*recorder.tasks, *recorder.flows) for s in one.states for moment in (s.at, s.recorded)}
    return [sorted(known)[len(known) * permille // 1001] + 0.05 for permille in sorted(at)]


def same_as_a_full_read(held: Held, watched: Watched) -> None:
    read = held.ask(lambda client: read_run(client, RUN))
    shown = live.graph(watched)
    assert shown.run == read.run
    for ours, theirs in ((shown.nodes, read.nodes), (shown.edges, read.edges), (shown.tries, read.tries)):
        pd.testing.assert_frame_equal(ours, theirs)
    assert (shown.complete, shown.notes) == (read.complete, read.notes)


polls = st.lists(st.integers(0, 1000), min_size=1, max_size=9)
often = settings(max_examples=18, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@often
@given(recorder=recorders(latest=PROMPT), at=polls)
def test_any_polls_equal_one_full_read(held: Held, recorder: Recorder, at: list[int]) -> None:
    follow(held, recorder, at, PROMPT)


@often
@given(recorder=recorders(latest=59), at=polls)
def test_a_recorder_nearly_a_minute_behind(held: Held, recorder: Recorder, at: list[int]) -> None:
    follow(held, recorder, at, 59)


@often
@given(recorder=recorders(latest=PROMPT), at=polls)
def test_where_graph_v2_refuses_task_runs_tell_as_much(held: Held, recorder: Recorder, at: list[int]) -> None:
    recorder.refused["/graph-v2"] = as_json({"detail": "The graph of flow run x has more than 10000 nodes."}, 400)
    follow(held, recorder, at, PROMPT)
    assert len([path for path in recorder.asked if path.endswith("/graph-v2")]) <= 3  # asked of all open at once


@settings(often, max_examples=10)
@given(recorder=recorders(latest=600), at=polls)
def test_what_comes_too_late_for_polls_is_there_at_the_end(held: Held, recorder: Recorder, at: list[int]) -> None:
    over = recorder.flows[0].states[-1].at
    watched = polled(held, recorder, [*moments(recorder, at), over + 615])
    same_as_a_full_read(held, until_finished(held, watched))


# --- what is asked ---------------------------------------------------------------------------------------------------


def direct_task(number: int, start: float, end: float, recorded: float = 0.0) -> Task:
    """A task whose states are all recorded as they happen, or all at `recorded`."""
    told = ((start, "PENDING", "Pending"), (start, "RUNNING", "Running"), (end, "COMPLETED", "Completed"))
    key = f"{number:08d}-0000-4000-8000-000000000000"
    return Task(key, RUN, f"task-{number}", tuple(State(at, recorded or at, *how) for at, *how in told))


def test_what_ended_before_the_last_poll_and_was_recorded_after_it(held: Held) -> None:
    """Ended at 8 s, polled at 10 s, recorded at 14 s: `since` = the last poll would never tell of it."""
    late = direct_task(100, 6, 8, recorded=14)
    recorder = Recorder([late, direct_task(101, 1, 9)], [Flow(RUN, "run", _direct(0, 100))])
    assert set(polled(held, recorder, [5, 10]).task_runs) == {recorder.tasks[1].id}
    assert polled(held, recorder, [5, 10, 15]).task_runs[late.id]["end_time"] == moment(8)


def test_a_task_machine_with_a_clock_ahead_hides_nothing(held: Held) -> None:
    """It stamps an end ten minutes from now; what others end now is still asked for."""
    ahead, late = direct_task(100, 601, 602, recorded=2), direct_task(101, 6, 8, recorded=14)
    recorder = Recorder([ahead, late], [Flow(RUN, "run", _direct(0, 1000))])
    assert set(polled(held, recorder, [5, 10, 15]).task_runs) == {ahead.id, late.id}


def test_rows_of_what_has_not_changed_are_not_read_again(held: Held) -> None:
    done = [direct_task(100 + n, n / 100, 1 + n / 100) for n in range(30)]
    recorder = Recorder([*done, direct_task(200, 2, 50)], [Flow(RUN, "run", _direct(0, 100))])
    asked: list[list[str]] = []
    answer = recorder._task_rows
    recorder._task_rows = lambda body: asked.append(body["task_runs"].get("id", {}).get("any_")) or answer(body)  # type: ignore[method-assign]
    polled(held, recorder, [5, 10, 15])
    assert [ids for ids in asked if ids] == [[recorder.tasks[-1].id]] * 2


def test_a_node_that_ended_once_more_is_changed() -> None:
    """A subflow that failed and is run again by hand; a task whose state somebody sets."""
    row = {
        "id": ONE,
        "state_type": "FAILED",
        "start_time": moment(1),
        "end_time": moment(2),
        "expected_start_time": None,
    }
    run = FlowRun(RUN, "run", "f", "run", "RUNNING", "Running")
    watched = live.read_whole(Raw(run, [row], [row | {"id": TWO}], {}), START)
    for kind, key in (("flow-run", ONE), ("task-run", TWO)):
        same = GraphNode(key, kind, "", "FAILED", at_second(1), at_second(2), (), (), (), ())
        assert not live.is_changed(watched, same)
        for other in ({"state_type": "RUNNING"}, {"state_type": "COMPLETED"}, {"end_time": at_second(3)}, {"id": RUN}):
            assert live.is_changed(watched, replace(same, **other))


def at_second(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


# --- when it is asked ------------------------------------------------------------------------------------------------


def known(tasks: int = 1, state: str = "RUNNING", over_s: float = 0.0, **more: Any) -> Watched:
    ended = {"end": START} if state == "COMPLETED" else {}
    run = FlowRun(RUN, "run", "f", "run", state, state.title(), **ended)
    rows = [{"id": str(n), "state_type": "RUNNING"} for n in range(tasks)]
    return replace(live.read_whole(Raw(run, [], rows, {}), at_second(over_s)), **more)


def test_the_interval_follows_the_answer_and_the_size() -> None:
    assert live.interval_s(known()) == 2
    assert live.interval_s(known(answer_s=0.7)) == pytest.approx(7)
    assert live.interval_s(known(tasks=12_000, answer_s=0.7)) == 12
    assert live.interval_s(known(state="COMPLETED", over_s=30)) == 2
    assert live.interval_s(known(state="COMPLETED", over_s=300)) == 30


def test_failures_make_it_longer_and_retry_after_is_obeyed() -> None:
    assert [live.back_off_s(2, failures, None) for failures in (1, 2, 3, 20, 2000)] == [4, 8, 16, 60, 60]
    assert live.back_off_s(2, 1, 90.0) == 90
    assert live.back_off_s(2, 1, 1.0) == 4


def test_a_full_read_every_tenth_poll_if_it_is_not_too_long() -> None:
    assert not live.needs_full_read(known(polls=9), known().run)
    assert live.needs_full_read(known(polls=10), known().run)
    assert not live.needs_full_read(known(polls=10, full_s=9.0, over_s=80), known().run)
    assert live.needs_full_read(known(polls=10, full_s=9.0, over_s=90, full_at=START), known().run)
    assert live.needs_full_read(known(), known(state="COMPLETED").run)


def test_a_run_that_does_not_settle_says_so(held: Held) -> None:
    """A deployment's run that was set going and goes on: a minute after the caller's end the note is there."""
    sub = Flow(ONE, "sub", _direct(1, 9_000), "wrapper")
    recorder = Recorder([Task("wrapper", RUN, "sub", _direct(1, 9_000))], [Flow(RUN, "run", _direct(0, 10)), sub])
    recorder.deployed = {ONE}
    assert assemble.MISSING not in live.graph(polled(held, recorder, [5, 40])).notes
    watched = polled(held, recorder, [5, 90])
    assert assemble.MISSING in live.graph(watched).notes
    assert not live.is_finished(watched)


# --- one poll for all ------------------------------------------------------------------------------------------------


def watch_of(held: Held, recorder: Recorder) -> Watch:
    return Watch(held.ask, polled(held, recorder, [5]))


def running(tasks: int = 3) -> Recorder:
    return Recorder([direct_task(100 + n, 1, 500) for n in range(tasks)], [Flow(RUN, "run", _direct(0, 1000))])


def test_a_failed_poll_leaves_the_graph_and_waits_as_long_as_it_was_asked_to(held: Held) -> None:
    recorder = running()
    watch = watch_of(held, recorder)
    before = watch.current(now=0)
    recorder.refused[f"/flow_runs/{RUN}"] = as_json({"exception_message": "Busy"}, 503, **{"Retry-After": "77"})
    failed = watch.current(now=1e6)
    assert isinstance(failed.problem, ApiRefused)
    assert failed.graph is before.graph
    assert failed.next_due is not None
    assert failed.next_due >= 1e6 + 77
    asked = len(recorder.asked)
    assert watch.current(now=1e6 + 76) is failed
    assert len(recorder.asked) == asked
    recorder.refused.clear()
    recorder.now = 600
    good = watch.current(now=2e6)
    assert good.problem is None
    assert set(good.graph.nodes["state_type"]) == {"COMPLETED"}
    assert good.next_due is not None
    assert good.next_due < 2e6 + 60


def test_while_one_polls_others_get_the_last_graph_at_once(held: Held) -> None:
    recorder = running()
    begun, may_go_on = threading.Event(), threading.Event()

    def slowly(question: Callable[[Client], Awaitable[Watched]]) -> Watched:
        begun.set()
        assert may_go_on.wait(60)
        return held.ask(question)

    watch = Watch(slowly, polled(held, recorder, [5]))
    before = watch.current(now=0)
    found: list[Any] = []
    poller = threading.Thread(target=lambda: found.append(watch.current(now=1e6)))
    poller.start()
    assert begun.wait(60)
    assert watch.current(now=1e6) is before  # would wait for ever if it waited for the poll
    may_go_on.set()
    poller.join(60)
    assert found[0].graph.as_of > before.graph.as_of
    assert watch.current(now=1e6) is found[0]


def test_a_settled_run_is_asked_for_no_more(held: Held) -> None:
    recorder = running()
    watch = watch_of(held, recorder)
    recorder.now = 1100
    polls_made = next(n for n in range(9) if watch.current(now=(n + 1) * 1e9).next_due is None)
    assert polls_made <= 1  # a full read at the end, which finds it settled
    asked = len(recorder.asked)
    assert watch.current(now=1e15).graph.complete
    assert len(recorder.asked) == asked
