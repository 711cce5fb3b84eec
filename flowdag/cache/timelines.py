"""What is made of a run's graph for its timeline."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from flowdag.analysis.timeline import Timeline
from flowdag.analysis.timeline import timeline as timeline_of
from flowdag.analysis.timeline_rows import Rows, RowView, arranged
from flowdag.cache.connection import DAY
from flowdag.cache.drawings import critical_path
from flowdag.model import FlowRunGraph


@st.cache_resource(ttl=DAY, max_entries=100, show_spinner=False)
def timeline(tenant_id: str, run_id: str, as_of: datetime, attempt: int | None, _graph: FlowRunGraph) -> Timeline:
    """The bars of the run's graph read at `as_of`, or of one attempt; as `drawing`, it is shared."""
    del tenant_id, run_id, as_of, attempt
    return timeline_of(_graph)


@st.cache_resource(ttl=DAY, max_entries=200, show_spinner=False)
def timeline_rows(
    tenant_id: str, run_id: str, as_of: datetime, attempt: int | None, view: RowView, _graph: FlowRunGraph
) -> Rows:
    """The rows of the timeline of the same graph, as a viewer wants them; as `drawing`, they are shared."""
    path = critical_path(tenant_id, run_id, as_of, attempt, _graph)
    return arranged(_graph, path.tasks["path_s"], view)
