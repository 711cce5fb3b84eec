"""Runs as they are compared with each other: what is kept of each is small, and of many runs at hand at once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

import streamlit as st

from flowdag.analysis.critical_path import critical_path as path_of
from flowdag.analysis.profile import Profile
from flowdag.analysis.profile import profile as profile_of
from flowdag.cache.connection import DAY, LATER, ask
from flowdag.cache.drawings import critical_path
from flowdag.cache.graphs import flow_run, gate, look
from flowdag.jobs import Job
from flowdag.model import FlowRun, FlowRunGraph
from flowdag.prefect_api.live import Watched
from flowdag.prefect_api.recent import runs_before

LAST_GOOD = 20


@dataclass(frozen=True)
class Compared:
    """A run as it is compared with others, read at `as_of`."""

    run: FlowRun
    as_of: datetime
    profile: Profile


@st.cache_resource(ttl=DAY, max_entries=100, show_spinner=False)
def profile(tenant_id: str, run_id: str, as_of: datetime, _graph: FlowRunGraph) -> Profile:
    """The profile of the run's graph read at `as_of`; shared: nobody may change it."""
    return profile_of(_graph, critical_path(tenant_id, run_id, as_of, None, _graph))


class _NotSettled(Exception):
    """What is raised in a cached function is not cached."""


def compared(tenant_id: str, run: FlowRun) -> Compared | Job[Watched]:
    """A run as it is compared, or the read that must be waited for before asking again. Raises as `look`."""
    if run.is_over:
        with suppress(_NotSettled):
            return _settled(tenant_id, run.id, run.updated)
    found = look(tenant_id, run.id)
    if isinstance(found, Job):
        return found
    graph = found.graph
    return Compared(graph.run, graph.as_of, profile(tenant_id, run.id, graph.as_of, graph))


@st.cache_resource(ttl=DAY, max_entries=500, show_spinner=False)
def _settled(tenant_id: str, run_id: str, updated: datetime | None) -> Compared:
    """As for whole graphs, `updated` makes a run that was retried or resumed another entry."""
    del updated
    gate(tenant_id, run_id)
    found = look(tenant_id, run_id)
    if isinstance(found, Job) or found.next_due is not None:
        raise _NotSettled
    graph = found.graph
    return Compared(graph.run, graph.as_of, profile_of(graph, path_of(graph)))


@st.cache_data(ttl=LATER, max_entries=500, show_spinner=False)
def good_runs(tenant_id: str, run_id: str) -> tuple[FlowRun, ...]:
    """The last `LAST_GOOD` completed runs that started before this one, the latest first, within the tenant's scope.

    Those of its deployment; of its flow, if it has none or there are none.
    """
    run = flow_run(tenant_id, run_id)
    found = ask(tenant_id, lambda c, t: runs_before(c, t.scope, run, LAST_GOOD)) if run.deployment_id else ()
    return found or ask(tenant_id, lambda c, t: runs_before(c, t.scope, replace(run, deployment_id=None), LAST_GOOD))
