"""The Logs page: which lines, as many as a person reads at once, further ones on demand, and all of them as a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import streamlit as st

from flowdag import cache
from flowdag.jobs import GivenUp, Job
from flowdag.looks.words import html
from flowdag.model import FlowRunGraph
from flowdag.prefect_api.live_watch import Shown
from flowdag.prefect_api.log_pages import LogLine
from flowdag.prefect_api.logs import Around, Lines
from flowdag.ui import state
from flowdag.ui.log_files import download
from flowdag.ui.log_lines import log_lines
from flowdag.ui.waiting import waited

FIRST, STEP, MOST = 300, 500, 3000  # lines at first, more at a time, and at most: a browser is quick up to there
LATE = timedelta(seconds=15)  # lines may be this much later at the server than they were written
LEVELS = {"All levels": 0, "Info": 20, "Warnings": 30, "Errors": 40}  # and what is worse
HELD, WANTED, UNDER_WAY = "flowdag-logs", "flowdag-logs-wanted", "flowdag-logs-job"
GRAPH = "pages/run/graph.py"


@dataclass(frozen=True)
class Window:
    """The lines that a viewer has before them, and whether there are earlier and later ones.

    asked: which lines of which run, as of `as_of`. focus: the line that was jumped to. remark: what to say of them.
    """

    asked: tuple[Any, ...]
    as_of: datetime
    lines: tuple[LogLine, ...]
    earlier: bool
    later: bool = False
    focus: str | None = None
    remark: str | None = None


def logs_view(tenant_id: str, shown: Shown) -> None:
    """Filters, lines, and what leads on from them."""
    graph = shown.graph
    nodes = _chosen_nodes(tenant_id, graph)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        level, text = _pick()
        st.button(
            "First error", icon=":material/error:", key="first-error", on_click=_want, args=("error",),
            help="Go to the first error of what is chosen here.",
        )  # fmt: skip
        files = st.container(width="content")
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    with row:
        only = bool(nodes) and _pick_only(graph, nodes)
    asked = cache.Asked(nodes if only else None, level, text)
    window = _window(tenant_id, shown, asked)
    if window is None:
        st.button("Read them", icon=":material/play_circle:", on_click=_want, args=("newest",))
        return
    with row:
        _earlier(window)
    log_lines(
        window.lines, cache.task_names(graph), asked=repr(window.asked), chosen=nodes, focus=window.focus,
        none=_why_none(graph, asked), begin=graph.run.start, key="log-lines",
        on_task=lambda task: state.choose(task=task),
    )  # fmt: skip
    _later(window, shown)
    with files:  # may take a while
        download(tenant_id, graph, asked)


def _chosen_nodes(tenant_id: str, graph: FlowRunGraph) -> tuple[str, ...]:
    """The task that is chosen here or elsewhere, or all of the chosen group."""
    chosen = state.chosen("task")
    if chosen is None or chosen in graph.nodes.index:
        return (chosen,) if chosen else ()
    return cache.members(tenant_id, graph.run.id, graph.as_of, chosen, state.folding(), graph)


def _pick() -> tuple[int, str]:
    """The least level, and the words; each lives in the address."""
    level = st.segmented_control(
        "Level", list(LEVELS), default="All levels", key="level", bind="query-params", required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    text = st.text_input(
        "Text", key="text", bind="query-params", type="search", placeholder="Words of a line, in any order", width=300,
        label_visibility="collapsed",
    )  # fmt: skip
    return LEVELS.get(level or "", 0), " ".join((text or "").split())


def _pick_only(graph: FlowRunGraph, nodes: tuple[str, ...]) -> bool:
    """What is chosen, and whether no other lines are wanted."""
    label = graph.nodes.at[nodes[0], "label"] if len(nodes) == 1 else graph.nodes.at[nodes[0], "task_name"]
    many = f" × {len(nodes):,}" if len(nodes) > 1 else ""
    st.html(f'<p class="fd-note" style="margin:0">Chosen: <b>{html(label)}</b>{many}</p>', width="content")
    only = st.toggle(
        "Only its lines", key="only", bind="query-params", help="Also those of all that ran inside it.", width="content"
    )
    if st.button("Show in graph", type="tertiary", icon=":material/account_tree:", key="to-graph"):
        st.switch_page(GRAPH)
    st.button(
        "Let go", type="tertiary", icon=":material/close:", key="let-go", on_click=lambda: state.choose(task=None),
        help="No task is chosen any more.",
    )  # fmt: skip
    return only


def _want(what: str) -> None:
    st.session_state[WANTED] = what
    st.session_state.pop(UNDER_WAY, None)


def _window(tenant_id: str, shown: Shown, asked: cache.Asked) -> Window | None:
    """The lines to show: those from before, with what was wanted added, and what the run has written since."""
    graph = shown.graph
    key = (tenant_id, graph.run.id, asked)
    held: Window | None = st.session_state.get(HELD)
    stale = held is None or held.asked != key or (shown.next_due is None and held.as_of != graph.as_of)
    wanted = "newest" if stale and st.session_state.get(WANTED) != "error" else st.session_state.get(WANTED)
    if wanted:
        st.session_state[WANTED] = wanted
        read = _read(tenant_id, graph, asked, wanted, held)
        if read is None:
            return held if held and held.asked == key else None
        held = _with(key, graph.as_of, None if stale else held, wanted, read)
        st.session_state[WANTED] = None
    elif held and shown.next_due is not None and not held.later and held.as_of != graph.as_of:
        held = _grown(tenant_id, graph, asked, held)
    st.session_state[HELD] = held
    return held


def _read(
    tenant_id: str, graph: FlowRunGraph, asked: cache.Asked, wanted: str, held: Window | None
) -> Lines | Around | None:
    """What was read, once it is; None where the viewer has stopped it."""
    key = (tenant_id, graph.run.id, asked, wanted)
    under_way: tuple[Any, Job[Any]] | None = st.session_state.get(UNDER_WAY)
    if under_way is None or under_way[0] != key:
        under_way = key, _begun(tenant_id, graph, asked, wanted, held)
        st.session_state[UNDER_WAY] = under_way
    try:
        done = waited(under_way[1], "Stop reading", key="stop-logs")
    except GivenUp:
        st.session_state.pop(UNDER_WAY, None)
        st.rerun()
    if not done:
        return None
    st.session_state.pop(UNDER_WAY, None)
    read: Lines | Around = under_way[1].result()
    return read


def _begun(tenant_id: str, graph: FlowRunGraph, asked: cache.Asked, wanted: str, held: Window | None) -> Job[Any]:
    if wanted == "error":
        return cache.first_error(tenant_id, graph, asked, FIRST)
    if wanted in ("earlier", "later") and held and held.lines:
        return cache.further_lines(tenant_id, graph, asked, STEP, held.lines, later=wanted == "later")
    return cache.last_lines(tenant_id, graph, asked, FIRST)


def _with(key: tuple[Any, ...], as_of: datetime, held: Window | None, wanted: str, read: Lines | Around) -> Window:
    """The window with what was read for it. It holds no more than `MOST` lines: those furthest off are let go."""
    if isinstance(read, Around):
        if read.at is None and held:
            return replace(held, remark="There is no error among these lines.")
        if read.at is None:
            return Window(key, as_of, (), earlier=False, remark="There is no error.")
        return Window(key, as_of, read.lines, read.earlier, read.later, read.at)
    if wanted == "earlier" and held:
        lines = (*read.lines, *held.lines)
        return replace(held, lines=lines[:MOST], earlier=read.more, later=held.later or len(lines) > MOST, remark=None)
    if wanted == "later" and held:
        lines = (*held.lines, *read.lines)
        earlier = held.earlier or len(lines) > MOST
        return replace(held, lines=lines[-MOST:], earlier=earlier, later=read.more, remark=None)
    return Window(key, as_of, read.lines, read.more)


def _grown(tenant_id: str, graph: FlowRunGraph, asked: cache.Asked, held: Window) -> Window:
    """With what the run has written since, also what came late; too much at once begins anew with the last lines."""
    found = cache.tail(tenant_id, graph.run.id, graph.as_of, held.as_of - LATE, asked, graph)
    if found.more:
        return Window(held.asked, graph.as_of, found.lines, earlier=True)
    lines = _merged(held.lines, found.lines)
    return replace(
        held, as_of=graph.as_of, lines=lines[-MOST:], earlier=held.earlier or len(lines) > MOST, focus=held.focus
    )


def _merged(held: Sequence[LogLine], found: Sequence[LogLine]) -> tuple[LogLine, ...]:
    known = {line.id for line in held}
    return tuple(sorted((*held, *(line for line in found if line.id not in known)), key=lambda line: line.at))


def _earlier(window: Window) -> None:
    """How many lines are shown, and what leads to earlier ones."""
    count = len(window.lines)
    whole = "" if window.earlier or window.later else ": all there are"
    words = f"{count:,} line{'' if count == 1 else 's'}{whole if count > 1 else ''}"
    if window.earlier:
        more = f"Load {STEP} earlier"
        st.button(
            more, type="tertiary", icon=":material/expand_less:", key="earlier", on_click=_want, args=("earlier",)
        )
    if count:
        st.html(f'<p class="fd-note" style="margin:0">{words}</p>', width="content")
    if window.remark:
        st.html(f'<p class="fd-note" style="margin:0"><b>{html(window.remark)}</b></p>', width="content")


def _later(window: Window, shown: Shown) -> None:
    if not window.later:
        if shown.next_due is not None and not window.focus:
            st.caption("New lines appear here while the run goes on.")
        return
    with st.container(horizontal=True, gap="small"):
        st.button(f"Load {STEP} later", type="tertiary", icon=":material/expand_more:", on_click=_want, args=("later",))
        st.button("Go to the newest", type="tertiary", icon=":material/last_page:", on_click=_want, args=("newest",))


def _why_none(graph: FlowRunGraph, asked: cache.Asked) -> str:
    if asked.at_least or asked.text:
        return "No line matches. Choose another level, or fewer words."
    whose = "The chosen task has" if asked.nodes else "This run has"
    yet = "" if graph.run.is_over else " yet"
    return f"{whose} written no log lines{yet}. Tasks write some with get_run_logger(), or print() with log_prints."
