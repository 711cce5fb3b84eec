"""Flows that provoke what Prefect tells badly or not at all, one defect each: see tests/prefect_api/test_defects.py.

Results are frames kept by their futures until the flow ends, unless a flow is about values that are mistaken.
"""

# ruff: noqa: ARG001 - what is given to a task matters here, not what it does with it

from __future__ import annotations

import asyncio
import functools
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
from prefect import (
    allow_failure,
    flow,
    get_client,
    pause_flow_run,
    resume_flow_run,
    runtime,
    suspend_flow_run,
    task,
    unmapped,
)
from prefect.cache_policies import NONE as NO_CACHE
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
)
from prefect.deployments import run_deployment
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow
from prefect.states import Cancelled, Cancelling, Crashed, State
from prefect.transactions import transaction
from prefect.utilities.annotations import quote

from tests.odd_flows import record, step

# --- tasks that wait, fail, or are tried again -----------------------------------------------------------------------


@task(cache_policy=NO_CACHE, task_run_name="{name}")
def held(name: str, until: str) -> pd.DataFrame:
    """Runs until the file `until` is there."""
    deadline = time.monotonic() + 60
    while not Path(until).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return pd.DataFrame({"from": [name]})


@flow(name="waiting-flow")
def waiting() -> None:
    """Writes `waiting.id`, and goes on once somebody has made `waiting.go`."""
    first = held.submit("first", "waiting.go")
    second = step.submit("second", first)
    Path("waiting.id").write_text(str(runtime.flow_run.id))
    second.wait()


@task(cache_policy=NO_CACHE, task_run_name="{name}", retries=2, retry_delay_seconds=[0, 1])
def stubborn(name: str, *given: Any) -> pd.DataFrame:
    if runtime.task_run.run_count < 3:
        raise RuntimeError("Not yet")
    return pd.DataFrame({"from": [name]})


@flow(name="retried-flow")
def retried() -> None:
    third = stubborn.submit("third-try", step.submit("before"))
    step.submit("after", third).wait()


@task(cache_policy=NO_CACHE, task_run_name="{name}", timeout_seconds=0.3)
def hasty(name: str) -> pd.DataFrame:
    for _ in range(100):
        time.sleep(0.02)
    return pd.DataFrame({"from": [name]})


@task(cache_policy=NO_CACHE, task_run_name="{name}")
def failing(name: str, *given: Any) -> pd.DataFrame:
    raise RuntimeError("Always")


@flow(name="failures-flow")
def failures() -> None:
    """What needs a failed task never starts, also what needs that; unless a failure is allowed."""
    failed = failing.submit("failed")
    late = hasty.submit("too-late")
    tolerant = step.submit("tolerant", allow_failure(failed))
    never = step.submit("never", failed)
    either = step.submit("never-either", never, late)
    either.wait()
    step.submit("despite", allow_failure(never), wait_for=[allow_failure(either)]).wait()
    tolerant.wait()
    time.sleep(2)


# --- caches ----------------------------------------------------------------------------------------------------------


@task(task_run_name="{name}", persist_result=True, cache_key_fn=lambda _, given: given["key"])
def remembered(name: str, key: str, *given: Any) -> pd.DataFrame:
    time.sleep(0.3)
    return pd.DataFrame({"from": [name]})


@flow(name="cached-flow")
def cached(key: str) -> None:
    miss = remembered.submit("miss", key, step.submit("one"))
    miss.wait()
    hit = remembered.submit("hit", key, step.submit("two"))
    step.submit("after-hit", hit).wait()


@flow(name="cached-again-flow")
def cached_again(key: str) -> None:
    """The same key in another run: the value was made by a task run of `cached`."""
    hit = remembered.submit("hit-of-another-run", key, step.submit("three"))
    step.submit("after-that", hit.result()).wait()


def cached_twice() -> State[Any]:
    cached("cached-twice")
    return cached_again("cached-twice", return_state=True)


@flow(name="borrower-flow")
def borrower(lent: Any) -> None:
    mine = step.submit("own")
    step.submit("borrowing", mine, lent()).wait()


def borrowed() -> State[Any]:
    """A state of another flow run given to a task: its input names a task run that is not in the run."""
    kept: list[State[Any]] = []

    @flow(name="lender-flow")
    def lends() -> None:
        kept.append(step("lent", return_state=True))

    lends()
    return borrower(lambda: kept[0], return_state=True)


# --- many inputs, and inputs of every kind ---------------------------------------------------------------------------


@task(cache_policy=NO_CACHE, task_run_name="{name}")
def around(name: str, given: Any) -> pd.DataFrame:
    """Calls another task."""
    return step(f"inside-{name}")


@flow(name="mapped-flow")
def mapped() -> None:
    shared = step.submit("shared")
    parts = around.map(["part-0", "part-1", "part-2"], unmapped(shared))
    last = around.map(["last-0", "last-1", "last-2"], parts)
    step.submit("joined", last).wait()


@flow(name="quoted-flow")
def quoted() -> None:
    one = step.submit("one")
    one.wait()
    step.submit("quoting", quote(one)).wait()


@flow(name="dense-flow")
def dense(width: int = 20) -> None:
    """Three layers, all to all: graph-v2 repeats each edge 20 times."""
    layer = [step.submit(f"0-{at}", seconds=0) for at in range(width)]
    for depth in (1, 2):
        layer = [step.submit(f"{depth}-{at}", *layer, seconds=0) for at in range(width)]
    for future in layer:
        future.wait()


# --- values that Prefect mistakes, and values that it cannot follow --------------------------------------------------


@task(cache_policy=NO_CACHE, task_run_name="small-{value}")
def small(value: Any) -> Any:
    return value


@flow(name="untracked-flow")
def untracked() -> None:
    """None, booleans and small integers carry no trace when a task is called directly."""
    values = [small(None), small(True), small(7)]
    for value in values:
        step(f"uses-{value}", value)
    step("uses-a-future", small.submit(8))


@task(cache_policy=NO_CACHE, task_run_name="stream")
def stream(pieces: int) -> Iterator[dict[str, int]]:
    """Yields pieces while it runs; all have the same literal key."""
    for number in range(pieces):
        yield {"v": number}
        time.sleep(0.2)


@flow(name="phantom-flow")
def phantom() -> None:
    """`stream` is still running when `taker` gets what `left` made, but both made dicts with the key "v"."""
    left = record("left")
    pieces = stream(3)
    next(pieces)
    step("taker", left)
    for _ in pieces:
        pass


@flow(name="streaming-flow")
def streaming() -> None:
    for number, piece in enumerate(stream(3)):
        step(f"piece-{number}", piece)


# --- async -----------------------------------------------------------------------------------------------------------


@task(cache_policy=NO_CACHE, task_run_name="{name}")
async def astep(name: str, *given: Any) -> pd.DataFrame:
    await asyncio.sleep(0.1)
    return pd.DataFrame({"from": [name]})


@task(cache_policy=NO_CACHE, task_run_name="{name}")
async def apart(name: str, given: Any) -> pd.DataFrame:
    await asyncio.sleep(0.1)
    return pd.DataFrame({"from": [name]})


@task(cache_policy=NO_CACHE, task_run_name="astream")
async def astream(pieces: int) -> AsyncIterator[pd.DataFrame]:
    for number in range(pieces):
        yield pd.DataFrame({"from": [number]})
        await asyncio.sleep(0.1)


@flow(name="inner-async", flow_run_name="inner-async")
async def inner_async(given: Any) -> pd.DataFrame:
    return await astep("within-async", given)


@flow(name="async-flow")
async def concurrent() -> None:
    first = await astep("first")
    left, right = await asyncio.gather(astep("left", first), astep("right", first))
    parts = apart.map(["part-0", "part-1"], unmapped([left, right]))
    within = await inner_async(left)
    await astep("end", [part.result() for part in parts], within)
    number = 0
    async for piece in astream(2):
        await astep(f"of-piece-{number}", piece)
        number += 1


# --- subflows --------------------------------------------------------------------------------------------------------


@flow(name="level-three", flow_run_name="three")
def level_three() -> pd.DataFrame:
    return step("deepest")


@flow(name="level-two", flow_run_name="two")
def level_two() -> pd.DataFrame:
    return step("after-three", level_three())


@flow(name="level-one", flow_run_name="one")
def level_one() -> pd.DataFrame:
    return step("after-two", level_two())


@flow(name="levels-flow")
def levels() -> None:
    step("after-one", level_one())


@flow(name="deployed-flow", flow_run_name="deployed")
def deployed(given: dict[str, str]) -> pd.DataFrame:
    return step("in-deployed")


@flow(name="deploying-flow")
def deploying() -> None:
    """Runs a deployment and waits for it; a thread does what a worker would."""
    with get_client(sync_client=True) as client:
        client.create_deployment(client.create_flow(deployed), "by-hand")
    worker = threading.Thread(target=work_off)
    worker.start()
    run_deployment("deployed-flow/by-hand", parameters={"given": record("before")}, poll_interval=1)
    worker.join()


def work_off() -> None:
    """Runs what is scheduled of the deployment."""
    of_deployed = FlowFilter(name=FlowFilterName(any_=["deployed-flow"]))
    with get_client(sync_client=True) as client:
        while not (runs := client.read_flow_runs(flow_filter=of_deployed)):
            time.sleep(0.2)
    run_flow(deployed, flow_run=runs[0], parameters=runs[0].parameters)


# --- names -----------------------------------------------------------------------------------------------------------

NAMES = {"blank": "", "spaces": "   ", "long": "long-" * 100, "unicode": "Übergröße 名前 🚀", "newline": "two\nlines"}


@flow(name="names-flow")
def names() -> None:
    before: Any = None
    for name in NAMES.values():
        before = step.submit(name, before)
    before.wait()


@flow(name="empty-flow")
def empty() -> int:
    return 1


# --- transactions ----------------------------------------------------------------------------------------------------


@task(task_run_name="{name}", cache_policy=NO_CACHE)
def written(name: str, *given: Any) -> pd.DataFrame:
    return pd.DataFrame({"from": [name]})


@written.on_rollback
def unwrite(transaction: Any) -> None: ...


@flow(name="transaction-flow")
def transactions() -> None:
    with transaction():
        kept = written("kept")
        written("kept-too", kept)
    with transaction():
        undone = written("undone")
        failing("fails", undone)


# --- runs that stop --------------------------------------------------------------------------------------------------


@flow(name="paused-flow")
def paused() -> None:
    before = step.submit("before")
    before.wait()
    run_id = UUID(str(runtime.flow_run.id))
    threading.Timer(1.5, lambda: resume_flow_run(run_id)).start()
    pause_flow_run(timeout=30, poll_interval=1)
    step.submit("after", before).wait()


@flow(name="suspended-flow")
def suspending() -> None:
    before = step.submit("before")
    before.wait()
    if runtime.flow_run.run_count == 1:
        suspend_flow_run(timeout=60)
    step.submit("after", before).wait()


def suspended() -> State[Any]:
    """Only a deployment's run can be suspended; a worker would run it again once somebody resumes it."""
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(client.create_flow(suspending), "by-hand")
        run_id = client.create_flow_run_from_deployment(deployment).id
        with suppress(Pause):
            run_flow(suspending, flow_run=client.read_flow_run(run_id))
        time.sleep(1)
        resume_flow_run(run_id)
        return run_flow(suspending, flow_run=client.read_flow_run(run_id), return_type="state")


@flow(name="stopped-inside", flow_run_name="stopped-inside")
def stopped_inside() -> None:
    held.submit("running-inside", "never").wait()


@flow(name="stopped-flow")
def stopped(told: str) -> None:
    """Never ends by itself. Its id stands in the file `told`."""
    step.submit("done").wait()
    running = held.submit("running", "never")
    step.submit("waiting", running)
    Path(told).write_text(str(runtime.flow_run.id))
    stopped_inside()


def killed() -> str:
    """Its process vanishes; an automation finds out and marks the run as crashed."""
    process, run_id = stoppable("killed.id")
    process.kill()
    process.wait()
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(run_id), Crashed(message="Its process was lost."), force=True)
    return run_id


def cancelled() -> str:
    """Somebody cancels it: what a runner does then. The process dies before its tasks have told anything."""
    process, run_id = stoppable("cancelled.id")
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(run_id), Cancelling(), force=True)
        process.terminate()
        time.sleep(2)
        process.kill()
        process.wait()
        client.set_flow_run_state(UUID(run_id), Cancelled(), force=True)
    return run_id


def stoppable(told: str) -> tuple[subprocess.Popen[bytes], str]:
    """A process that runs `stopped`, and the id of the run, once everything in it is recorded as under way."""
    process = subprocess.Popen([sys.executable, "-c", f"from tests import defect_flows as d; d.stopped({told!r})"])
    while not Path(told).exists() or not (run_id := Path(told).read_text()):
        time.sleep(0.1)
    mine, called = FlowRunFilterId(any_=[UUID(run_id)]), FlowRunFilterParentFlowRunId(any_=[UUID(run_id)])
    recorded: set[tuple[str, str | None]] = set()
    with get_client(sync_client=True) as client:
        while not {("running", "Running"), ("running-inside", "Running")} <= recorded or len(recorded) < 5:
            time.sleep(0.2)
            rows = [
                *client.read_task_runs(flow_run_filter=FlowRunFilter(id=mine)),
                *client.read_task_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=called)),
            ]
            recorded = {(row.name, row.state_name) for row in rows}
    return process, run_id


# --- everything ------------------------------------------------------------------------------------------------------

FLOWS: dict[str, Callable[[], Any]] = {
    "retried": retried,
    "failures": failures,
    "mapped": mapped,
    "quoted": quoted,
    "dense": dense,
    "untracked": untracked,
    "phantom": phantom,
    "streaming": streaming,
    "concurrent": concurrent,
    "levels": levels,
    "shorn": levels,
    "deploying": deploying,
    "names": names,
    "empty": empty,
    "transactions": transactions,
    "paused": paused,
    "waiting": waiting,
}
RUNS: dict[str, Callable[[], State[Any] | str]] = {
    **{name: functools.partial(odd, return_state=True) for name, odd in FLOWS.items()},
    "concurrent": lambda: asyncio.run(concurrent(return_state=True)),
    "cached": cached_twice,
    "borrowed": borrowed,
    "suspended": suspended,
    "killed": killed,
    "cancelled": cancelled,
}
