"""The graph beside its details and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from flowdag import cache
from flowdag.analysis.attempts import of_attempt
from flowdag.analysis.critical_path import CriticalPath
from flowdag.analysis.drawing import Drawing, View
from flowdag.analysis.grouping import Picture
from flowdag.analysis.layout import Layout
from flowdag.looks.boxes import Paint
from flowdag.looks.states import Look
from flowdag.looks.words import html
from flowdag.model import FlowRunGraph
from flowdag.prefect_api.live_watch import Shown
from flowdag.report import graph_svg
from flowdag.ui import details, insights, keyboard, live, state
from flowdag.ui.along import path_buttons
from flowdag.ui.controls import Chosen, pick_trace, pick_view
from flowdag.ui.dag import dag
from flowdag.ui.folding import all_button, boxes_of, fit_button, fold_buttons, held_in_place
from flowdag.ui.legend import legend, shade
from flowdag.ui.take_away import keep_picture
from flowdag.ui.theme import is_dark
from flowdag.ui.timings import by_name_is_open, lift, timings
from flowdag.ui.usual import compared, usual_details

DETAILS_HEIGHT = 300


def workbench(tenant_id: str, shown: Shown) -> None:
    """The graph on the left; details of what is selected, and the tables, on the right."""
    keyboard.listen()
    top = st.container()
    left, right = st.columns([0.62, 0.38], gap="small")
    box = right.container(border=True, height=DETAILS_HEIGHT, key="details", gap="xxsmall")
    with live.turn():
        seen = _graph_and_tables(tenant_id, shown, Places(top, left, right, box))
    with box:  # may ask Prefect
        _details(tenant_id, seen, follows=shown.next_due is not None and live.is_on())


@dataclass(frozen=True)
class Places:
    """Where things go on the page; `box` is that of the details."""

    top: DeltaGenerator
    left: DeltaGenerator
    right: DeltaGenerator
    box: DeltaGenerator


@dataclass(frozen=True)
class Seen:
    """What is on the page: the graph of the chosen attempts, its picture, its critical path; what is selected.

    compared: whether the runs before it were known when it was drawn.
    """

    graph: FlowRunGraph
    picture: Picture
    path: CriticalPath
    selected: str | None
    attempt: int | None
    compared: bool


def _graph_and_tables(tenant_id: str, shown: Shown, places: Places) -> Seen:
    """All but the details, whose tools are in their box."""
    row = places.left.container(horizontal=True, vertical_alignment="center", gap="small")
    with row:
        chosen = pick_view(shown.graph)
    tools = places.box.container(horizontal=True, vertical_alignment="center", gap="xxsmall")
    with tools:
        trace = pick_trace(state.chosen("task"))
    graph = of_attempt(shown.graph, chosen.attempt) if chosen.attempt else shown.graph
    view = View(chosen.direction, state.folding(), chosen.wanted, trace, chosen.hide)
    key = f"dag-{tenant_id}-{graph.run.id}-{chosen.attempt}-{chosen.direction}-{st.session_state.get('fitted', 0)}"
    drawing = live.drawing(key, tenant_id, graph, chosen.attempt, view, settled=shown.next_due is None)
    path = cache.critical_path(tenant_id, graph.run.id, graph.as_of, chosen.attempt, graph)
    with places.top:
        insights.tiles(graph, path)
    before = compared(tenant_id, graph, chosen.attempt)
    layout = held_in_place(key, drawing)
    selected = _selected(graph, drawing.picture)
    with row:
        all_button(key, drawing.picture, graph)
        fit_button()
    with places.left:
        paint, colours = _graph(graph, drawing, layout, chosen, selected, key)
    picture = partial(
        graph_svg, drawing.picture, layout, paint, drawing.path.links, colours, name=f"Graph of {graph.run.name}"
    )
    keep_picture("graph", tenant_id, graph.run.id, picture)
    with tools:
        fold_buttons(key, graph, drawing.picture, layout, selected)
        path_buttons(path, selected, _click)
    with places.right:
        timings(tenant_id, graph, drawing, chosen.attempt, selected, before)
    return Seen(graph, drawing.picture, path, selected, chosen.attempt, before is not None)


def _graph(
    graph: FlowRunGraph, drawing: Drawing, layout: Layout, chosen: Chosen, selected: str | None, key: str
) -> tuple[Paint, Sequence[tuple[Look, str]]]:
    """The graph; what its colours and lines mean; what is folded or does not stand out. Returns its colours."""
    picture, lit = drawing.picture, drawing.lit
    lit_boxes = None if lit is None else frozenset(picture.box_of[node] for node in lit if node in picture.box_of)
    shading = shade(graph.nodes, picture, chosen.shade)
    paint = Paint(is_dark(), boxes_of(picture, selected), lit_boxes, shading.looks, drawing.path.shares)
    with st.container(border=True, key="graph"):
        dag(picture, layout, paint, drawing.path.links, key=key, on_click=_click)
    legend(picture, shading.legend)
    remarks = [picture.remark] if picture.remark else []
    if lit is not None:
        others = "; the others are hidden" if chosen.hide else ""
        remarks.append(f"{len(lit):,} of {len(graph.nodes):,} stand out{others}.")
    if remarks:
        st.html(f'<p class="fd-note" style="margin:0">{html(" ".join(remarks))}</p>')
    return paint, shading.legend


def _selected(graph: FlowRunGraph, picture: Picture) -> str | None:
    """The chosen node or group, if this run has it."""
    chosen = state.chosen("task")
    return chosen if chosen in graph.nodes.index or chosen in picture.members else None


def _click(box: str) -> None:
    state.choose(task=box)
    lift(box)


def _details(tenant_id: str, seen: Seen, *, follows: bool) -> None:
    graph, selected = seen.graph, seen.selected
    if selected is None:
        place = details.run_details(graph)
    elif selected in graph.nodes.index:
        place = details.task_details(tenant_id, graph, seen.path, selected, _click, _leave)
    else:
        place = details.group_details(graph, seen.picture, seen.path, selected, _leave)
    members = None if selected is None else seen.picture.members.get(selected, (selected,))
    with place:
        usual_details(tenant_id, graph, seen.attempt, members, follows=follows)
    if not seen.compared and by_name_is_open() and compared(tenant_id, graph, seen.attempt):
        st.rerun()  # that table was drawn without


def _leave() -> None:
    state.choose(task=None)
