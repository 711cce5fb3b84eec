"""The head of a page: what is shown, as of when, and the button that reads it anew."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from flowdag import cache
from flowdag.analysis.attempts import attempts
from flowdag.looks.words import duration, html
from flowdag.model import FAILURES, FlowRunGraph
from flowdag.prefect_api.live_watch import Shown
from flowdag.tenants import Tenant
from flowdag.ui.details import run_details, state_badge
from flowdag.ui.errors import hint, plain
from flowdag.ui.text import clock, zone


def places() -> tuple[DeltaGenerator, DeltaGenerator]:
    """The places of what is shown, and of what can be done with it."""
    left, right = st.columns([0.62, 0.38], vertical_alignment="center")
    return left, right.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="right", gap="small"
    )


def run_header(shown: Shown, flag: str = "") -> None:
    """Name, state and the few facts that come first; of a run that is followed, whether that goes well.

    flag: whether the run is usual, as HTML.
    """
    graph, run = shown.graph, shown.graph.run
    pieces = [
        html(run.flow_name),
        f"started {clock(run.start)} ({html(zone().key)})" if run.start else "not started yet",
        duration(run.wall_s(graph.as_of)) + ("" if run.is_over else " so far") if run.start else "",
        _tasks(graph),
        f"as of {clock(graph.as_of)[-8:]}" if shown.next_due else "",
    ]
    line = " · ".join(piece for piece in pieces if piece)
    badge = state_badge(run.state_type, run.state_name)
    st.html(f'<div class="fd-head"><b>{html(run.name)}</b>{badge}<span>{line}</span>{flag}</div>')
    if run.is_over and not graph.complete:
        st.caption(f":material/hourglass_top: {plain(graph.notes[-1])}")
    if shown.problem:
        st.caption(f":material/error: {plain(shown.problem.what)} This is what was known before.")


def refresh_button(tenant: Tenant, graph: FlowRunGraph) -> bool:
    """When the run was read, and a button that reads it anew; it is not followed."""
    _as_of(graph.as_of, lambda: cache.refresh_run(tenant.id, graph.run.id))
    return False


def runs_header(tenant: Tenant, as_of: datetime, refresh: Callable[[], None]) -> None:
    """The tenant's title; `refresh` reads the list anew."""
    head, aside = places()
    head.html(f'<div class="fd-head"><b>Runs of {html(tenant.title)}</b><span>times in {html(zone().key)}</span></div>')
    with aside:
        _as_of(as_of, refresh)


def _as_of(as_of: datetime, refresh: Callable[[], None]) -> None:
    st.html(f'<p class="fd-note" style="margin:0">as of {clock(as_of)[-8:]}</p>', width="content")
    st.button("Refresh", icon=":material/refresh:", on_click=refresh)


def _tasks(graph: FlowRunGraph) -> str:
    count = len(graph.nodes)
    failed = int(graph.nodes["state_type"].isin(FAILURES).sum())
    tried = len(attempts(graph))
    in_attempts = f" in {tried} attempts" if tried > 1 else ""
    return f"{count:,} task{'' if count == 1 else 's'}{in_attempts}" + (f", {failed:,} failed" if failed else "")


def say_why_empty(graph: FlowRunGraph) -> None:
    """A run without task runs: why, what to do, and what is known of it all the same."""
    run = graph.run
    if run.start is None and not run.is_over:
        hint(
            f"This run has not started yet: it was due to start {clock(run.expected_start)}.",
            "If it is late, look whether a worker for its work pool is running; then refresh.",
        )
    elif run.is_over:
        hint("This run called no tasks.", "Only calls of functions with @task or @flow inside a flow appear here.")
    else:
        hint("This run has no tasks yet.", "Refresh in a few seconds.")
    with st.container(border=True):
        run_details(graph)
