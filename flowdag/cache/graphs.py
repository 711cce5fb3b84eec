"""One run: whether it may be seen, its facts, and its whole graph, which is read once and then kept up to date."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeVar

import streamlit as st

from flowdag.cache.connection import DAY, LATER, SOON, ask, connection, portal
from flowdag.jobs import Job
from flowdag.model import FlowRun, FlowRunGraph
from flowdag.prefect_api import flow_runs, scope
from flowdag.prefect_api.client import Client
from flowdag.prefect_api.live import Watched
from flowdag.prefect_api.live_read import begin
from flowdag.prefect_api.live_watch import Shown, Watch
from flowdag.prefect_api.reading import Progress

T = TypeVar("T")


@st.cache_data(ttl=LATER, max_entries=2000, show_spinner=False)
def gate(tenant_id: str, run_id: str) -> None:
    """Raises RunNotFound if the run is unknown or outside the tenant's scope; refusals are not cached."""
    ask(tenant_id, lambda c, t: scope.require_visible(c, t.scope, run_id))


def flow_run(tenant_id: str, run_id: str) -> FlowRun:
    """The facts of one run. Raises RunNotFound."""
    gate(tenant_id, run_id)
    return _flow_run(tenant_id, run_id)


@st.cache_data(ttl=SOON, max_entries=500, show_spinner=False)
def _flow_run(tenant_id: str, run_id: str) -> FlowRun:
    return ask(tenant_id, lambda c, _: flow_runs.read_flow_run(c, run_id))


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
                held.job = job or Job(portal(), _first_read(tenant_id, run_id))
                return held.job
            held.watch = Watch(partial(_ask_client, tenant_id), job.result())
    return held.watch.current()


def _first_read(tenant_id: str, run_id: str) -> Callable[[Progress], Awaitable[Watched]]:
    client = connection(tenant_id).client
    return lambda progress: begin(client, run_id, progress)


def _ask_client(tenant_id: str, question: Callable[[Client], Awaitable[T]]) -> T:
    return ask(tenant_id, lambda client, _: question(client))


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


def forget_graph(tenant_id: str, run_id: str) -> None:
    """Read this run anew when it is looked at again."""
    run = flow_run(tenant_id, run_id)
    _settled_graph.clear(tenant_id, run_id, run.updated)
    for function in (gate, _flow_run, _held):
        function.clear(tenant_id, run_id)
