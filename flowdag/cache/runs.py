"""Lists of a tenant's runs, and counts of their task runs."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from flowdag.cache.connection import DAY, LATER, SOON, ask
from flowdag.model import FlowRun
from flowdag.prefect_api import flow_runs, task_runs
from flowdag.prefect_api.flow_runs import RunQuery

UNSETTLED = {"RUNNING", "PENDING", "SCHEDULED", "PAUSED", "CANCELLING"}


@st.cache_data(ttl=SOON, max_entries=500, show_spinner=False)
def runs(tenant_id: str, query: RunQuery, limit: int) -> tuple[tuple[FlowRun, ...], datetime]:
    """Top-level runs within the tenant's scope, the latest first, and when they were read (UTC)."""
    return ask(tenant_id, lambda c, t: flow_runs.list_runs(c, t.scope, query, limit=limit)), datetime.now(UTC)


@st.cache_data(ttl=SOON, max_entries=500, show_spinner=False)
def run_count(tenant_id: str, query: RunQuery) -> int:
    """How many top-level runs there are."""
    return ask(tenant_id, lambda c, t: flow_runs.count_runs(c, t.scope, query))


@st.cache_data(ttl=SOON, max_entries=500, show_spinner=False)
def running_at(tenant_id: str, query: RunQuery, at: datetime) -> int | None:
    """How many top-level runs were running at a moment; None where the server cannot tell."""
    return ask(tenant_id, lambda c, t: flow_runs.count_running_at(c, t.scope, query, at))


@st.cache_data(ttl=LATER, max_entries=100, show_spinner=False)
def flow_names(tenant_id: str) -> tuple[str, ...]:
    """Flows with runs within the scope."""
    return ask(tenant_id, lambda c, t: flow_runs.list_flow_names(c, t.scope))


@st.cache_data(ttl=LATER, max_entries=100, show_spinner=False)
def deployment_names(tenant_id: str) -> tuple[str, ...]:
    """Deployments with runs within the scope."""
    return ask(tenant_id, lambda c, t: flow_runs.list_deployment_names(c, t.scope))


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
    return ask(tenant_id, lambda c, _: task_runs.count_by_state(c, run_ids))


def refresh_runs(tenant_id: str, query: RunQuery, limit: int) -> None:
    """Forget this list of runs; counts and names follow within seconds."""
    runs.clear(tenant_id, query, limit)
    run_count.clear(tenant_id, query)
