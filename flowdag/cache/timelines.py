"""What is made of a run's graph for its timeline."""

from __future__ import annotations

from datetime import datetime

from flowdag.analysis.timeline import Timeline
from flowdag.analysis.timeline import timeline as timeline_of
from flowdag.analysis.timeline_rows import Rows, RowView, arranged
from flowdag.cache.drawings import critical_path
from flowdag.cache.kept import kept
from flowdag.model import FlowRunGraph


def timeline(tenant_id: str, run_id: str, as_of: datetime, attempt: int | None, graph: FlowRunGraph) -> Timeline:
    """The bars of the run's graph read at `as_of`, or of one attempt; as `drawing`, it is shared."""
    return kept(tenant_id, run_id, as_of, attempt, lambda: timeline_of(graph), "timeline")


def timeline_rows(
    tenant_id: str, run_id: str, as_of: datetime, attempt: int | None, view: RowView, graph: FlowRunGraph
) -> Rows:
    """The rows of the timeline of the same graph, as a viewer wants them; as `drawing`, they are shared."""
    path = critical_path(tenant_id, run_id, as_of, attempt, graph)
    return kept(
        tenant_id, run_id, as_of, attempt, lambda: arranged(graph, path.tasks["path_s"], view), "timeline rows", view
    )
