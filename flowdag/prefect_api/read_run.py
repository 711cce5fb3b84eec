"""Reading one flow run whole: itself, its subflows to any depth, all their task runs, and the histories of retries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect.client.orchestration import PrefectClient

from flowdag.model import FlowRunGraph
from flowdag.prefect_api.assemble import Raw, assemble
from flowdag.prefect_api.client import send, server_now
from flowdag.prefect_api.flow_runs import names, read_flow_run, read_subflow_runs
from flowdag.prefect_api.reading import Progress
from flowdag.prefect_api.task_runs import has_history, read_histories, read_task_runs

HISTORIES = 500  # tasks tried more than once whose state history is read: one request each


async def read_run(
    client: PrefectClient, flow_run_id: str, depth: int | None = None, progress: Progress | None = None
) -> FlowRunGraph:
    """The graph of one flow run.

    depth: how many levels of flow runs are opened: 1 is the run alone, its subflows closed boxes; None is all.
    progress: called after each page of task runs and each state history.
    Raises RunNotFound, ApiUnreachable, ApiRefused, ApiAnswerInvalid. Callers have passed the scope gate.
    """
    return assemble(*await read_raw(client, flow_run_id, depth, progress))


async def read_raw(
    client: PrefectClient, flow_run_id: str, depth: int | None = None, progress: Progress | None = None
) -> tuple[Raw, datetime, list[str]]:
    """What `read_run` assembles: the rows, when they were read (server time), notes. Arguments and errors as there."""
    run = await read_flow_run(client, flow_run_id)
    as_of = server_now(await send(client, "GET", "/health"))
    opened, subflows = await _subflows(client, flow_run_id, depth)
    task_runs = await read_task_runs(client, opened, progress)
    retried = [row["id"] for row in task_runs if has_history(row)]
    rerun = [row["id"] for row in subflows if has_history(row)]
    rerun += [run.id] if has_history(run) else []
    histories = await read_histories(client, "task_run", retried[:HISTORIES], progress)
    histories |= await read_histories(client, "flow_run", rerun[:HISTORIES], progress)
    skipped = max(0, len(retried) - HISTORIES) + max(0, len(rerun) - HISTORIES)
    notes = [f"The tries of {skipped} retried tasks were not read one by one."] if skipped else []
    flow_names = await names(
        client, "flows", {row["flow_id"] for row in subflows if isinstance(row.get("flow_id"), str)}
    )
    return Raw(run, subflows, task_runs, flow_names, histories), as_of, notes


async def _subflows(client: PrefectClient, run_id: str, depth: int | None) -> tuple[list[str], list[dict[str, Any]]]:
    """The ids of the flow runs to open, and the rows of all subflow runs seen while opening them."""
    opened, rows, level = [run_id], [], [run_id]
    while level:
        called = [row for row in await read_subflow_runs(client, level) if row["id"] not in opened]
        rows += called
        level = [row["id"] for row in called] if depth is None or depth > 1 else []
        depth = depth - 1 if depth is not None else None
        opened += level
    return opened, rows
