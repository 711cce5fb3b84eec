"""Log lines of flow runs and task runs, at any number: read page by page. Callers have passed the scope gate.

The server tells no count of lines, and not every one searches their text. So whoever reads counts what comes, and lines
are matched with the wanted text here, whatever the server has done already.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from prefect.client.orchestration import PrefectClient

from flowdag.model import FlowRunGraph
from flowdag.prefect_api.client import request
from flowdag.prefect_api.log_pages import PAGE, LogLine, LogQuery, Owners, log_line, pages_of
from flowdag.prefect_api.reading import Progress, Reached


@dataclass(frozen=True)
class Lines:
    """Lines in order of time. more: whether there may be others further on. scanned: how many were looked at."""

    lines: tuple[LogLine, ...]
    more: bool
    scanned: int


@dataclass(frozen=True)
class Around:
    """Lines around the one with the id `at` (None: there is none), in order of time, and whether there are others."""

    lines: tuple[LogLine, ...]
    at: str | None
    earlier: bool
    later: bool


def owners(graph: FlowRunGraph, nodes: Collection[str] | None = None) -> Owners:
    """Whose lines are those of the run with all that ran in it, or of these nodes with all that ran inside them."""
    table = graph.nodes
    subflows = (table["kind"] == "flow-run").to_numpy()
    if nodes is None:
        runs = dict.fromkeys([graph.run.id, *table["flow_run_id"].tolist(), *table.index[subflows]])
        return Owners(tuple(run for run in runs if run))
    container = table.index.get_indexer(pd.Index(table["container"]))
    inside = table.index.isin(list(nodes))
    around = container
    while (on := around >= 0).any():
        inside = inside | (on & inside[around])
        around = np.where(on, container[around], -1)
    runs = dict.fromkeys(table.index[inside & subflows])
    tasks = inside & ~subflows & ~table["flow_run_id"].isin(runs).to_numpy()
    return Owners(tuple(runs), tuple(table.index[tasks]))


async def read_lines(
    client: PrefectClient,
    query: LogQuery,
    wanted: int,
    *,
    newest_first: bool = True,
    known: Collection[str] = (),
    progress: Progress | None = None,
) -> Lines:
    """The last lines that match (or the first), at most `wanted`; those whose ids are `known` are left out.

    However few match: all are looked through until enough are found. `progress` is called after each page.
    """
    found: list[LogLine] = []
    scanned, more = 0, False
    async with aclosing(pages_of(client, query, newest_first)) as pages:
        async for page, last in pages:
            scanned, more = scanned + len(page), not last
            found += [line for line in page if line.id not in known and _matches(line, query)]
            if progress:
                progress(Reached("log lines", scanned, 0))
            if len(found) >= wanted:
                break
    kept = found[:wanted]
    return Lines(tuple(reversed(kept) if newest_first else kept), more or len(found) > wanted, scanned)


async def read_around(client: PrefectClient, query: LogQuery, wanted: int, progress: Progress | None = None) -> Around:
    """The first error that matches, and at most `wanted` lines around it: a third of them before it."""
    worst = replace(query, at_least=max(query.at_least, logging.ERROR))
    found = (await read_lines(client, worst, 1, newest_first=False, progress=progress)).lines
    if not found:
        return Around((), None, earlier=False, later=False)
    (error,) = found
    here = replace(query, before=error.at)
    before = await read_lines(client, here, wanted // 3, known={error.id}, progress=progress)
    known = {line.id for line in (*before.lines, error)}
    here = replace(query, after=error.at)
    after = await read_lines(client, here, wanted - wanted // 3, newest_first=False, known=known, progress=progress)
    return Around((*before.lines, error, *after.lines), error.id, before.more, after.more)


async def each_page(client: PrefectClient, query: LogQuery) -> AsyncGenerator[tuple[list[LogLine], int], None]:
    """All lines that match in order of time, page by page, and how many were looked at for the page."""
    async with aclosing(pages_of(client, query, newest_first=False)) as pages:
        async for page, _ in pages:
            yield [line for line in page if _matches(line, query)], len(page)


async def last_log_lines(
    client: PrefectClient, flow_run_id: str, task_run_id: str | None = None, limit: int = 12
) -> tuple[LogLine, ...]:
    """The last lines of a task run, or of a flow run (with its tasks') if no task run is named; the earliest first."""
    logs = {"flow_run_id": {"any_": [flow_run_id]}}
    if task_run_id:
        logs["task_run_id"] = {"any_": [task_run_id]}
    return await _last(client, logs, limit)


async def lines_of_failure(client: PrefectClient, flow_run_id: str, task_run_id: str | None) -> tuple[LogLine, ...]:
    """The line that tells why a task run failed, or a flow run itself if no task run is named, and those around it."""
    logs: dict[str, Any] = {"flow_run_id": {"any_": [flow_run_id]}}
    logs["task_run_id"] = {"any_": [task_run_id]} if task_run_id else {"is_null_": True}
    return excerpt(await _last(client, logs, PAGE))


def excerpt(lines: Sequence[LogLine], before: int = 4, after: int = 2) -> tuple[LogLine, ...]:
    """Of the lines of what failed: the last error with a traceback, or the first of the last errors, and some around.

    The last lines where there is no error.
    """
    errors = [at for at, line in enumerate(lines) if line.number >= logging.ERROR]
    if not errors:
        return tuple(lines[-(before + after) :])
    told = [at for at in errors if "Traceback (most recent call last)" in lines[at].message]
    first = errors[-1]
    while first - 1 in errors:
        first -= 1
    at = told[-1] if told else first
    return tuple(lines[max(0, at - before) : at + 1 + after])


async def _last(client: PrefectClient, logs: dict[str, Any], limit: int) -> tuple[LogLine, ...]:
    rows = await request(client, "POST", "/logs/filter", json={"logs": logs, "sort": "TIMESTAMP_DESC", "limit": limit})
    return tuple(log_line(row) for row in reversed(rows))


def _matches(line: LogLine, query: LogQuery) -> bool:
    words = query.text.lower().split()
    if not words:
        return True
    message = line.message.lower()
    return all(word in message for word in words)
