"""The polls of a watched run: graph-v2 tells what may have changed, and only those rows are read."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from prefect.client.orchestration import PrefectClient

from flowdag.errors import ApiAnswerInvalid, ApiRefused, FlowdagError, RunNotFound
from flowdag.model import FlowRun
from flowdag.prefect_api import live
from flowdag.prefect_api.assemble import Row
from flowdag.prefect_api.client import NotFound, answer_of, request, send, server_now
from flowdag.prefect_api.flow_runs import flow_run, names, read_subflow_runs
from flowdag.prefect_api.graph_v2 import GraphAnswer, GraphNode, read_flow_run_graph
from flowdag.prefect_api.guard import BUSY
from flowdag.prefect_api.live import Watched
from flowdag.prefect_api.read_run import HISTORIES, read_raw
from flowdag.prefect_api.reading import Progress, each
from flowdag.prefect_api.task_runs import PAGE, has_history, read_histories, read_task_runs

T = TypeVar("T")
K = TypeVar("K")


async def begin(client: PrefectClient, run_id: str, progress: Progress | None = None) -> Watched:
    """A full read of the run. `progress` and errors as for `read_run`; callers have passed the scope gate."""
    started = time.perf_counter()
    raw, as_of, notes = await read_raw(client, run_id, progress=progress)
    return live.read_whole(raw, as_of, notes, full_s=time.perf_counter() - started)


async def poll(client: PrefectClient, watched: Watched) -> Watched:
    """What is known after asking for what has changed; a full read where one is due.

    Raises RunNotFound, ApiUnreachable, ApiRefused, ApiAnswerInvalid; `watched` then still holds, and the next poll
    asks for all that this one would have.
    """
    started = time.perf_counter()
    try:
        run, as_of = await _run_now(client, watched.run)
        if live.needs_full_read(watched, run):
            whole = await begin(client, run.id)
            return replace(whole, answer_s=watched.answer_s, by_graph=watched.by_graph)
        polled = await _polled(client, watched, run, as_of)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ApiAnswerInvalid(
            "The Prefect server's rows have another shape than flowdag knows.",
            "It may be older or newer than flowdag supports: see the README for the range.",
        ) from None
    return replace(polled, answer_s=time.perf_counter() - started)


async def _run_now(client: PrefectClient, known: FlowRun) -> tuple[FlowRun, datetime]:
    """The facts of the run, names as they were, and the server's time."""
    path = f"/flow_runs/{known.id}"
    try:
        response = await send(client, "GET", path)
    except NotFound:
        raise RunNotFound from None
    row = answer_of(response, client, path)
    deployments = {known.deployment_id: known.deployment_name or ""} if known.deployment_id else {}
    return flow_run(row, {known.flow_id: known.flow_name}, deployments), server_now(response)


async def _polled(client: PrefectClient, watched: Watched, run: FlowRun, as_of: datetime) -> Watched:
    if watched.by_graph:
        try:
            nodes = await _changed_nodes(client, watched)
        except FlowdagError as refusal:
            if isinstance(refusal, ApiRefused) and refusal.status in BUSY:
                raise
            # too large, too slow, or not there on this server: its task runs tell as much
            watched = replace(watched, by_graph=False)
    found = await _by_graph(client, watched, nodes) if watched.by_graph else await _by_task_runs(client, watched)
    task_runs, subflows = found
    return live.with_answers(
        watched,
        run,
        as_of,
        task_runs,
        subflows,
        await _histories(client, watched, run, task_runs, subflows),
        await names(client, "flows", {row["flow_id"] for row in subflows} - watched.flow_names.keys()),
    )


# Where graph-v2 answers


async def _changed_nodes(client: PrefectClient, watched: Watched) -> list[GraphNode]:
    """The nodes that may have changed, of the run and of all subflows that are not long over."""
    changed: list[GraphNode] = []
    asked: set[str] = set()
    level = live.open_flow_runs(watched)
    while level:
        answers = await _answers(lambda key: _graph(client, watched, key), level)
        asked.update(level)
        found = [node for answer in answers if answer for node in answer.nodes if live.is_changed(watched, node)]
        changed += found
        level = [node.id for node in found if node.kind == "flow-run" and node.id not in asked]
    return changed


async def _graph(client: PrefectClient, watched: Watched, flow_run_id: str) -> GraphAnswer | None:
    """graph-v2's answer; None for a subflow run that has been deleted."""
    try:
        return await read_flow_run_graph(client, flow_run_id, live.since(watched, flow_run_id))
    except RunNotFound:
        if flow_run_id == watched.run.id:
            raise
        return None


async def _by_graph(client: PrefectClient, watched: Watched, nodes: Iterable[GraphNode]) -> tuple[list[Row], list[Row]]:
    """The rows of the changed nodes, of all that was not known to have ended, and of the wrappers of subflows."""
    tasks = {node.id for node in nodes if node.kind != "flow-run"} | _unfinished(watched.task_runs)
    flows = {node.id for node in nodes if node.kind == "flow-run"} | _unfinished(watched.subflows)
    subflows = await _rows(client, "flow_runs", flows)
    return await _rows(client, "task_runs", tasks | live.wrappers(subflows)), subflows


def _unfinished(rows: Mapping[str, Row]) -> set[str]:
    return {key for key, row in rows.items() if live.is_unfinished(row)}


async def _rows(client: PrefectClient, kind: str, ids: Iterable[str]) -> list[Row]:
    """The rows with these ids; `kind` is `task_runs` or `flow_runs`. What was deleted is missing."""
    wanted = sorted(ids)
    pages = [tuple(wanted[start : start + PAGE]) for start in range(0, len(wanted), PAGE)]

    async def read(page: tuple[str, ...]) -> list[Row]:
        body = {kind: {"id": {"any_": list(page)}}, "limit": PAGE}
        return list(await request(client, "POST", f"/{kind}/filter", json=body))

    return [row for page in await _answers(read, pages) for row in page]


# Where it does not


async def _by_task_runs(client: PrefectClient, watched: Watched) -> tuple[list[Row], list[Row]]:
    """The same rows without graph-v2: new task runs by their expected start, new subflows by their callers."""
    known = live.open_flow_runs(watched)
    subflows: dict[str, Row] = {}
    opened, level = set(known), list(known)
    while level:
        called = await read_subflow_runs(client, level)
        subflows |= {row["id"]: row for row in called}
        level = [row["id"] for row in called if row["id"] not in watched.subflows and row["id"] not in opened]
        opened.update(level)
    recent = await _since_window(client, known, live.window(watched))
    recent += await read_task_runs(client, sorted(opened.difference(known))) if opened.difference(known) else []
    rows = {row["id"]: row for row in recent}
    left = (_unfinished(watched.task_runs) | live.wrappers(subflows.values())) - rows.keys()
    missing = _unfinished(watched.subflows) - subflows.keys()
    more = await _rows(client, "flow_runs", missing)
    return [*rows.values(), *await _rows(client, "task_runs", left)], [*subflows.values(), *more]


async def _since_window(client: PrefectClient, flow_run_ids: Sequence[str], after: datetime) -> list[Row]:
    """The task runs of these flow runs that were expected to start after a moment."""
    rows: dict[str, Row] = {}
    for start in range(0, len(flow_run_ids), PAGE):
        owners = {"flow_run_id": {"any_": list(flow_run_ids[start : start + PAGE])}}
        asked = {"task_runs": owners | {"expected_start_time": {"after_": after.isoformat()}}, "limit": PAGE}
        for offset in range(0, 1_000_000, PAGE):
            body = asked | {"sort": "EXPECTED_START_TIME_ASC", "offset": offset}
            page = await request(client, "POST", "/task_runs/filter", json=body)
            rows |= {row["id"]: row for row in page}
            if len(page) < PAGE:
                break
    return list(rows.values())


# Parts of both


async def _histories(
    client: PrefectClient, watched: Watched, run: FlowRun, task_runs: Sequence[Row], subflows: Sequence[Row]
) -> dict[str, list[dict[str, Any]]]:
    """The state histories that have grown; of as many retried ones as a full read reads."""
    room = max(0, HISTORIES - len(watched.histories))
    tasks = live.retried(watched.task_runs, task_runs)
    flows = live.retried(watched.subflows, subflows)
    flows += [run.id] if has_history(run) and run.updated != watched.run.updated else []
    chosen = [
        [key for key in keys if key in watched.histories] + [key for key in keys if key not in watched.histories][:room]
        for keys in (tasks, flows)
    ]
    return await read_histories(client, "task_run", chosen[0]) | await read_histories(client, "flow_run", chosen[1])


async def _answers(ask: Callable[[K], Awaitable[T]], items: Sequence[K]) -> list[T]:
    """The answers to all items, in their order, asked at once."""
    found: dict[K, T] = {}

    async def answer(item: K) -> None:
        found[item] = await ask(item)

    await each(answer, items)
    return [found[item] for item in items]
