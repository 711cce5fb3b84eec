"""Fill the demo's server: `python -m flowdag.demo.seed PROGRESS_FILE`, with PREFECT_API_URL and PREFECT_HOME set.

Runs each sample flow of the plan once and notes in the progress file how many are done, so that a later start goes on
from there; beside that, one slow report after the other until it is told to stop.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentTaskRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.flow_engine import run_flow
from prefect.flows import Flow
from prefect.states import Crashed
from prefect.types.entrypoint import EntrypointType

from flowdag.demo.flows import nightly_etl, quick_check, score_customers, slow_report

CLIENTS = ("acme", "globex")
TABLES = ("orders", "customers", "invoices", "stock", "returns")
SLOW_REPORTS_KEPT = 20
STOPPED = "The demo was stopped while this was running."


@dataclass(frozen=True)
class SampleRun:
    """One run of a sample flow, for the client that its parameters name."""

    flow: Flow[..., Any]
    parameters: dict[str, Any]
    from_deployment: bool = False


def plan() -> list[SampleRun]:
    """The runs of the demo in their order: what people look at first comes first."""
    checks = [
        SampleRun(quick_check, {"client": client, "table": table, "at_most_h": at_most_h})
        for at_most_h, table, client in itertools.product((24.0, 20.0), TABLES, CLIENTS)
    ]
    stale = [SampleRun(quick_check, {"client": client, "table": "stock", "at_most_h": 6.0}) for client in CLIENTS]
    return [
        SampleRun(nightly_etl, {"client": "acme"}, from_deployment=True),
        SampleRun(nightly_etl, {"client": "globex"}, from_deployment=True),
        SampleRun(nightly_etl, {"client": "acme", "fail": True}),
        SampleRun(score_customers, {"client": "globex"}),
        *checks[:8],
        *stale,
        *checks[8:],
        SampleRun(quick_check, {"client": "acme", "table": "returns", "at_most_h": 6.0}),
    ]


def run_sample(client: SyncPrefectClient, sample: SampleRun) -> UUID:
    """Run one sample here and answer its id. The client's tag is on this run only: tags do not reach subflows."""
    tag = f"client:{sample.parameters['client']}"
    if sample.from_deployment:
        deployment = anyio.run(_deploy, sample, tag)
        run = client.create_flow_run_from_deployment(deployment, parameters=sample.parameters)
    else:
        run = client.create_flow_run(sample.flow, parameters=sample.parameters, tags=[tag])
    run_flow(sample.flow, flow_run=run, return_type="state")
    return run.id


async def _deploy(sample: SampleRun, tag: str) -> UUID:
    deployment = await sample.flow.ato_deployment(
        f"{sample.parameters['client']}-every-night",
        parameters=sample.parameters,
        tags=[tag],
        description="All regions' orders into the warehouse. The demo starts it by hand: it has no schedule.",
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    return await deployment.aapply()


def seed(client: SyncPrefectClient, progress: Path) -> None:
    """Run what is not yet done of the plan; slow reports start beside it as soon as the first run is there."""
    samples = plan()
    done = json.loads(progress.read_text())["done"] if progress.exists() else 0
    _note(progress, done, len(samples))
    if done == 0:
        run_sample(client, samples[0])
        done = 1
        _note(progress, done, len(samples))
    slow = threading.Thread(target=repeat_slow_report, daemon=True)
    slow.start()
    for number, sample in enumerate(samples[done:], start=done + 1):
        run_sample(client, sample)
        _note(progress, number, len(samples))
    slow.join()


def _note(progress: Path, done: int, total: int) -> None:
    unfinished = progress.with_suffix(".new")
    unfinished.write_text(json.dumps({"done": done, "total": total}))
    unfinished.replace(progress)


def repeat_slow_report() -> None:
    """One slow report after the other, for the clients in turn; only the latest are kept."""
    with get_client(sync_client=True) as client:
        for name in itertools.cycle(CLIENTS):
            run_sample(client, SampleRun(slow_report, {"client": name}))
            old = client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[slow_report.name])),
                sort=FlowRunSort.START_TIME_DESC,
                offset=SLOW_REPORTS_KEPT,
            )
            for run in old:
                client.delete_flow_run(run.id)
            time.sleep(5)


def crash_unfinished(client: SyncPrefectClient) -> None:
    """Mark what nobody runs any more as crashed, task runs first: else it would look as if running for ever.

    A pending subflow is left alone: that it never started is the truth.
    """
    running = client.read_flow_runs(flow_run_filter=FlowRunFilter(state=_flow_runs_in(StateType.RUNNING)))
    waiting = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            state=_flow_runs_in(StateType.PENDING, StateType.SCHEDULED),
            parent_task_run_id=FlowRunFilterParentTaskRunId(is_null_=True),
        )
    )
    for run in running + waiting:
        tasks = client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])),
            task_run_filter=TaskRunFilter(
                state=TaskRunFilterState(type=TaskRunFilterStateType(any_=[StateType.RUNNING, StateType.SCHEDULED]))
            ),
        )
        for task in tasks:
            client.set_task_run_state(task.id, Crashed(message=STOPPED), force=True)
        client.set_flow_run_state(run.id, Crashed(message=STOPPED), force=True)


def _flow_runs_in(*types: StateType) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types)))


def main(progress: Path) -> None:
    """Seed until SIGTERM; then leave nothing that looks as if it were running."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with get_client(sync_client=True) as client:
        crash_unfinished(client)  # of a demo that was killed
        code = 0
        try:
            seed(client, progress)
        except Exception:
            traceback.print_exc()
            code = 1
        except SystemExit:
            pass
        crash_unfinished(client)
    sys.stderr.flush()
    os._exit(code)  # the slow report's threads would run on


if __name__ == "__main__":
    main(Path(sys.argv[1]))
