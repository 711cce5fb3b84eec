"""Whatever the run: its picture loses no task, and its layout is one that can be read."""

from __future__ import annotations

from itertools import combinations, pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdag.analysis.grouping import Picture, ancestors, picture
from flowdag.analysis.layout import Direction, Layout, best_layout, layout
from flowdag.model import FAILURES, FlowRunGraph
from tests.hostile import dags, graphs
from tests.truth import Truth

EPSILON = 1e-6
any_graph = st.one_of(graphs(), dags())
limits = st.one_of(st.integers(1, 12), st.just(300))
directions: st.SearchStrategy[Direction] = st.sampled_from(["right", "down"])


def containers(shown: Picture) -> dict[str, str | None]:
    return {box: at if isinstance(at, str) else None for box, at in shown.boxes["container"].items()}


# --- what is drawn ---------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(graph=any_graph, limit=limits)
def test_every_task_is_in_a_box_or_said_to_be_left_out(graph: FlowRunGraph, limit: int) -> None:
    shown = picture(graph, limit=limit)
    assert len(shown.boxes) <= limit
    assert set(shown.box_of) <= set(graph.nodes.index)
    assert set(shown.box_of.values()) == set(shown.boxes.index)
    assert shown.boxes.index.is_unique
    left_out = set(graph.nodes.index) - set(shown.box_of)
    if left_out:
        assert shown.remark is not None
        assert f"The first {limit} of " in shown.remark
        assert f"all {len(graph.nodes):,} task runs" in shown.remark
    if len(graph.nodes) <= limit:
        assert shown.box_of == {node: node for node in graph.nodes.index}
        assert shown.remark is None
    else:
        assert shown.remark is not None


@settings(max_examples=40, deadline=None)
@given(graph=any_graph, limit=limits)
def test_counts_add_up(graph: FlowRunGraph, limit: int) -> None:
    """A box counts the task runs that it stands for, not those that ran inside them and are hidden with them."""
    shown = picture(graph, limit=limit)
    container = graph.nodes["container"]
    own: dict[str, list[str]] = {}
    for node, box in shown.box_of.items():
        if shown.box_of.get(container[node]) != box:
            own.setdefault(box, []).append(node)
    assert dict(shown.boxes["count"]) == {box: len(nodes) for box, nodes in own.items()}
    failed = graph.nodes["state_type"].isin(FAILURES)
    assert dict(shown.boxes["failures"]) == {box: int(failed[nodes].sum()) for box, nodes in own.items()}
    for box, nodes in own.items():
        assert graph.nodes.loc[nodes, "task_name"].nunique() == 1
        assert (shown.boxes.at[box, "kind"] == "group") == (len(nodes) > 1)


@settings(max_examples=40, deadline=None)
@given(graph=any_graph, limit=limits)
def test_a_failure_is_never_hidden(graph: FlowRunGraph, limit: int) -> None:
    shown = picture(graph, limit=limit)
    for node, box in shown.box_of.items():
        if graph.nodes.at[node, "state_type"] == "FAILED":
            assert shown.boxes.at[box, "state_type"] == "FAILED"


@settings(max_examples=40, deadline=None)
@given(graph=any_graph, limit=limits)
def test_links_are_the_edges_between_boxes(graph: FlowRunGraph, limit: int) -> None:
    shown = picture(graph, limit=limit)
    inside = containers(shown)
    expected: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    for edge in graph.edges.itertuples():
        source, target = shown.box_of.get(edge.source), shown.box_of.get(edge.target)
        if source is None or target is None or source == target:
            continue
        if source in ancestors(target, inside) or target in ancestors(source, inside):
            continue
        expected.setdefault((source, target), []).append((edge.kind, edge.plausible))
    found = {(link.source, link.target): (link.kind, link.plausible) for link in shown.links.itertuples()}
    assert len(found) == len(shown.links)
    assert set(found) == set(expected)
    for pair, (kind, plausible) in found.items():
        kinds = {kind for kind, _ in expected[pair]}
        assert kind == ("data" if "data" in kinds else "wait_for")
        assert plausible == any(possible for of, possible in expected[pair] if of == kind)


# --- where it lies ---------------------------------------------------------------------------------------------------


def corners(places: pd.DataFrame, box: str) -> tuple[float, float, float, float]:
    x, y, width, height = places.loc[box, ["x", "y", "width", "height"]]
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def check(shown: Picture, laid: Layout) -> None:
    places, inside = laid.places, containers(shown)
    assert sorted(places.index) == sorted(shown.boxes.index)
    assert places.notna().all(axis=None)
    siblings: dict[object, list[str]] = {}
    for box, container in inside.items():
        siblings.setdefault(container, []).append(box)
        assert places.at[box, "depth"] == len(ancestors(box, inside))
        if container is not None:
            left, top, right, bottom = corners(places, box)
            outer = corners(places, container)
            assert left > outer[0]
            assert top > outer[1]
            assert right < outer[2]
            assert bottom < outer[3]
    for boxes in siblings.values():
        for one, other in combinations(boxes, 2):
            a, b = corners(places, one), corners(places, other)
            apart = a[2] <= b[0] + EPSILON or b[2] <= a[0] + EPSILON or a[3] <= b[1] + EPSILON or b[3] <= a[1] + EPSILON
            assert apart, (one, other)
    check_bends(shown, laid, inside)


def check_bends(shown: Picture, laid: Layout, inside: dict[str, str | None]) -> None:
    """Each on its way from the box that holds the source to the one that holds the target, one after the other."""
    along = "x" if laid.direction == "right" else "y"
    links = set(zip(shown.links["source"], shown.links["target"], strict=True))
    assert set(laid.bends) <= links
    for (source, target), points in laid.bends.items():
        left, right = [source, *ancestors(source, inside)], [target, *ancestors(target, inside)]
        begin = next(box for box in left if inside[box] is None or inside[box] in right)
        end = next(box for box in right if inside[box] is None or inside[box] in left)
        way = [point[0 if along == "x" else 1] for point in points]
        stops = [laid.places.at[begin, along], *way, laid.places.at[end, along]]
        assert all(a < b for a, b in pairwise(stops))


@settings(max_examples=30, deadline=None)
@given(graph=any_graph, limit=limits, direction=directions)
def test_layout_can_be_read(graph: FlowRunGraph, limit: int, direction: Direction) -> None:
    shown = picture(graph, limit=limit)
    check(shown, layout(shown, direction))


@settings(max_examples=25, deadline=None)
@given(graph=any_graph, limit=limits)
def test_layout_is_the_same_every_time(graph: FlowRunGraph, limit: int) -> None:
    first, second = (best_layout(picture(graph, limit=limit)) for _ in range(2))
    assert first.direction == second.direction
    pd.testing.assert_frame_equal(first.places, second.places)
    assert first.bends == second.bends


@settings(max_examples=25, deadline=None)
@given(graph=dags())
def test_links_point_onwards(graph: FlowRunGraph) -> None:
    """Without containers there are no cycles, and every link goes to a later layer."""
    nodes = graph.nodes.assign(container=None)
    flat = FlowRunGraph(graph.run, nodes, graph.edges, graph.tries, graph.as_of, graph.complete)
    shown = picture(flat)
    places = layout(shown, "right").places
    for link in shown.links.itertuples():
        assert places.at[link.source, "x"] < places.at[link.target, "x"]


# --- real runs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", ["nightly", "failing", "twice", "nested", "passing", "score"])
@pytest.mark.parametrize("direction", ["right", "down"])
def test_real_runs(truth: Truth, scenario: str, direction: Direction) -> None:
    shown = picture(truth.graph(scenario))
    check(shown, layout(shown, direction))


def test_four_hundred_mapped_tasks_are_three_boxes(truth: Truth) -> None:
    shown = picture(truth.graph("score"))
    boxes = shown.boxes.set_index("label")
    assert dict(boxes["count"]) == {"load-customers": 1, "score": 400, "rank-customers": 1}
    label = shown.boxes["label"]
    assert {(label[s], label[t]) for s, t in zip(shown.links.source, shown.links.target, strict=True)} == {
        ("load-customers", "score"),
        ("score", "rank-customers"),
    }
    assert shown.remark == "402 task runs are shown as 3: those that play the same part are one box."
