"""Log lines of a run: reads that may take a while and are waited for, the tail of a run that goes on, and files."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

import pandas as pd
import streamlit as st

from flowdag.analysis.attempts import attempts, of_attempt
from flowdag.analysis.grouping import Folding, picture
from flowdag.cache.connection import DAY, LATER, SOON, ask, connection, portal
from flowdag.cache.graphs import gate
from flowdag.export import csv
from flowdag.jobs import Job
from flowdag.model import FlowRunGraph
from flowdag.prefect_api.client import Client
from flowdag.prefect_api.log_pages import LogLine, LogQuery, readable
from flowdag.prefect_api.logs import Around, Lines, each_page, owners, read_around, read_lines
from flowdag.prefect_api.reading import Progress, Reached

T = TypeVar("T")
Names = Mapping[str, tuple[str, str]]

LARGEST = 400_000_000  # bytes of a file: it is held in memory until the browser has it
TAIL = 1000  # lines at most between two looks


@dataclass(frozen=True)
class Asked:
    """Which lines a viewer wants: of these nodes (None: of the whole run), at least this level, with this text."""

    nodes: tuple[str, ...] | None = None
    at_least: int = 0
    text: str = ""

    def query(self, graph: FlowRunGraph) -> LogQuery:
        """As a question to the server: nothing that is not in the graph."""
        return LogQuery(owners(graph, self.nodes), self.at_least, self.text)


@dataclass(frozen=True)
class LogFile:
    """Lines as a file. cut: whether there were more than a file may hold."""

    data: bytes
    lines: int
    cut: bool


def _job(tenant_id: str, graph: FlowRunGraph, read: Callable[[Client, Progress], Awaitable[T]]) -> Job[T]:
    gate(tenant_id, graph.run.id)
    client = connection(tenant_id).client
    return Job(portal(), lambda progress: read(client, progress))


def last_lines(tenant_id: str, graph: FlowRunGraph, asked: Asked, wanted: int) -> Job[Lines]:
    """The last lines. Whoever waits looks how far it is; the read is theirs alone."""
    query = asked.query(graph)
    return _job(tenant_id, graph, lambda client, tell: read_lines(client, query, wanted, progress=tell))


def further_lines(
    tenant_id: str, graph: FlowRunGraph, asked: Asked, wanted: int, known: Sequence[LogLine], *, later: bool
) -> Job[Lines]:
    """The lines before those that are known, or after them (`later`)."""
    query = asked.query(graph)
    query = replace(query, after=known[-1].at) if later else replace(query, before=known[0].at)
    ids = {line.id for line in known}
    return _job(
        tenant_id,
        graph,
        lambda client, tell: read_lines(client, query, wanted, newest_first=not later, known=ids, progress=tell),
    )


def first_error(tenant_id: str, graph: FlowRunGraph, asked: Asked, wanted: int) -> Job[Around]:
    """The first error and the lines around it."""
    query = asked.query(graph)
    return _job(tenant_id, graph, lambda client, tell: read_around(client, query, wanted, tell))


@st.cache_data(ttl=SOON, max_entries=200, show_spinner=False)
def tail(tenant_id: str, run_id: str, as_of: datetime, since: datetime, asked: Asked, _graph: FlowRunGraph) -> Lines:
    """The lines since a moment of a run that goes on, `more` if they are too many: read once for all who look."""
    gate(tenant_id, run_id)
    del as_of
    query = replace(asked.query(_graph), after=since)
    return ask(tenant_id, lambda client, _: read_lines(client, query, TAIL))


@st.cache_data(ttl=DAY, max_entries=200, show_spinner=False)
def members(
    tenant_id: str, run_id: str, as_of: datetime, group: str, folding: Folding, _graph: FlowRunGraph
) -> tuple[str, ...]:
    """The nodes of a group of the run's graph read at `as_of`: of the latest attempt, else of all."""
    del tenant_id, run_id, as_of
    tried = attempts(_graph)
    graphs = [of_attempt(_graph, tried[-1]), _graph] if len(tried) > 1 else [_graph]
    found = (picture(graph, folding).members.get(group) for graph in graphs)
    return next(filter(None, found), ())


def log_file(tenant_id: str, graph: FlowRunGraph, asked: Asked, kind: str) -> Job[LogFile]:
    """All lines as text (`txt`) or `csv`, in order of time; of a run that goes on up to now."""
    query = asked.query(graph)
    if not graph.run.is_over:
        query = replace(query, before=max(datetime.now(UTC), graph.as_of) + LATER)
    names = task_names(graph)
    form = _as_csv if kind == "csv" else _as_text
    return _job(tenant_id, graph, lambda client, tell: _write(client, query, names, form, tell))


def task_names(graph: FlowRunGraph) -> dict[str, tuple[str, str]]:
    """Whose a line is, by its task run's id, or its flow run's where it has none: the node and its label."""
    nodes = graph.nodes
    own = zip(nodes.index.tolist(), nodes["label"].tolist(), nodes["task_run_id"].tolist(), strict=True)
    found = {}
    for node, label, task_run in own:
        found[task_run] = found[node] = (node, label)
    return found


async def _write(
    client: Client, query: LogQuery, names: Names, form: Callable[[pd.DataFrame, bool], str], tell: Progress
) -> LogFile:
    file, count, cut, seen = io.BytesIO(), 0, False, 0
    async with aclosing(each_page(client, query)) as pages:
        async for lines, scanned in pages:
            file.write(form(_rows(lines, names), not seen).encode())
            count, seen, cut = count + len(lines), seen + scanned, file.tell() > LARGEST
            tell(Reached("log lines", seen, 0))
            if cut:
                break
    return LogFile(file.getvalue(), count, cut)


def _rows(lines: Sequence[LogLine], names: Names) -> pd.DataFrame:
    owned = [names.get(line.task_run_id or line.flow_run_id or "", ("", ""))[1] for line in lines]
    told = [(line.at, line.level, _one_line(name), line.message, line.task_run_id, line.flow_run_id)
            for line, name in zip(lines, owned, strict=True)]  # fmt: skip
    return pd.DataFrame(told, columns=["time", "level", "task", "message", "task_run_id", "flow_run_id"], dtype=object)


def _one_line(name: str) -> str:
    return " ".join(readable(name).split())


def _as_csv(rows: pd.DataFrame, first: bool) -> str:
    text = csv(rows)
    return text if first else text.partition("\n")[2]


def _as_text(rows: pd.DataFrame, first: bool) -> str:
    del first
    whose = (f" [{name}]" if name else "" for name in rows["task"])
    parts = zip(rows["time"], rows["level"], whose, rows["message"], strict=True)
    return "".join(f"{at:%Y-%m-%dT%H:%M:%S.%fZ} {level:<8}{name} {message}\n" for at, level, name, message in parts)
