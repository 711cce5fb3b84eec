"""What the pages ask for, cached: the only st.cache_data and st.cache_resource functions.

Every cached function takes the tenant's id first and reads nothing about the viewer: two viewers share an entry only
when they may see the same. Finished and settled runs are kept long, others for seconds. What is reached by id passes
the scope gate here, so that no page can forget it.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

import pandas as pd
import streamlit as st
from anyio.from_thread import BlockingPortal, start_blocking_portal

from flowdag.analysis.drawing import Drawing, View, draw
from flowdag.analysis.layout import Layout
from flowdag.analysis.timings import by_task_name, by_task_run
from flowdag.errors import UnknownTenant
from flowdag.jobs import Job
from flowdag.model import FlowRun, FlowRunGraph
from flowdag.prefect_api import artifacts, flow_runs, logs, scope, task_runs
from flowdag.prefect_api.client import Client, connect
from flowdag.prefect_api.flow_runs import RunQuery
from flowdag.prefect_api.live import Watched
from flowdag.prefect_api.live_read import begin
from flowdag.prefect_api.live_watch import Shown, Watch
from flowdag.prefect_api.profiles import configured_tenants
from flowdag.prefect_api.reading import Progress
from flowdag.tenants import Tenant

T = TypeVar("T")

UNSETTLED = {"RUNNING", "PENDING", "SCHEDULED", "PAUSED", "CANCELLING"}
SOON, LATER, DAY = timedelta(seconds=5), timedelta(minutes=1), timedelta(days=1)


# The one event loop, and the clients that live in it


@dataclass(frozen=True)
class _Connection:
    """A client and what closes it."""

    client: Client
    closing: AbstractContextManager[Client]


@st.cache_resource(show_spinner=False)
def _loop() -> tuple[BlockingPortal, AbstractContextManager[BlockingPortal]]:
    """The thread with the event loop of all requests, and what keeps it: clients are bound to it for good."""
    keeper = start_blocking_portal()
    return keeper.__enter__(), keeper


def _portal() -> BlockingPortal:
    return _loop()[0]


@st.cache_resource(show_spinner=False, max_entries=64, on_release=lambda held: held.closing.__exit__(None, None, None))
def _connection(tenant_id: str) -> _Connection:
    closing = _portal().wrap_async_context_manager(connect(_tenant(tenant_id)))
    return _Connection(closing.__enter__(), closing)


def _ask(tenant_id: str, question: Callable[[Client, Tenant], Awaitable[T]]) -> T:
    """Run a question on the tenant's client, in the portal's loop, and wait for the answer."""
    held = _connection(tenant_id)
    return _portal().call(question, held.client, _tenant(tenant_id))


# Tenants


@st.cache_resource(show_spinner=False, ttl=SOON)
def tenants() -> tuple[Tenant, ...]:
    """All configured tenants; files are read again every few seconds. Raises TenantConfigError."""
    return configured_tenants()


def _tenant(tenant_id: str) -> Tenant:
    for tenant in tenants():
        if tenant.id == tenant_id:
            return tenant
    raise UnknownTenant("This tenant's configuration has changed.", "Reload the page.")


# Lists of runs


@st.cache_data(ttl=SOON, max_entries=500, show_spinner=False)
def runs(tenant_id: str, query: RunQuery, limit: int) -> tuple[tuple[FlowRun, ...], datetime]:
    """Top-level runs within the tenant's scope, the latest first, and when they were read (UTC)."""
    return _ask(tenant_id, lambda c, t: flow_runs.list_runs(c, t.scope, query, limit=limit)), datetime.now(UTC)


@st.cache_data(ttl=SOON, max_entries=500, show_spinner=False)
def run_count(tenant_id: str, query: RunQuery) -> int:
    """How many top-level runs there are."""
    return _ask(tenant_id, lambda c, t: flow_runs.count_runs(c, t.scope, query))


@st.cache_data(ttl=SOON, max_entries=500, show_spinner=False)
def running_at(tenant_id: str, query: RunQuery, at: datetime) -> int | None:
    """How many top-level runs were running at a moment; None where the server cannot tell."""
    return _ask(tenant_id, lambda c, t: flow_runs.count_running_at(c, t.scope, query, at))


@st.cache_data(ttl=LATER, max_entries=100, show_spinner=False)
def flow_names(tenant_id: str) -> tuple[str, ...]:
    """Flows with runs within the scope."""
    return _ask(tenant_id, lambda c, t: flow_runs.list_flow_names(c, t.scope))


@st.cache_data(ttl=LATER, max_entries=100, show_spinner=False)
def deployment_names(tenant_id: str) -> tuple[str, ...]:
    """Deployments with runs within the scope."""
    return _ask(tenant_id, lambda c, t: flow_runs.list_deployment_names(c, t.scope))


def task_counts(tenant_id: str, shown: tuple[FlowRun, ...]) -> dict[str, dict[str, int]]:
    """Task runs by state type for each run. One request a run, so runs that are long over are asked only once."""
    known = _finished_counts(tenant_id)
    asked = tuple(run.id for run in shown if run.id not in known)
    counts = _counts(tenant_id, asked)
    now = datetime.now(UTC)
    over = {run.id for run in shown if run.end and now - run.end > LATER}
    known |= {run_id: found for run_id, found in counts.items() if run_id in over and not UNSETTLED & found.keys()}
    return counts | {run.id: known[run.id] for run in shown if run.id in known}


@st.cache_resource(ttl=DAY, max_entries=64, show_spinner=False)
def _finished_counts(tenant_id: str) -> dict[str, dict[str, int]]:
    del tenant_id
    return {}


@st.cache_data(ttl=SOON, max_entries=100, show_spinner="Counting task runs…")
def _counts(tenant_id: str, run_ids: tuple[str, ...]) -> dict[str, dict[str, int]]:
    return _ask(tenant_id, lambda c, _: task_runs.count_by_state(c, run_ids))


# One run; everything below has passed the gate


@st.cache_data(ttl=LATER, max_entries=2000, show_spinner=False)
def _gate(tenant_id: str, run_id: str) -> None:
    """Raises RunNotFound if the run is unknown or outside the tenant's scope; refusals are not cached."""
    _ask(tenant_id, lambda c, t: scope.require_visible(c, t.scope, run_id))


def flow_run(tenant_id: str, run_id: str) -> FlowRun:
    """The facts of one run. Raises RunNotFound."""
    _gate(tenant_id, run_id)
    return _flow_run(tenant_id, run_id)


@st.cache_data(ttl=SOON, max_entries=500, show_spinner=False)
def _flow_run(tenant_id: str, run_id: str) -> FlowRun:
    return _ask(tenant_id, lambda c, _: flow_runs.read_flow_run(c, run_id))


@dataclass
class _Held:
    """What is under way for one run: its first read, then the watch that keeps it up to date."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    job: Job[Watched] | None = None
    watch: Watch | None = None


@st.cache_resource(ttl=DAY, max_entries=50, show_spinner=False)
def _held(tenant_id: str, run_id: str) -> _Held:
    del tenant_id, run_id
    return _Held()


class _NotSettled(Exception):
    """What is raised in a cached function is not cached."""


def look(tenant_id: str, run_id: str) -> Shown | Job[Watched]:
    """The whole graph of one run, or the read that must be waited for before asking again.

    Settled runs are kept long; others are polled when it is time, once for all viewers. Raises RunNotFound, and what
    the read raised; then the next look begins a new one.
    """
    run = flow_run(tenant_id, run_id)
    if run.is_over:
        with suppress(_NotSettled):
            return Shown(_settled_graph(tenant_id, run_id, run.updated), None)
    held = _held(tenant_id, run_id)
    with held.lock:
        if held.watch is None:
            job, held.job = held.job, None
            if job is None or not job.is_done(0):
                held.job = job or Job(_portal(), _first_read(tenant_id, run_id))
                return held.job
            held.watch = Watch(partial(_ask_client, tenant_id), job.result())
    return held.watch.current()


def _first_read(tenant_id: str, run_id: str) -> Callable[[Progress], Awaitable[Watched]]:
    client = _connection(tenant_id).client
    return lambda progress: begin(client, run_id, progress)


def _ask_client(tenant_id: str, question: Callable[[Client], Awaitable[T]]) -> T:
    return _ask(tenant_id, lambda client, _: question(client))


@st.cache_data(ttl=DAY, max_entries=50, show_spinner=False)
def _settled_graph(tenant_id: str, run_id: str, updated: datetime | None) -> FlowRunGraph:
    """`updated` makes a run that was retried or resumed another entry. The rows it was made of are let go."""
    del updated
    held = _held(tenant_id, run_id)
    shown = held.watch.current() if held.watch else None
    if shown is None or shown.next_due is not None:
        raise _NotSettled
    held.watch = None
    return shown.graph


@st.cache_resource(ttl=DAY, max_entries=200, show_spinner=False)
def drawing(
    tenant_id: str, run_id: str, as_of: datetime, attempt: int | None, view: View, _graph: FlowRunGraph
) -> Drawing:
    """What is drawn of one attempt of the run's graph read at `as_of` (None: of all). Shared: nobody may change it.

    `_graph` is the graph of that attempt: the other arguments name it, so that it need not be hashed.
    """
    del tenant_id, run_id, as_of, attempt
    return draw(_graph, view)


@dataclass
class _Followed:
    """What was drawn last of a run that goes on, for all who look at it in the same way."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    as_of: datetime | None = None
    drawing: Drawing | None = None


@st.cache_resource(ttl=DAY, max_entries=200, show_spinner=False)
def _followed(tenant_id: str, run_id: str, attempt: int | None, view: View) -> _Followed:
    del tenant_id, run_id, attempt, view
    return _Followed()


def drawing_of_now(
    tenant_id: str, attempt: int | None, view: View, graph: FlowRunGraph, before: Layout | None
) -> Drawing:
    """What is drawn of a run that goes on: as near to what was drawn before as its growth allows.

    Drawn once for all who look at it in the same way. `before` counts for who is the first to do so.
    """
    held = _followed(tenant_id, graph.run.id, attempt, view)
    with held.lock:
        if held.as_of and held.as_of > graph.as_of:  # others have seen more
            return draw(graph, view, before)
        if held.drawing is None or held.as_of != graph.as_of:
            held.drawing = draw(graph, view, held.drawing.layout if held.drawing else before)
            held.as_of = graph.as_of
        return held.drawing


@st.cache_resource(ttl=DAY, max_entries=100, show_spinner=False)
def timings(
    tenant_id: str, run_id: str, as_of: datetime, attempt: int | None, _graph: FlowRunGraph
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The timings by task run and by task name of the run's graph read at `as_of`; as `drawing`, they are shared."""
    del tenant_id, run_id, as_of, attempt
    return by_task_run(_graph), by_task_name(_graph)


@st.cache_data(ttl=SOON, max_entries=500, show_spinner=False)
def log_lines(tenant_id: str, flow_run_id: str, task_run_id: str | None) -> tuple[logs.LogLine, ...]:
    """The last log lines of a task run, or of a flow run and its tasks."""
    _gate(tenant_id, flow_run_id)
    return _ask(tenant_id, lambda c, _: logs.last_log_lines(c, flow_run_id, task_run_id))


@st.cache_data(ttl=SOON, max_entries=500, show_spinner=False)
def artifacts_of(tenant_id: str, flow_run_id: str, task_run_id: str | None) -> tuple[artifacts.Artifact, ...]:
    """The artifacts of a task run, or of a flow run."""
    _gate(tenant_id, flow_run_id)
    return _ask(tenant_id, lambda c, _: artifacts.read_artifacts(c, flow_run_id, task_run_id))


def refresh_run(tenant_id: str, run_id: str) -> None:
    """Forget what was read of this run."""
    run = flow_run(tenant_id, run_id)
    _settled_graph.clear(tenant_id, run_id, run.updated)
    for function in (_gate, _flow_run, _held):
        function.clear(tenant_id, run_id)


def refresh_runs(tenant_id: str, query: RunQuery, limit: int) -> None:
    """Forget this list of runs; counts and names follow within seconds."""
    runs.clear(tenant_id, query, limit)
    run_count.clear(tenant_id, query)
