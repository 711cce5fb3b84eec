"""What is made of a run's graph: what is drawn of it, and its tables."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd
import streamlit as st

from flowdag.analysis.critical_path import CriticalPath
from flowdag.analysis.critical_path import critical_path as path_of
from flowdag.analysis.drawing import Drawing, View, draw
from flowdag.analysis.layout import Layout
from flowdag.analysis.timings import by_task_name, by_task_run
from flowdag.cache.connection import DAY
from flowdag.cache.kept import kept
from flowdag.model import FlowRunGraph


@st.cache_resource(ttl=DAY, max_entries=200, show_spinner=False)
def drawing(
    tenant_id: str, run_id: str, as_of: datetime, attempt: int | None, view: View, _graph: FlowRunGraph
) -> Drawing:
    """What is drawn of one attempt of the run's graph read at `as_of` (None: of all). Shared: nobody may change it.

    `_graph` is the graph of that attempt: the other arguments name it, so that it need not be hashed.
    """
    return draw(_graph, view, critical_path(tenant_id, run_id, as_of, attempt, _graph))


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
    path = critical_path(tenant_id, graph.run.id, graph.as_of, attempt, graph)
    with held.lock:
        if held.as_of and held.as_of > graph.as_of:  # others have seen more
            return draw(graph, view, path, before)
        if held.drawing is None or held.as_of != graph.as_of:
            held.drawing = draw(graph, view, path, held.drawing.layout if held.drawing else before)
            held.as_of = graph.as_of
        return held.drawing


def timings(
    tenant_id: str, run_id: str, as_of: datetime, attempt: int | None, graph: FlowRunGraph
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The timings by task run and by task name of the run's graph read at `as_of`; as `drawing`, they are shared."""
    path = critical_path(tenant_id, run_id, as_of, attempt, graph)
    return kept(
        tenant_id, run_id, as_of, attempt, lambda: (by_task_run(graph, path), by_task_name(graph, path)), "timings"
    )


def critical_path(
    tenant_id: str, run_id: str, as_of: datetime, attempt: int | None, graph: FlowRunGraph
) -> CriticalPath:
    """The critical path of the run's graph read at `as_of`, or of one attempt; as `drawing`, it is shared."""
    return kept(tenant_id, run_id, as_of, attempt, lambda: path_of(graph), "critical path")
