"""Why a run failed: what is made of its graph, of the messages of what failed, and of the log lines around that."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from flowdag.analysis import failures as analysis
from flowdag.cache.connection import DAY, LATER, ask
from flowdag.cache.graphs import gate
from flowdag.model import FlowRunGraph
from flowdag.prefect_api import logs
from flowdag.prefect_api.log_pages import LogLine
from flowdag.prefect_api.messages import read_messages


@st.cache_resource(ttl=DAY, max_entries=100, show_spinner="Reading why tasks failed…")
def failures(tenant_id: str, run_id: str, as_of: datetime, _graph: FlowRunGraph) -> analysis.Failures:
    """What failed, and why, in the run's graph read at `as_of`; the other arguments name `_graph`."""
    gate(tenant_id, run_id)
    del as_of
    bad = _graph.nodes.loc[analysis.ended_badly(_graph)]
    return analysis.failures(_graph, _messages(tenant_id, run_id, bad))


@st.cache_resource(ttl=DAY, max_entries=100, show_spinner=False)
def failed_first(
    tenant_id: str, run_id: str, as_of: datetime, attempt: int | None, _graph: FlowRunGraph
) -> analysis.Failures:
    """What failed in the run's graph read at `as_of`, or in one attempt, without asking for what it said."""
    del tenant_id, run_id, as_of, attempt
    return analysis.failures(_graph, {})


def _messages(tenant_id: str, run_id: str, bad: pd.DataFrame) -> dict[str, str | None]:
    """What they said when they ended; of a run that goes on only the new ones are asked for."""
    known = _known(tenant_id, run_id)
    ends = dict(zip(bad.index.tolist(), bad["end"].tolist(), strict=True))
    new = bad[[(node, end) not in known for node, end in ends.items()]]
    if len(new):
        flow_runs = (new["kind"] == "flow-run").to_numpy()
        ids = new.index[~flow_runs].tolist(), new.index[flow_runs].tolist()
        told = ask(tenant_id, lambda c, _: read_messages(c, *ids))
        known |= {(node, ends[node]): told.get(node) for node in new.index}
    return {node: known[node, end] for node, end in ends.items()}


@st.cache_resource(ttl=DAY, max_entries=50, show_spinner=False)
def _known(tenant_id: str, run_id: str) -> dict[tuple[str, pd.Timestamp], str | None]:
    del tenant_id, run_id
    return {}


@st.cache_data(ttl=LATER, max_entries=500, show_spinner=False)
def lines_of_failure(tenant_id: str, flow_run_id: str, task_run_id: str | None) -> tuple[LogLine, ...]:
    """The line that tells why a task run failed, or a flow run itself if no task run is named, and those around it."""
    gate(tenant_id, flow_run_id)
    return ask(tenant_id, lambda c, _: logs.lines_of_failure(c, flow_run_id, task_run_id))
