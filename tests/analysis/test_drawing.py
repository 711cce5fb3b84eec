"""What a viewer sees: the direction that fits, and what stands out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from flowdag.analysis.critical_path import critical_path
from flowdag.analysis.drawing import Drawing, Trace, View
from flowdag.analysis.drawing import draw as draw_with
from flowdag.analysis.grouping import ALL, Folding
from flowdag.analysis.layout import ASPECT, Layout, layout
from flowdag.analysis.matching import Filter
from flowdag.model import FlowRun, FlowRunGraph
from flowdag.prefect_api.assemble import Raw, assemble
from tests.hostile import AS_OF, BEGIN, RUN, dags


def draw(graph: FlowRunGraph, view: View) -> Drawing:
    return draw_with(graph, view, critical_path(graph))


def shrunk(laid: Layout) -> float:
    """How much it must be made smaller to fit a place of that aspect."""
    width, height = laid.extent
    return max(width / ASPECT, height)


@pytest.mark.parametrize("folding", [Folding(), Folding(opened=(ALL,))])
@settings(max_examples=20, deadline=None)
@given(graph=dags())
def test_best_fit_is_the_direction_that_is_drawn_larger(folding: Folding, graph: FlowRunGraph) -> None:
    shown = draw(graph, View(folding=folding))
    drawn = shown.layout
    other = layout(shown.picture, "down" if drawn.direction == "right" else "right")
    assert shrunk(drawn) <= shrunk(other)


@settings(max_examples=20, deadline=None)
@given(graph=dags())
def test_search_and_lineage_narrow_each_other(graph: FlowRunGraph) -> None:
    node = str(graph.nodes.index[0])
    found = draw(graph, View(wanted=Filter(text="load"), trace=Trace(node, "down"))).lit
    loads = {str(key) for key, name in graph.nodes["label"].items() if name.startswith("load")}
    reached = draw(graph, View(trace=Trace(node, "down"))).lit
    assert reached is not None
    assert node in reached
    assert found == reached & loads


@settings(max_examples=20, deadline=None)
@given(graph=dags())
def test_what_is_hidden_is_not_drawn(graph: FlowRunGraph) -> None:
    view = View(wanted=Filter(text="load"), hide=True, folding=Folding(opened=(ALL,)))
    drawn = draw(graph, view)
    containers = set(graph.nodes["container"].dropna())
    assert drawn.lit is not None
    assert drawn.lit <= set(drawn.picture.boxes.index)
    assert set(drawn.picture.boxes.index) - drawn.lit <= containers


def test_a_short_wide_run_turns_when_all_is_unfolded() -> None:
    """Ten chains of three: three boxes below each other when folded, ten rows of three when not."""
    rows = [
        {
            "id": f"{name}{number}",
            "name": f"{name}-{number}",
            "flow_run_id": RUN,
            "task_key": f"{name}-0a1b2c3d",
            "state_type": "COMPLETED",
            "expected_start_time": BEGIN.isoformat(),
            "task_inputs": {"x": [{"id": f"{before}{number}"}]} if before else {},
        }
        for before, name in (("", "read"), ("read", "clean"), ("clean", "load"))
        for number in range(10)
    ]
    run = FlowRun(RUN, "run", "f", "flow", "COMPLETED", "Completed", start=BEGIN, end=AS_OF)
    graph = assemble(Raw(run, [], rows, {}), AS_OF)
    assert draw(graph, View()).layout.direction == "down"
    assert draw(graph, View(folding=Folding(opened=(ALL,)))).layout.direction == "right"
    assert draw(graph, View(folding=Folding(opened=("group:clean@#1",)))).layout.direction == "down"
