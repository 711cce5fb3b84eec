"""The runs before a run, read in the background, and where the run stands among them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import streamlit as st

from flowdag.analysis.usual import AT_LEAST, LAST, History, Usual, history
from flowdag.analysis.usual import usual as usual_of
from flowdag.cache.connection import connection, portal, tenant_of
from flowdag.cache.graphs import gate
from flowdag.errors import FlowdagError
from flowdag.jobs import GivenUp, Job
from flowdag.model import FlowRun, FlowRunGraph
from flowdag.prefect_api.recent import Recent, read_recent

HOUR = timedelta(hours=1)
AGAIN_S = 60.0  # after a failure: a page that follows a run asks every two seconds
KEPT = 4  # graphs of a run: of attempts, or of moments while it goes on
FORGOTTEN_AFTER_S = 60.0  # such a page may look as seldom


@dataclass
class _Held:
    """The read for one run, or what came of it and was made of it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    job: Job[Recent] | None = None
    history: History | None = None
    problem: FlowdagError | None = None
    again_at: float = 0.0
    found: dict[tuple[datetime, int | None], Usual] = field(default_factory=dict)


@st.cache_resource(ttl=HOUR, max_entries=50, show_spinner=False)
def _before(tenant_id: str, run_id: str) -> _Held:
    del tenant_id, run_id
    return _Held()


def forget_before(tenant_id: str, run_id: str) -> None:
    """Read the runs before this one anew when they are asked for again."""
    _before.clear(tenant_id, run_id)


def runs_before(tenant_id: str, run: FlowRun, *, begin: bool = True) -> History | Job[Recent] | None:
    """The runs before a run, or the read that is under way; None where none is, and none is to `begin`.

    Never waits. Raises RunNotFound, and for a while what the read raised.
    """
    gate(tenant_id, run.id)
    held = _before(tenant_id, run.id)
    with held.lock:
        if held.problem and time.monotonic() < held.again_at:
            raise held.problem
        if held.job and held.job.is_done(0):
            _take(held, held.job)
        if begin and not (held.job or held.history):
            client, scope = connection(tenant_id).client, tenant_of(tenant_id).scope
            held.job = Job(
                portal(),
                lambda tell: read_recent(client, scope, run, last=LAST, at_least=AT_LEAST, progress=tell),
                FORGOTTEN_AFTER_S,
            )
        return held.history or held.job


def _take(held: _Held, job: Job[Recent]) -> None:
    held.job = held.problem = None
    try:
        recent = job.result()
        held.history = history(recent.runs, recent.tasks, recent.read)
    except GivenUp:
        return
    except FlowdagError as problem:
        held.problem, held.again_at = problem, time.monotonic() + AGAIN_S
        raise


def usual(tenant_id: str, attempt: int | None, graph: FlowRunGraph, before: History) -> Usual:
    """Where a run's graph, or that of one attempt, stands among the runs before; it is shared."""
    held, key = _before(tenant_id, graph.run.id), (graph.as_of, attempt)
    with held.lock:
        if key not in held.found:
            while len(held.found) >= KEPT:
                held.found.pop(next(iter(held.found)))
            held.found[key] = usual_of(graph, before)
        return held.found[key]
