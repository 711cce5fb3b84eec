"""The graph beside its details and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from flowdag import cache
from flowdag.analysis.attempts import of_attempt
from flowdag.analysis.drawing import Drawing, View
from flowdag.analysis.layout import Layout
from flowdag.looks.boxes import Paint
from flowdag.looks.states import Look
from flowdag.looks.words import html
from flowdag.model import FlowRunGraph
from flowdag.prefect_api.live_watch import Shown
from flowdag.report import graph_svg
from flowdag.ui import insights, keyboard, live, state
from flowdag.ui.along import path_buttons
from flowdag.ui.chosen import Seen, chosen_details, selected
from flowdag.ui.controls import Chosen, pick_trace, pick_view
from flowdag.ui.dag import dag
from flowdag.ui.folding import all_button, boxes_of, fit_button, fold_buttons, held_in_place
from flowdag.ui.frame import set_height
from flowdag.ui.legend import legend, shade
from flowdag.ui.take_away import keep_picture
from flowdag.ui.theme import is_dark
from flowdag.ui.timings import by_name_is_open, lift, timings
from flowdag.ui.usual import compared as runs_before

DETAILS_HEIGHT = 300


def workbench(tenant_id: str, shown: Shown) -> None:
    """The graph on the left; details of what is selected, and the tables, on the right."""
    keyboard.listen()
    top = st.container()
    left, right = st.columns([0.62, 0.38], gap="small")
    box = right.container(border=True, height=DETAILS_HEIGHT, key="details", gap="xxsmall")
    with live.turn():
        seen, compared = _graph_and_tables(tenant_id, shown, Places(top, left, right, box))
    with box:  # may ask Prefect
        chosen_details(tenant_id, seen, _click, follows=shown.next_due is not None and live.is_on())
    if not compared and by_name_is_open() and runs_before(tenant_id, seen.graph, seen.attempt):
        st.rerun()  # that table was drawn without


@dataclass(frozen=True)
class Places:
    """Where things go on the page; `box` is that of the details."""

    top: DeltaGenerator
    left: DeltaGenerator
    right: DeltaGenerator
    box: DeltaGenerator


def _graph_and_tables(tenant_id: str, shown: Shown, places: Places) -> tuple[Seen, bool]:
    """All but the details, whose tools are in their box. Tells too whether the runs before were known by then."""
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
    asked = (tenant_id, graph.run.id, graph.as_of, chosen.attempt)
    path = cache.critical_path(*asked, graph)
    with places.top:
        insights.tiles(graph, path, cache.failed_first(*asked, graph))
    before = runs_before(tenant_id, graph, chosen.attempt)
    layout = held_in_place(key, drawing)
    set_height(key, layout)
    picked = selected(graph, drawing.picture)
    with row:
        all_button(key, drawing.picture, graph)
        fit_button()
    with places.left:
        paint, colours = _graph(graph, drawing, layout, chosen, picked, key)
    picture = partial(
        graph_svg, drawing.picture, layout, paint, drawing.path.links, colours, name=f"Graph of {graph.run.name}"
    )
    keep_picture("graph", tenant_id, graph.run.id, picture)
    with tools:
        fold_buttons(key, graph, drawing.picture, layout, picked)
        path_buttons(path, picked, _click)
    with places.right:
        timings(tenant_id, graph, drawing, chosen.attempt, picked, before)
    return Seen(graph, drawing.picture, path, picked, chosen.attempt), before is not None


def _graph(
    graph: FlowRunGraph, drawing: Drawing, layout: Layout, chosen: Chosen, picked: str | None, key: str
) -> tuple[Paint, Sequence[tuple[Look, str]]]:
    """The graph; what its colours and lines mean; what is folded or does not stand out. Returns its colours."""
    picture, lit = drawing.picture, drawing.lit
    lit_boxes = None if lit is None else frozenset(picture.box_of[node] for node in lit if node in picture.box_of)
    shading = shade(graph.nodes, picture, chosen.shade)
    paint = Paint(is_dark(), boxes_of(picture, picked), lit_boxes, shading.looks, drawing.path.shares)
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


def _click(box: str) -> None:
    state.choose(task=box)
    lift(box)
