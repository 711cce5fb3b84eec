"""What is asked of Prefect about one task or flow run: its last log lines and its artifacts."""

from __future__ import annotations

import streamlit as st

from flowdag.cache.connection import SOON, ask
from flowdag.cache.graphs import gate
from flowdag.prefect_api import artifacts, logs
from flowdag.prefect_api.log_pages import LogLine


@st.cache_data(ttl=SOON, max_entries=500, show_spinner=False)
def log_lines(tenant_id: str, flow_run_id: str, task_run_id: str | None) -> tuple[LogLine, ...]:
    """The last log lines of a task run, or of a flow run and its tasks."""
    gate(tenant_id, flow_run_id)
    return ask(tenant_id, lambda c, _: logs.last_log_lines(c, flow_run_id, task_run_id))


@st.cache_data(ttl=SOON, max_entries=500, show_spinner=False)
def artifacts_of(tenant_id: str, flow_run_id: str, task_run_id: str | None) -> tuple[artifacts.Artifact, ...]:
    """The artifacts of a task run, or of a flow run."""
    gate(tenant_id, flow_run_id)
    return ask(tenant_id, lambda c, _: artifacts.read_artifacts(c, flow_run_id, task_run_id))
