"""Whatever the picture: its layout is one that can be read."""

from __future__ import annotations

from itertools import combinations, pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdag.analysis.grouping import Picture, ancestors, picture
from flowdag.analysis.layout import Direction, Layout, best_layout, layout
from flowdag.model import FlowRunGraph
from tests.analysis.test_pictures import any_graph, containers, limits
from tests.hostile import dags
from tests.truth import Truth

EPSILON = 1e-6
directions: st.SearchStrategy[Direction] = st.sampled_from(["right", "down"])


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
