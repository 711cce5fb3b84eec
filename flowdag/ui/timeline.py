"""The timeline of a run: a bar for each try, how many ran and waited beneath, and the details of what is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from flowdag import cache
from flowdag.analysis.attempts import of_attempt
from flowdag.analysis.grouping import Folding
from flowdag.analysis.time_axis import Stretch, TimeAxis, time_axis
from flowdag.analysis.timeline_rows import RowView, Sort
from flowdag.looks.timeline_marks import Scene, in_sight
from flowdag.looks.words import duration, html, moment
from flowdag.model import FlowRunGraph
from flowdag.prefect_api.live_watch import Shown
from flowdag.report import timeline_svg
from flowdag.ui import live, state
from flowdag.ui.along import path_buttons
from flowdag.ui.bar_legend import bar_legend
from flowdag.ui.chosen import Seen, chosen_details, selected
from flowdag.ui.controls import pick_attempt
from flowdag.ui.filters import pick_filter
from flowdag.ui.folding import fold_buttons
from flowdag.ui.load_chart import load_chart
from flowdag.ui.take_away import keep_picture
from flowdag.ui.text import zone
from flowdag.ui.theme import is_dark
from flowdag.ui.timeline_chart import PICK, ZOOM, timeline_chart

PAGE = 100  # rows: more nobody looks through, and the chart gets slow
SHORTEST = 0.004  # of the axis: who drags less than this has clicked
SORTS: dict[str, Sort] = {
    "Sort by start": "start",
    "Sort by duration": "duration",
    "Sort by wait": "wait",
    "Sort by path": "path",
}
ROWS: dict[str, Literal["groups", "tasks"]] = {"Groups": "groups", "Tasks": "tasks"}
EPOCH = "flowdag-timeline-epoch"
STYLE = """<style>
[data-testid="stLayoutWrapper"]:has(>.st-key-when-details){flex-basis:max(26rem,calc(100vh - 11.5rem))!important}
.st-key-gantt,.st-key-load{scrollbar-gutter:stable;overflow:hidden auto;padding:.5rem .2rem .3rem .6rem;flex-shrink:0}
.st-key-gantt{max-height:max(20rem,calc(100vh - 26.5rem))}
</style>"""


@dataclass(frozen=True)
class _Wanted:
    """How the timeline is looked at. within: the stretch that is zoomed to, in seconds from the run's start."""

    attempt: int | None
    rows: RowView
    cut: bool
    within: Stretch | None


def timeline_view(tenant_id: str, shown: Shown) -> None:
    """The timeline on the left, details of what is chosen on the right."""
    st.html(STYLE)
    left, right = st.columns([0.73, 0.27], gap="small")
    box = right.container(border=True, height=600, key="when-details", gap="xxsmall")
    with live.turn():
        seen = _picture(tenant_id, shown, left, box)
    with box:  # may ask Prefect
        chosen_details(tenant_id, seen, _choose, follows=shown.next_due is not None and live.is_on())


def _picture(tenant_id: str, shown: Shown, left: DeltaGenerator, box: DeltaGenerator) -> Seen:
    with left.container(horizontal=True, vertical_alignment="center", gap="small"):
        wanted = _pick(shown.graph)
        aside = st.container(horizontal=True, vertical_alignment="center", width="content")
    graph = of_attempt(shown.graph, wanted.attempt) if wanted.attempt else shown.graph
    asked = (tenant_id, graph.run.id, graph.as_of, wanted.attempt)
    timeline, path = cache.timeline(*asked, graph), cache.critical_path(*asked, graph)
    rows = cache.timeline_rows(*asked, wanted.rows, graph)
    within = _clipped(wanted.within, timeline.span)
    axis = time_axis(*(within or timeline.span), timeline.idle if wanted.cut else ())
    seen = in_sight(timeline, rows, (axis.real[0], axis.real[-1]))
    picked = selected(graph, rows.picture)
    with left:
        page = _page(len(seen))
        marked = frozenset({picked, *rows.picture.members.get(picked, ())}) if picked else frozenset()
        scene = Scene(timeline, axis, rows, seen.iloc[page], path, marked, zone(), is_dark())
        keep_picture("timeline", tenant_id, graph.run.id, partial(timeline_svg, graph, scene))
        many, looks = _charts(graph, scene, f"{tenant_id}-{graph.run.id}-{wanted}", picked)
        bar_legend(looks, many=many, cut=bool(axis.cuts))
        _remarks(graph, scene, len(seen), wanted)
    with aside:
        _whole_button(within)
    with box.container(horizontal=True, vertical_alignment="center", gap="small"):
        path_buttons(path, picked, _choose)
        if wanted.rows.by == "groups":
            fold_buttons("timeline", graph, rows.picture, None, picked)
        elif picked:
            _fold_button(graph, picked)
    return Seen(graph, rows.picture, path, picked, wanted.attempt)


def _pick(graph: FlowRunGraph) -> _Wanted:
    """The widgets above the timeline."""
    wanted, hide = pick_filter(graph.nodes)
    by = st.segmented_control(
        "Rows by", list(ROWS), default="Groups", key="rows", bind="query-params", required=True,
        label_visibility="collapsed", help="A row for tasks that play the same part, or a row for each task.",
    )  # fmt: skip
    sort = st.selectbox(
        "Sort", list(SORTS), key="sort", bind="query-params", label_visibility="collapsed", width=165,
        help="By start, or what is largest first: the run time, the wait, the part of the critical path.",
    )  # fmt: skip
    cut = st.toggle(
        "Cut idle time", value=False, key="cut-idle", bind="query-params",
        help="Stretches in which no task ran take little room. They are marked with ⋯.",
    )  # fmt: skip
    rows = RowView(ROWS.get(by or "", "groups"), SORTS.get(sort, "start"), state.folding(), wanted, hide)
    return _Wanted(pick_attempt(graph), rows, cut, _range())


def _range() -> Stretch | None:
    """The stretch that the address names; None where it makes no sense."""
    start, _, end = (state.chosen("range") or "").partition("-")
    try:
        found = float(start), float(end)
    except ValueError:
        return None
    return found if 0 <= found[0] < found[1] < float("inf") else None


def _clipped(within: Stretch | None, span: Stretch) -> Stretch | None:
    """What the run and the stretch have in common."""
    if within is None:
        return None
    found = max(within[0], span[0]), min(within[1], span[1])
    return found if found[0] < found[1] else None


def _page(count: int) -> slice:
    """Which rows are drawn, of so many."""
    if count <= PAGE:
        return slice(0, count)
    pages = -(-count // PAGE)
    page = min(st.pagination(pages, key="rows-page", bind="query-params"), pages)
    return slice((page - 1) * PAGE, page * PAGE)


def _charts(graph: FlowRunGraph, scene: Scene, view: str, selected: str | None) -> tuple[bool, Any]:
    """Both charts. What is seen anew is another chart to Streamlit: what was dragged over the old one is gone."""
    epoch = st.session_state.setdefault(EPOCH, 0)
    if selected != st.session_state.get("flowdag-clicked", selected):  # chosen elsewhere: any click is new again
        epoch = st.session_state[EPOCH] = epoch + 1
    st.session_state["flowdag-clicked"] = selected
    drawn = timeline_chart(graph, scene)
    keys = {name: f"{name}-{abs(hash(view))}-{epoch}" for name in ("timeline", "concurrency")}
    with st.container(border=True, key="gantt"):
        st.altair_chart(
            drawn.chart, key=keys["timeline"], theme=None, alt="Timeline of the run",
            on_select=lambda: _said(keys["timeline"], scene.axis),
        )  # fmt: skip
    with st.container(border=True, key="load"):
        load = load_chart(scene.timeline, scene.axis, scene.zone, dark=scene.dark)
        st.altair_chart(
            load, key=keys["concurrency"], theme=None, alt="How many tasks ran and waited",
            on_select=lambda: _said(keys["concurrency"], scene.axis),
        )  # fmt: skip
    return drawn.many, drawn.looks


def _said(key: str, axis: TimeAxis) -> None:
    """What was done with a chart: dragging zooms; a click chooses."""
    said = st.session_state[key]["selection"]
    ends = next(iter((said.get(ZOOM) or {}).values()), None)
    if isinstance(ends, list) and len(ends) == 2 and abs(ends[1] - ends[0]) > SHORTEST * axis.width:
        _zoom(axis, min(ends), max(ends))
        return
    picked = said.get(PICK) or []
    if picked and isinstance(picked[0].get("key"), str):
        st.session_state["flowdag-clicked"] = picked[0]["key"]
        _choose(picked[0]["key"])


def _zoom(axis: TimeAxis, first: float, last: float) -> None:
    start, end = (float(each) for each in axis.moments([max(0.0, first), min(axis.width, last)]))
    if start < end:
        digits = 3 if end - start < 10 else 1
        state.choose(range=f"{max(0.0, start):.{digits}f}-{end:.{digits}f}")
        st.session_state[EPOCH] += 1


def _whole_button(within: Stretch | None) -> None:
    if within:
        st.button(
            "Whole run", icon=":material/zoom_out_map:", on_click=_whole, key="whole-run", type="tertiary",
            help=f"Only {moment(round(within[0], 1))} to {moment(round(within[1], 1))} is shown.",
        )  # fmt: skip


def _whole() -> None:
    state.choose(range=None)
    st.session_state[EPOCH] = st.session_state.get(EPOCH, 0) + 1


def _remarks(graph: FlowRunGraph, scene: Scene, in_range: int, wanted: _Wanted) -> None:
    """What is not shown, in numbers."""
    table, shown = scene.rows.table, scene.shown
    said = []
    if len(shown) < in_range:
        said.append(f"{len(shown):,} of {in_range:,} rows are drawn: leaf through them, or filter.")
    if in_range < len(table):
        rows = len(table) - in_range
        said.append(
            f"{rows:,} row{' has' if rows == 1 else 's have'} nothing to show here: never started, or at another time."
        )
    if wanted.rows.by == "groups" and scene.rows.picture.remark:
        said.append(scene.rows.picture.remark)
    if len(scene.rows.row_of) < len(graph.nodes):
        said.append(f"{len(scene.rows.row_of):,} of {len(graph.nodes):,} task runs are shown.")
    cuts = sum(end - start for start, end in scene.axis.cuts)
    if cuts:
        said.append(f"{duration(cuts)} without any task at work are cut out.")
    said.append("Drag over a stretch to zoom in; click a bar to choose its task.")
    st.html(f'<p class="fd-note" style="margin:0">{html(" ".join(said))}</p>')


def _fold_button(graph: FlowRunGraph, task: str) -> None:
    """Fold what ran inside a task or subflow, or show it again."""
    inside = int((graph.nodes["container"] == task).sum())
    if inside:
        folding = state.folding()
        is_shut = task in folding.shut
        shut = tuple(each for each in folding.shut if each != task) if is_shut else (*folding.shut, task)
        st.button(
            f"Show what ran inside ({inside:,})" if is_shut else "Close it",
            icon=":material/unfold_more:" if is_shut else ":material/unfold_less:", key="fold-task",
            on_click=state.fold, args=(Folding(folding.opened, shut),),
        )  # fmt: skip


def _choose(task: str) -> None:
    state.choose(task=task)
