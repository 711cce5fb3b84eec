"""What can be taken away of a run: files, each made when it is asked for, and the way to Prefect's own pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import tzinfo
from typing import Literal

import streamlit as st

from flowdag import cache
from flowdag.analysis.critical_path import CriticalPath
from flowdag.analysis.drawing import View, draw
from flowdag.analysis.grouping import Folding
from flowdag.errors import FlowdagError
from flowdag.export import FORMATS
from flowdag.looks.boxes import Paint
from flowdag.looks.legend import states
from flowdag.model import FlowRunGraph
from flowdag.prefect_api.live_watch import Shown
from flowdag.report import Told, graph_svg, report, timeline_svg, whole_timeline
from flowdag.tenants import Tenant
from flowdag.ui import state
from flowdag.ui.prefect_links import flow_run_url, task_run_url
from flowdag.ui.tables import file_name
from flowdag.ui.text import zone
from flowdag.ui.theme import is_dark

SVG = "image/svg+xml"
DRAWN = "flowdag-drawn"
Kept = tuple[tuple[str, str], Callable[[], str]]  # tenant and run, and what makes the picture


def take_away(tenant: Tenant, graph: FlowRunGraph) -> None:
    """A menu of files and links. What is in it is looked up when it opens: the chosen task, what is folded."""
    with st.popover("Take away", icon=":material/download:", key="take-away", on_change="rerun") as box:
        if not box.open:
            return
        _pictures(tenant, graph)
        st.html('<p class="fd-sub">Data</p>')
        with st.container(horizontal=True, gap="small"):
            for name, form in FORMATS.items():
                _button(tenant, graph, form.title, form.suffix, form.mime, form.make, key=f"take-{name}")
        _links(tenant, graph)


def _pictures(tenant: Tenant, graph: FlowRunGraph) -> None:
    """Report and pictures: as their pages have drawn them last, whole where they have not."""
    clock, dark, folding = zone(), is_dark(), state.folding()
    drawn: Mapping[str, Kept] = st.session_state.setdefault(DRAWN, {})  # looked into when a button is pressed

    def path(now: FlowRunGraph) -> CriticalPath:
        return cache.critical_path(tenant.id, now.run.id, now.as_of, None, now)

    def graph_of(now: FlowRunGraph) -> bytes:
        kept = _kept(drawn, "graph", tenant.id, now.run.id)
        return (kept() if kept else _graph(now, path(now), folding, dark=dark)).encode()

    def timeline_of(now: FlowRunGraph) -> bytes:
        kept = _kept(drawn, "timeline", tenant.id, now.run.id)
        return (kept() if kept else timeline_svg(now, whole_timeline(now, path(now), clock, dark=dark)[0])).encode()

    st.html('<p class="fd-sub" style="margin-top:0">To read</p>')
    with st.container(horizontal=True, gap="small"):
        _button(
            tenant, graph, "Report", "html", "text/html", lambda now: _report(tenant, now, clock), key="take-report",
            help="One file that opens anywhere, without a network: findings, failures, graph, timeline and tables.",
        )  # fmt: skip
        _button(
            tenant, graph, "Graph", "svg", SVG, graph_of, key="take-graph",
            help="A picture (SVG) of the graph, as its page shows it.",
        )  # fmt: skip
        _button(
            tenant, graph, "Timeline", "svg", SVG, timeline_of, key="take-timeline",
            help="A picture (SVG) of the timeline, as its page shows it.",
        )  # fmt: skip


def _button(
    tenant: Tenant,
    graph: FlowRunGraph,
    title: str,
    suffix: str,
    mime: str,
    make: Callable[[FlowRunGraph], bytes],
    *,
    key: str,
    help: str | None = None,
) -> None:
    of = f"-{title.lower()}" if mime == SVG else ""
    st.download_button(
        title,
        data=lambda: make(_latest(tenant.id, graph)),
        file_name=file_name(f"{graph.run.name}-{graph.run.id[:8]}{of}", suffix),
        mime=mime,
        on_click="ignore",
        key=key,
        help=help,
    )


def _latest(tenant_id: str, graph: FlowRunGraph) -> FlowRunGraph:
    """What is known of the run by now; what the page was drawn of, if that cannot be told."""
    with suppress(FlowdagError):
        found = cache.look(tenant_id, graph.run.id)
        if isinstance(found, Shown):
            return found.graph
    return graph


def _report(tenant: Tenant, graph: FlowRunGraph, clock: tzinfo) -> bytes:
    failed = cache.failures(tenant.id, graph.run.id, graph.as_of, graph)
    return report(Told(graph, failed, tenant.title, clock)).encode()


def keep_picture(name: Literal["graph", "timeline"], tenant_id: str, run_id: str, make: Callable[[], str]) -> None:
    """What a page has drawn last is what the menu gives, on whichever page: `make` makes an SVG file of it."""
    st.session_state.setdefault(DRAWN, {})[name] = (tenant_id, run_id), make


def _kept(drawn: Mapping[str, Kept], name: str, tenant_id: str, run_id: str) -> Callable[[], str] | None:
    of, make = drawn.get(name, (None, None))
    return make if of == (tenant_id, run_id) else None


def _graph(graph: FlowRunGraph, path: CriticalPath, folding: Folding, *, dark: bool) -> str:
    drawing = draw(graph, View(folding=folding), path)
    paint = Paint(dark, path=drawing.path.shares)
    colours = states(drawing.picture, dark=dark)
    return graph_svg(
        drawing.picture, drawing.layout, paint, drawing.path.links, colours, name=f"Graph of {graph.run.name}"
    )


def _links(tenant: Tenant, graph: FlowRunGraph) -> None:
    """The same run, and the chosen task, in Prefect's own pages."""
    run = flow_run_url(tenant, graph.run.id)
    if run is None:
        return
    st.html('<p class="fd-sub">Open in Prefect</p>')
    with st.container(horizontal=True, gap="small"):
        st.link_button("This run", run, icon=":material/open_in_new:")
        chosen = state.chosen("task")
        if chosen in graph.nodes.index:
            node = graph.nodes.loc[chosen]
            is_task = node["kind"] == "task-run" or node["task_run_id"] == chosen
            page = task_run_url(tenant, str(chosen)) if is_task else flow_run_url(tenant, str(chosen))
            st.link_button("The chosen task", str(page), icon=":material/open_in_new:")
