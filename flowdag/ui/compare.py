"""The Compare page: a run beside another of the same flow, and what made the difference of their durations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pandas as pd
import streamlit as st

from flowdag import cache
from flowdag.analysis.compare import Comparison, compare, steps
from flowdag.analysis.parameters import changed_parameters
from flowdag.analysis.profile import FIGURES, part_of
from flowdag.looks.states import words
from flowdag.looks.words import clean, duration, facts, html, shorten
from flowdag.model import FlowRun, FlowRunGraph
from flowdag.prefect_api.live_watch import Shown
from flowdag.ui import details, state
from flowdag.ui.compare_charts import colours, side_by_side, waterfall
from flowdag.ui.compare_pick import Others, pick_others
from flowdag.ui.compare_words import CHANGES, signed, tiles
from flowdag.ui.errors import hint
from flowdag.ui.tables import SECONDS, Number, Text, csv_button, selectable
from flowdag.ui.theme import is_dark

GRAPH = "pages/run/graph.py"
HEIGHT, SIDE = 390, 560  # pixels: of the table, of what stands beside the steps
NAMED = 6  # tasks that came or went: more are only counted
LONGEST = 40


def _difference(label: str, meaning: str) -> object:
    return Number(f"± {label} (s)", help=f"{meaning} This run minus the other, in seconds.", format="%+.3f")


def _change(label: str, meaning: str) -> object:
    return Number(f"± {label}", help=f"{meaning} This run minus the other.", format="%+.4g")


COLUMNS = {
    "task": Text("Task", help="The task name; of several in different places, where.", pinned=True, width=220),
    "path_s_diff": _difference("On path", "Time for which the whole run waited for it."),
    "median_s_diff": _difference("Run", "The median of the time that its task runs worked."),
    "total_s_diff": _difference("Total", "The time that its task runs worked, added up."),
    "queue_s_diff": _difference("Wait", "The median wait for a free worker or a slot."),
    "blocked_s_diff": _difference("Blocked", "The median time until what it needs had ended."),
    "retries_diff": _change("Retries", "How often its task runs were tried again."),
    "count_diff": _change("Count", "How many task runs."),
    "failures_diff": _change("Failures", "How many of them failed or crashed."),
    "median_s": Number("Run (s)", help="The median in this run, in seconds.", format=SECONDS),
    "median_s_other": Number("Other run (s)", help="The median in the other run, in seconds.", format=SECONDS),
    "count": Number("Count", help="Task runs in this run.", format="%.4g"),
    "count_other": Number("Other count", help="Task runs in the other run.", format="%.4g"),
    "inside": Text("Inside", help="The subflow, or the task, that it ran inside."),
    "change": Text("Change", help="Whether only one of the runs has it, or it stands elsewhere in the graph."),
}
QUIET = ("retries_diff", "count_diff", "failures_diff", "inside", "change")  # columns that are left out if empty


def compare_view(tenant_id: str, shown: Shown) -> None:
    """What to compare with, tiles, the steps from one duration to the other, the table, and both runs over time."""
    graph, run = shown.graph, shown.graph.run
    if run.start is None:
        hint("This run has not started yet.", "Once it has, it can be compared with the runs before it.")
        return
    others = pick_others(tenant_id, run)
    if others is None:
        return
    own = cache.profile(tenant_id, run.id, graph.as_of, graph)
    found = compare(own, [one.profile for one in others.runs])
    parts = steps(found.shares)
    st.html(tiles(found, run, others.middle.run, parts, others.whose))
    _remarks(run, others)
    left, right = st.columns([0.68, 0.32], gap="small")
    with left.container(border=True, height="stretch", key="compare-steps", gap="xxsmall"):
        _steps(found, parts, others, "" if run.is_over else " so far")
    selected = _selected(graph, found)
    height: Literal["stretch"] | int = "stretch" if selected is None else SIDE
    with right.container(border=True, height=height, key="compare-details", gap="xxsmall"):
        if selected is None:
            _what_else(run, others.middle.run, found)
        else:
            _details(tenant_id, graph, found, selected)
    _table(found, graph, selected)
    with st.container(border=True, gap="xxsmall"):
        _over_time(found, others)


def _remarks(run: FlowRun, others: Others) -> None:
    """What must be known to read the figures."""
    said = []
    if others.are_many:
        said.append(
            f"Figures of tasks are compared with their median over {len(others.runs)} runs. Durations and the steps "
            "between them are those of one run, the one whose duration is the median: medians would not add up."
        )
    if not run.is_over:
        said.append("This run goes on: its figures are those so far.")
    if not others.middle.run.is_over:
        said.append("The other run goes on: its figures are those so far.")
    if run.attempts > 1 or others.middle.run.attempts > 1:
        said.append("Figures of tasks count all attempts of the flow.")
    if said:
        st.caption(" ".join(said))


def _steps(found: Comparison, parts: pd.DataFrame, others: Others, so_far: str) -> None:
    st.html('<p class="fd-title">What made the difference</p>')
    if parts.empty:
        st.caption("There is none: both runs spent the same time on the same things.")
        return
    dark = is_dark()
    name = shorten(clean(others.middle.run.name), LONGEST)
    st.altair_chart(
        waterfall(found, parts, name, so_far, dark=dark), theme=None, alt="Steps from the other duration to this run's"
    )
    looks = colours(dark=dark)
    st.html(
        _legend([("▶ + made this run longer", looks["longer"]), ("◀ − made it shorter", looks["shorter"])])
        + '<p class="fd-note" style="margin:.2rem 0 0">What the runs waited for, along their critical paths; waiting '
        "to start is for a free worker or a slot. The steps add up to the whole difference.</p>"
    )


def _legend(entries: list[tuple[str, str]], hollow: str = "") -> str:
    swatches = "".join(
        f'<span><i style="background:{hollow if number and hollow else colour};border-color:{colour}"></i>{what}</span>'
        for number, (what, colour) in enumerate(entries)
    )
    return f'<div class="fd-legend">{swatches}</div>'


def _what_else(run: FlowRun, other: FlowRun, found: Comparison) -> None:
    """Parameters, facts and tasks that only one of them has."""
    st.html('<p class="fd-title">What else differs</p>' + facts(_facts(run, other)))
    st.html('<p class="fd-sub">Parameters</p>')
    changed = changed_parameters(run.parameters, other.parameters)
    if changed.empty:
        st.caption("The same in both runs.")
    else:
        frame = changed.rename(columns={"parameter": "Parameter", "this": "This run", "other": "Other run"})
        st.dataframe(
            frame[["Parameter", "This run", "Other run"]].replace("", "–"), hide_index=True, key="changed-parameters"
        )
    tasks = found.tasks
    so_far = "" if run.is_over else " so far"
    titles = {"added": "Only in this run", "removed": f"Not in this run{so_far}", "moved": "Elsewhere in the graph"}
    for change, title in titles.items():
        names = tasks.loc[tasks["change"] == change, "task"].tolist()
        if names:
            more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
            listed = ", ".join(html(name) for name in names[:NAMED])
            st.html(f'<p class="fd-sub">{title} ({len(names):,})</p><p style="font-size:.88rem">{listed}{more}</p>')
    if not tasks["change"].ne("").any():
        st.html('<p class="fd-sub">Tasks</p>')
        st.caption("Both runs called the same tasks, in the same places.")


def _facts(run: FlowRun, other: FlowRun) -> Iterator[tuple[str, object]]:
    """Facts that are not the same: this run's, and the other's in parentheses."""
    for name, one, two in (
        ("State", words(run.state_name), words(other.state_name)),
        ("Flow version", run.flow_version, other.flow_version),
        ("Deployment", run.deployment_name, other.deployment_name),
        ("Work pool", run.work_pool, other.work_pool),
        ("Work queue", run.work_queue, other.work_queue),
        ("Attempts", run.attempts, other.attempts),
        ("Late by", duration(run.lateness_s), duration(other.lateness_s)),
        ("Tags", ", ".join(sorted(run.tags)), ", ".join(sorted(other.tags))),
    ):
        if one != two:
            yield name, f"{one or 'none'} (other run: {two or 'none'})"


def _selected(graph: FlowRunGraph, found: Comparison) -> int | None:
    """The row of the chosen task."""
    node = state.chosen("task")
    if node not in graph.nodes.index:
        return None
    return found.tasks.index.tolist().index(part_of(graph, str(node)))


def _details(tenant_id: str, graph: FlowRunGraph, found: Comparison, row: int) -> None:
    """The figures of the chosen row in both runs, then the task run itself."""
    with st.container(horizontal=True, gap="small"):
        if st.button("Show in graph", type="tertiary", icon=":material/account_tree:", key="compare-to-graph"):
            st.switch_page(GRAPH)
    record = found.tasks.iloc[row].to_dict()
    pairs = (
        ("On path", "path_s", True), ("Run", "median_s", True), ("Total", "total_s", True), ("Wait", "queue_s", True),
        ("Blocked", "blocked_s", True), ("Retries", "retries", False), ("Count", "count", False),
        ("Failures", "failures", False),
    )  # fmt: skip
    st.html(
        f'<p class="fd-sub">{html(record["task"])} in both runs</p>'
        + facts((title, _both(record, name, in_seconds)) for title, name, in_seconds in pairs)
    )
    path = cache.critical_path(tenant_id, graph.run.id, graph.as_of, None, graph)
    st.html('<p class="fd-sub">In this run</p>')
    details.task_details(tenant_id, graph, path, str(state.chosen("task")), _choose, _leave)


def _both(record: dict[object, object], name: str, in_seconds: bool) -> str:
    one, two, diff = (float(str(record[key])) for key in (name, f"{name}_other", f"{name}_diff"))
    if in_seconds:
        return f"{duration(one)}, other {duration(two)}" + (f": {signed(diff)}" if diff == diff and diff else "")
    return f"{one:,.4g}, other {two:,.4g}" + (f": {diff:+,.4g}".replace("-", "−") if diff else "")


def _choose(task: str) -> None:
    state.choose(task=task)


def _leave() -> None:
    state.choose(task=None)


def _table(found: Comparison, graph: FlowRunGraph, selected: int | None) -> None:
    """By task, what differs most first. Choosing a row chooses the task run in it that the run waited for longest."""
    worth = found.tasks.assign(on_path=found.tasks["path_s_diff"].abs(), in_all=found.tasks["total_s_diff"].abs())
    order = worth.reset_index(drop=True).sort_values(["on_path", "in_all"], ascending=False, kind="stable").index
    tasks = found.tasks.iloc[order].reset_index(drop=True)
    shown = tasks.assign(task=tasks["task"].map(clean), change=tasks["change"].map(CHANGES))
    for name in FIGURES:
        differs = shown[f"{name}_diff"].round(3)
        shown[f"{name}_diff"] = differs.where(differs != 0)
    empty = [name for name in QUIET if (shown[name].isna() | shown[name].eq("")).all()]
    columns = {name: column for name, column in COLUMNS.items() if name not in empty}
    selectable(
        shown, columns, key="compare-tasks", height=HEIGHT if len(shown) > 10 else "auto",
        selected=None if selected is None else int((order == selected).argmax()),
        on_select=lambda row: state.choose(task=None if row is None else tasks["node"].iloc[row]),
    )  # fmt: skip
    figures = [column for name in FIGURES for column in (name, f"{name}_other", f"{name}_diff")]
    csv_button(tasks[["task", "inside", "change", *figures]], f"{graph.run.name}-compared", key="compare-csv")


def _over_time(found: Comparison, others: Others) -> None:
    st.html('<p class="fd-title">Both runs over time, from their start</p>')
    if found.tasks.empty:
        st.caption("Neither run called a task.")
        return
    dark = is_dark()
    name = shorten(clean(others.middle.run.name), LONGEST)
    chart, left_out = side_by_side(found, name, dark=dark)
    looks = colours(dark=dark)
    took = duration(found.this_us / 1e6), duration(found.other_us / 1e6)
    names = f"this run, {took[0]}", f"{html(name)}, {took[1]}"
    st.html(_legend([(names[0], looks["this"]), (names[1], looks["other border"])], looks["other"]))
    st.altair_chart(chart, theme=None, alt="Both runs over time")
    note = "A bar reaches from the first start to the last end of the task runs in a row; thick lines are the ends."
    st.caption(note + (f" {left_out:,} rows that differ less are not shown." if left_out else ""))
