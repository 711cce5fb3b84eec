"""The Failures page: what failed first and why, what came of it, and which retries helped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from flowdag import cache
from flowdag.analysis.attempts import attempts
from flowdag.analysis.failures import Alike, Cause, Failures, without_prefect
from flowdag.analysis.retries import Retried
from flowdag.looks.failures import called, helped, in_words
from flowdag.looks.states import sign
from flowdag.looks.words import duration, html, shorten
from flowdag.model import FlowRunGraph
from flowdag.prefect_api.live_watch import Shown
from flowdag.ui import details, state
from flowdag.ui.errors import in_place, plain
from flowdag.ui.tables import SECONDS, Number, Text, selectable
from flowdag.ui.text import clock

CAUSES, OPEN, NAMES, SENTENCES = 10, 3, 6, 5  # how many are shown at first; of how many the log lines are open
LONGEST = 60  # characters of a name on a button
HIGHEST = 320  # pixels of log lines
GRAPH, LOGS = "pages/run/graph.py", "pages/run/logs.py"
RETRIES = {
    "task": Text("Task name", help="All task runs that share this name, and were tried equally often.", width=180),
    "count": Number("Task runs", help="How many of them were tried again."),
    "tries": Number("Tries", help="How often each was tried."),
    "retries": Number("Retries", help="How often they were tried again, all together."),
    "outcome": Text("Outcome", help="How the last try ended."),
    "pause": Number("Pause (s)", help="Median time between the last two tries. In seconds.", format=SECONDS),
}


@dataclass(frozen=True)
class _Page:
    """What every part of the page needs."""

    tenant_id: str
    graph: FlowRunGraph
    attempts: int


def failures_view(tenant_id: str, shown: Shown) -> None:
    """The story on the left; details of what is chosen on the right."""
    graph = shown.graph
    page = _Page(tenant_id, graph, len(attempts(graph)))
    found = cache.failures(tenant_id, graph.run.id, graph.as_of, graph)
    left, right = st.columns([0.62, 0.38], gap="small")
    with left:
        _summary(graph, found)
        _causes(page, found)
        _cut_off(page, found)
        _retries(found.retried)
    with right.container(border=True, key="failure-details", gap="xxsmall"):
        _details(page)


def _summary(graph: FlowRunGraph, found: Failures) -> None:
    run, tasks = graph.run, len(graph.nodes)
    if not (found.causes or found.retried or (found.never and run.is_over)):
        so_far = "" if run.is_over else " so far"
        went = (
            f" All {tasks:,} tasks went well." if tasks > 1 and (graph.nodes["state_type"] == "COMPLETED").all() else ""
        )
        words = f"**Nothing failed{so_far}, and nothing had to be tried again.**{went}"
        st.success(words, icon=":material/check_circle:")
        return
    words = (
        in_words(found) if found.causes else "Nothing failed in the end." if run.is_over else "Nothing failed so far."
    )
    st.html(f'<p class="fd-title">{html(words)}</p>')
    if found.causes and run.state_type == "COMPLETED":
        st.caption("The run completed all the same.")


def _causes(page: _Page, found: Failures) -> None:
    often = int(st.session_state.get("causes-shown", CAUSES))
    for number, cause in enumerate(found.causes[:often]):
        with st.container(border=True, gap="xxsmall"):
            _cause(page, cause, number)
    if (left := len(found.causes) - often) > 0:
        st.button(
            f"Show {min(left, CAUSES)} of {left:,} more", type="tertiary", icon=":material/expand_more:", on_click=_more
        )


def _more() -> None:
    st.session_state["causes-shown"] = int(st.session_state.get("causes-shown", CAUSES)) + CAUSES


def _cause(page: _Page, cause: Cause, number: int) -> None:
    """One box: who, when, the exception, the log lines around it, and what came of it."""
    key = f"cause-{number}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.html(details.state_badge(cause.first.state_type, cause.first.state_name), width="content")
        if cause.first.nodes:
            _name(page, cause.first, key)
        else:
            st.html(f"<b>{html(page.graph.run.flow_name)}</b>, the flow's own code", width="content")
        st.html(f'<p class="fd-note" style="margin:0">{html(_when(page, cause))}</p>', width="content")
    if cause.first.line:
        st.code(cause.first.line, language=None, wrap_lines=True)
    with st.expander("Log lines around it", expanded=number < OPEN, key=f"{key}-log", on_change="rerun") as box:
        if box.open:
            with in_place():
                _log_lines(page, cause.first)
    _came(page, "Failed because of it", cause.failed, f"{key}-failed")
    _came(page, "Failed around it", cause.around, f"{key}-around")
    _came(page, "Never started because of it", cause.never, f"{key}-never")


def _when(page: _Page, cause: Cause) -> str:
    """When it failed, after how many tries, and in which attempt of the flow."""
    graph, first = page.graph, cause.first
    parts = []
    if cause.at:
        since = f", {duration((cause.at - graph.run.start).total_seconds())} into the run" if graph.run.start else ""
        parts.append(
            f"at {clock(cause.at)[-8:]}{since}"
            if len(first.nodes) < 2
            else f"the first at {clock(cause.at)[-8:]}{since}"
        )
    if first.nodes:
        row = graph.nodes.loc[first.nodes[0]]
        if row["tries"] > 1:
            parts.append(f"after {row['tries']} tries")
        if page.attempts > 1:
            parts.append(f"in attempt {row['attempt']}")
    return " · ".join(parts)


def _name(page: _Page, alike: Alike, key: str) -> None:
    """A button that chooses what failed, or the first of many."""
    count = len(alike.nodes)
    st.button(
        f"**{plain(shorten(called(page.graph, alike), LONGEST))}**" + (f" × {count:,}" if count > 1 else ""),
        key=key,
        type="tertiary",
        on_click=state.choose,
        kwargs={"task": alike.nodes[0]},
        help=None if count == 1 else "Chooses the first of them.",
    )


def _came(page: _Page, title: str, many: Sequence[Alike], key: str) -> None:
    """What came of it: by name, with the exception where it has one of its own."""
    if not many:
        return
    count = sum(len(alike.nodes) for alike in many)
    st.html(f'<p class="fd-sub">{title} ({count:,})</p>')
    told = [alike for alike in many if alike.line]
    for number, alike in enumerate(told[:NAMES]):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            _name(page, alike, f"{key}-told-{number}")
            st.html(f'<p class="fd-note" style="margin:0">{html(alike.line)}</p>')
    rest = [*told[NAMES:], *(alike for alike in many if not alike.line)]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for number, alike in enumerate(rest[:NAMES]):
            _name(page, alike, f"{key}-{number}")
        if len(rest) > NAMES:
            with st.popover(f"{len(rest) - NAMES:,} other names", type="tertiary"):
                for number, alike in enumerate(rest[NAMES:100], NAMES):
                    _name(page, alike, f"{key}-{number}")
                if len(rest) > 100:
                    st.caption(f"And {len(rest) - 100:,} more: the table on the Graph page has all.")


def _log_lines(page: _Page, first: Alike) -> None:
    nodes, run = page.graph.nodes, page.graph.run
    node = first.nodes[0] if first.nodes else None
    if node is None:
        lines = cache.lines_of_failure(page.tenant_id, run.id, None)
    elif nodes.at[node, "kind"] == "flow-run":
        lines = cache.lines_of_failure(page.tenant_id, node, None)
    else:
        lines = cache.lines_of_failure(page.tenant_id, str(nodes.at[node, "flow_run_id"]), node)
    if not lines:
        st.caption("It wrote no log lines.")
        return
    told = (f"{clock(line.at)[-8:]} {line.level:<7} {without_prefect(line.message)}" for line in lines)
    text = "\n".join(told)
    st.code(text, language=None, wrap_lines=True, height=HIGHEST if text.count("\n") > 12 else "content")


def _cut_off(page: _Page, found: Failures) -> None:
    if found.never and page.graph.run.is_over:
        with st.container(border=True, gap="xxsmall"):
            _came(page, "Never started, as the run had ended before", found.never, "cut-off")


def _retries(retried: Sequence[Retried]) -> None:
    """Which retries helped, in sentences; all of them as a table."""
    good = [one for one in retried if one.state_type == "COMPLETED"]
    rows = [one for one in retried if one.nodes]
    if good or rows:
        st.html('<p class="fd-title" style="margin-top:.6rem">Tried again</p>')
    sentences = [f"<li>{helped(one)}</li>" for one in good[:SENTENCES]]
    if sentences:
        st.html(f'<ul style="margin:.1rem 0 .3rem;padding-left:1.2rem;font-size:.9rem">{"".join(sentences)}</ul>')
    if not rows:
        return
    frame = pd.DataFrame(
        {
            "task": [one.task_name for one in rows],
            "count": [len(one.nodes) for one in rows],
            "tries": [one.tries for one in rows],
            "retries": [one.retries for one in rows],
            "outcome": [sign(one.state_type, one.state_type.title()) for one in rows],
            "pause": [one.pause_s for one in rows],
        }
    )
    chosen = state.chosen("task")
    selectable(
        frame, RETRIES, key="retries",
        selected=next((at for at, one in enumerate(rows) if chosen in one.nodes), None),
        on_select=lambda row: state.choose(task=None if row is None else rows[row].nodes[0]),
    )  # fmt: skip


def _details(page: _Page) -> None:
    graph, chosen = page.graph, state.chosen("task")
    if chosen not in graph.nodes.index:
        details.run_details(graph)
        return
    with st.container(horizontal=True, gap="small"):
        if st.button("Show in graph", type="tertiary", icon=":material/account_tree:", key="to-graph"):
            st.switch_page(GRAPH)
        if st.button("Its log lines", type="tertiary", icon=":material/notes:", key="to-logs"):
            st.switch_page(LOGS, query_params={"only": "true"})
    path = cache.critical_path(page.tenant_id, graph.run.id, graph.as_of, None, graph)
    details.task_details(page.tenant_id, graph, path, str(chosen), _choose, _leave)


def _choose(task: str) -> None:
    state.choose(task=task)


def _leave() -> None:
    state.choose(task=None)
