"""The runs before a run: the last completed ones of its deployment (of its flow, if it has none), and their task runs.

They are what a run is compared with to say whether it is usual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread
import pandas as pd
from prefect.client.orchestration import PrefectClient

from flowdag.model import NODES, TIME, FlowRun
from flowdag.prefect_api.assemble import Raw, assemble
from flowdag.prefect_api.client import request
from flowdag.prefect_api.flow_runs import names, read_subflow_runs, with_names
from flowdag.prefect_api.reading import Progress, each
from flowdag.prefect_api.scope import scope_filter
from flowdag.prefect_api.task_runs import PAGE, count_task_runs, read_task_runs

if TYPE_CHECKING:
    from flowdag.tenants import Scope

AT_MOST = 20_000  # task runs in all: on one machine about ten seconds of reading
RUNS: Final[Mapping[str, str]] = {"name": "object", "start": TIME, "wall_s": "float64", "lateness_s": "float64"}
TASKS: Final[Sequence[str]] = (
    "task_name", "state_type", "state_name", "expected_start", "start", "end", "run_s", "queue_s"
)  # fmt: skip


@dataclass(frozen=True)
class Recent:
    """The runs before a run.

    runs: one row a run, index `id`, the latest first; columns and dtypes: `RUNS`; `wall_s` is from start to end.
    tasks: one row a task run or subflow of the first `read` of them, index `id`: column `run` (the place of its run in
        `runs`), then `TASKS`, as in `model.NODES`; the state histories of tries are not read, and the time in RUNNING
        is what Prefect has added up over all tries.
    """

    runs: pd.DataFrame
    tasks: pd.DataFrame
    read: int


async def read_recent(
    client: PrefectClient,
    scope: Scope,
    run: FlowRun,
    *,
    last: int,
    at_least: int,
    at_most: int = AT_MOST,
    progress: Progress | None = None,
) -> Recent:
    """The `last` completed runs within the scope that started before this one, with their task runs.

    Of the task runs no more than `at_most` are read: those of the latest runs, or none if not even the latest
    `at_least` runs are within that. Callers have passed the scope gate with the run itself.
    Raises ApiUnreachable, ApiRefused, ApiAnswerInvalid.
    """
    runs = await runs_before(client, scope, run, last)
    families = await _families(client, [one.id for one in runs], at_least, at_most)
    told = runs[: families.runs]
    if not told:
        return Recent(_runs_table(runs), _tasks_table([]), 0)
    rows = await read_task_runs(client, families.opened, progress)
    flows = await names(client, "flows", {row["flow_id"] for row in families.subflows})
    tasks = await anyio.to_thread.run_sync(partial(_assembled, told, families.subflows, rows, flows))
    return Recent(_runs_table(runs), tasks, len(told))


async def runs_before(client: PrefectClient, scope: Scope, run: FlowRun, last: int) -> tuple[FlowRun, ...]:
    """The `last` completed runs within the scope that started before this one: of its deployment, else of its flow.

    The latest first. Of a subflow: subflow runs, where the tenant may see every run; tags do not reach them.
    """
    is_subflow = run.parent_task_run_id is not None
    if is_subflow and not scope.is_empty:
        return ()
    criteria: dict[str, Any] = {
        "parent_task_run_id": {"is_null_": not is_subflow},
        "state": {"type": {"any_": ["COMPLETED"]}},
    }
    if run.start:  # is_null_: what never started has an expected start, which the server takes for the start
        before = run.start - timedelta(microseconds=1)
        criteria["start_time"] = {"before_": before.isoformat(), "is_null_": False}
    if run.deployment_id:
        criteria["deployment_id"] = {"any_": [run.deployment_id]}
    body = scope_filter(scope, flow_runs=criteria)
    if not run.deployment_id:
        body["flows"] = {**body.get("flows", {}), "id": {"any_": [run.flow_id]}}
    rows = await request(client, "POST", "/flow_runs/filter", json=body | {"sort": "START_TIME_DESC", "limit": last})
    found = await with_names(client, rows)
    return tuple(one for one in found if one.start and one.end and one.id != run.id)


@dataclass(frozen=True)
class _Families:
    """How many of the runs are read, and for these: the ids of flow runs to open, the rows of all subflows."""

    runs: int
    opened: Sequence[str]
    subflows: Sequence[dict[str, Any]]


async def _families(client: PrefectClient, run_ids: Sequence[str], at_least: int, at_most: int) -> _Families:
    """As many of the latest runs as have `at_most` task runs together: counted, before any is read."""
    size = len(run_ids)
    while size >= at_least:
        opened, subflows, count = await _opened(client, run_ids[:size], at_most)
        if count <= at_most:
            return _Families(size, opened, subflows)
        size = min(size - 1, max(at_least, size * at_most // count)) if size > at_least else 0
    return _Families(0, (), ())


async def _opened(
    client: PrefectClient, run_ids: Sequence[str], at_most: int
) -> tuple[list[str], list[dict[str, Any]], int]:
    """These runs with their subflows to any depth, the subflows' rows, outer ones first, the number of their task runs.

    Stops where these are too many.
    """
    opened: dict[str, None] = dict.fromkeys(run_ids)
    subflows: list[dict[str, Any]] = []
    level, count = list(run_ids), await _count(client, run_ids)
    while level and count <= at_most:
        called = [row for row in await read_subflow_runs(client, level) if row["id"] not in opened]
        subflows += called
        level = [row["id"] for row in called]
        opened |= dict.fromkeys(level)
        count += await _count(client, level)
    return list(opened), subflows, count


async def _count(client: PrefectClient, flow_run_ids: Sequence[str]) -> int:
    counts: list[int] = []

    async def count(at: int) -> None:
        counts.append(await count_task_runs(client, flow_run_ids[at : at + PAGE]))

    await each(count, range(0, len(flow_run_ids), PAGE))
    return sum(counts)


def _assembled(
    runs: Sequence[FlowRun],
    subflows: Sequence[dict[str, Any]],
    rows: Sequence[dict[str, Any]],
    flow_names: Mapping[str, str],
) -> pd.DataFrame:
    """The task runs of all runs: each run is put together from its own rows, as if it were read alone."""
    owner = {row["id"]: row.get("flow_run_id") for row in rows}
    run_of = {run.id: run.id for run in runs}
    called: dict[str, list[dict[str, Any]]] = {run.id: [] for run in runs}
    for row in subflows:  # outer ones come first
        if (top := run_of.get(str(owner.get(row.get("parent_task_run_id"))))) is not None:
            run_of[row["id"]] = top
            called[top].append(row)
    ran: dict[str, list[dict[str, Any]]] = {run.id: [] for run in runs}
    for row in rows:
        if (top := run_of.get(str(row.get("flow_run_id")))) is not None:
            ran[top].append(row)
    frames = []
    for place, run in enumerate(runs):
        graph = assemble(Raw(run, called[run.id], ran[run.id], flow_names), run.end or datetime.now(UTC))
        nodes = graph.nodes[list(TASKS)]
        nodes.insert(0, "run", place)
        frames.append(nodes)
    return _tasks_table(frames)


def _tasks_table(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    empty = pd.DataFrame({"run": pd.Series(dtype="int64")} | {name: pd.Series(dtype=NODES[name]) for name in TASKS})
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled) if filled else empty.rename_axis("id")


def _runs_table(runs: Sequence[FlowRun]) -> pd.DataFrame:
    told = {
        "name": [run.name for run in runs],
        "start": pd.DatetimeIndex([run.start for run in runs], tz="UTC"),
        "wall_s": [run.wall_s(run.end or datetime.now(UTC)) for run in runs],
        "lateness_s": [run.lateness_s for run in runs],
    }
    return pd.DataFrame(told, pd.Index([run.id for run in runs], dtype="object", name="id")).astype(dict(RUNS))
