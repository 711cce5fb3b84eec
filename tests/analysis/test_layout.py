"""Whatever the picture: its layout is one that can be read, and that changes no more than the picture did."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdag.analysis.grouping import Picture, ancestors, picture
from flowdag.analysis.groups import groups
from flowdag.analysis.layout import GROUP_HEIGHT, HEIGHT, Direction, Layout, best_layout, layout
from flowdag.model import FlowRunGraph, ends_of
from tests.analysis.test_pictures import any_graph, containers, limits
from tests.hostile import dags
from tests.needs import needs_shared
from tests.truth import Truth

EPSILON = 1e-6
STEPS = 12  # of a curve
Point = tuple[float, float]
Pair = tuple[str, str]
directions: st.SearchStrategy[Direction] = st.sampled_from(["right", "down"])


def drawn(
    boxes: Iterable[str], links: Iterable[Pair], inside: Mapping[str, str] | None = None, groups_: Iterable[str] = ()
) -> Picture:
    """A picture of these boxes; `inside` tells the container of those that have one."""
    names, grouped = list(boxes), set(groups_)
    frame = pd.DataFrame(
        {
            "kind": ["group" if box in grouped else "task-run" for box in names],
            "count": [2 if box in grouped else 1 for box in names],
            "container": pd.Series([(inside or {}).get(box) for box in names], dtype="object").to_numpy(),
        },
        index=pd.Index(names, dtype="object"),
    )
    pairs = list(links)
    lines = pd.DataFrame({"source": [s for s, _ in pairs], "target": [t for _, t in pairs]}, dtype="object")
    return Picture(frame, lines.assign(kind="data", plausible=True), {box: box for box in names}, {}, None)


@st.composite
def nested_pictures(draw: st.DrawFn) -> Picture:
    """Up to thirty boxes, containers in containers, and links between any two that do not contain each other."""
    count = draw(st.integers(1, 30))
    names = [f"b{number:02d}" for number in range(count)]
    shallow = draw(st.integers(0, 4))
    around = {
        name: names[draw(st.integers(0, min(at, shallow) - 1))]
        for at, name in enumerate(names)
        if at and shallow and draw(st.booleans())
    }
    ends = st.integers(0, count - 1)
    found = {(names[a], names[b]) for a, b in draw(st.lists(st.tuples(ends, ends), max_size=45))}
    links = [
        (one, other)
        for one, other in sorted(found)
        if one != other and one not in ancestors(other, around) and other not in ancestors(one, around)
    ]
    return drawn(names, links, around, draw(st.lists(st.sampled_from(names), max_size=4)))


# --- what can be read ------------------------------------------------------------------------------------------------


def all_corners(laid: Layout) -> dict[str, tuple[float, float, float, float]]:
    """Left, top, right and bottom of each box."""
    rows = laid.places[["x", "y", "width", "height"]].itertuples(name=None)
    return {box: (x - width / 2, y - height / 2, x + width / 2, y + height / 2) for box, x, y, width, height in rows}


def check(shown: Picture, laid: Layout) -> None:
    places, inside, corners = laid.places, containers(shown), all_corners(laid)
    assert sorted(places.index) == sorted(shown.boxes.index)
    assert places.notna().all(axis=None)
    siblings: dict[object, list[str]] = {}
    for box, container in inside.items():
        siblings.setdefault(container, []).append(box)
        assert places.at[box, "depth"] == len(ancestors(box, inside))
        if container is not None:
            left, top, right, bottom = corners[box]
            outer = corners[container]
            assert left > outer[0]
            assert top > outer[1]
            assert right < outer[2]
            assert bottom < outer[3]
    for boxes in siblings.values():
        for one, other in combinations(boxes, 2):
            a, b = corners[one], corners[other]
            apart = a[2] <= b[0] + EPSILON or b[2] <= a[0] + EPSILON or a[3] <= b[1] + EPSILON or b[3] <= a[1] + EPSILON
            assert apart, (one, other)
    check_ways(shown, laid)
    check_nothing_is_crossed(shown, laid)


def ways(shown: Picture, laid: Layout) -> dict[Pair, list[Point]]:
    """The points of each link as it is drawn: from box to box; of containers from their border, where the bends end."""
    holds = set(shown.boxes["container"].dropna())
    middle = dict(zip(laid.places.index, zip(laid.places["x"], laid.places["y"], strict=True), strict=True))
    found = {}
    for source, target in zip(shown.links["source"], shown.links["target"], strict=True):
        bends = list(laid.bends.get((source, target), ()))
        found[source, target] = [
            *([] if source in holds else [middle[source]]),
            *bends,
            *([] if target in holds else [middle[target]]),
        ]
    return found


def check_ways(shown: Picture, laid: Layout) -> None:
    """Each link goes one way: onwards, or all back. Those of containers begin and end on their border."""
    holds = set(shown.boxes["container"].dropna())
    along = 0 if laid.direction == "right" else 1
    found, corners = ways(shown, laid), all_corners(laid)
    assert set(laid.bends) <= set(found)
    for link, points in found.items():
        steps = [after[along] - before[along] for before, after in pairwise(points)]
        assert all(step > 0 for step in steps) or all(step < 0 for step in steps), link
        for box, (point, towards) in zip(link, ((points[0], points[1]), (points[-1], points[-2])), strict=True):
            if box in holds:
                near, far = corners[box][along], corners[box][along + 2]
                assert point[along] == pytest.approx(far if towards[along] > point[along] else near)


def check_nothing_is_crossed(shown: Picture, laid: Layout) -> None:
    """No link runs beneath a box that neither it begins or ends at, nor is around one that it does."""
    inside = containers(shown)
    boxes = list(all_corners(laid).items())
    for link, points in ways(shown, laid).items():
        own = {*link, *ancestors(link[0], inside), *ancestors(link[1], inside)}
        for piece in pairwise(points):
            for line in (list(piece), curve(*piece, laid.direction)):
                (low, high), (up, down) = (sorted(values) for values in zip(piece[0], piece[1], strict=True))
                for box, (left, top, right, bottom) in boxes:
                    if box in own or low >= right or high <= left or up >= bottom or down <= top:
                        continue
                    assert not any(meets(bit, (left, top, right, bottom)) for bit in pairwise(line)), (link, box)


def curve(begin: Point, end: Point, direction: Direction) -> list[Point]:
    """The widget's curve between two points: a cubic Bézier curve that leaves and arrives along the flow."""
    by = (end[0] - begin[0], end[1] - begin[1])
    pull = (0.45 * by[0], 0.0) if direction == "right" else (0.0, 0.45 * by[1])
    hooks = (begin, (begin[0] + pull[0], begin[1] + pull[1]), (end[0] - pull[0], end[1] - pull[1]), end)
    points = []
    for step in range(STEPS + 1):
        t = step / STEPS
        share = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        points.append((sum(w * x for w, (x, _) in zip(share, hooks, strict=True)),
                       sum(w * y for w, (_, y) in zip(share, hooks, strict=True))))  # fmt: skip
    return points


def meets(bit: tuple[Point, Point], box: tuple[float, float, float, float]) -> bool:
    """Whether a straight line runs inside a box (Liang and Barsky's clipping); along its border does not count."""
    (x, y), (to_x, to_y) = bit
    begin, end = 0.0, 1.0
    sides = ((x - to_x, x - box[0]), (to_x - x, box[2] - x), (y - to_y, y - box[1]), (to_y - y, box[3] - y))
    for slope, room in sides:
        if abs(slope) < EPSILON:
            if room < EPSILON:
                return False
        elif slope < 0:
            begin = max(begin, room / slope)
        else:
            end = min(end, room / slope)
    return end - begin > EPSILON


@settings(max_examples=30, deadline=None)
@given(graph=any_graph, limit=limits, direction=directions)
def test_layout_can_be_read(graph: FlowRunGraph, limit: int, direction: Direction) -> None:
    shown = picture(graph, limit=limit)
    check(shown, layout(shown, direction))


@settings(max_examples=60, deadline=None)
@given(shown=nested_pictures(), direction=directions)
def test_boxes_in_boxes_can_be_read(shown: Picture, direction: Direction) -> None:
    check(shown, layout(shown, direction))


@settings(max_examples=25, deadline=None)
@given(shown=nested_pictures(), seed=st.integers(0, 99))
def test_layout_is_the_same_every_time(shown: Picture, seed: int) -> None:
    """Even if the links come in another order."""
    first = best_layout(shown)
    again = best_layout(Picture(shown.boxes, shown.links.sample(frac=1, random_state=seed), {}, {}, None))
    assert first.direction == again.direction
    pd.testing.assert_frame_equal(first.places, again.places)
    assert first.bends == again.bends


@settings(max_examples=25, deadline=None)
@given(graph=dags())
def test_links_point_onwards(graph: FlowRunGraph) -> None:
    """Without containers there are no cycles, and every link goes to a later layer."""
    boxes, edges = list(graph.nodes.index), graph.edges
    shown = drawn(boxes, zip(edges["source"], edges["target"], strict=True))
    places = layout(shown, "right").places
    for link in shown.links.itertuples():
        assert places.at[link.source, "x"] < places.at[link.target, "x"]


def test_groups_are_taller() -> None:
    places = layout(drawn("abc", ["ab", "bc"], groups_="b")).places
    assert dict(places["height"]) == {"a": HEIGHT, "b": GROUP_HEIGHT, "c": HEIGHT}


# --- shapes ----------------------------------------------------------------------------------------------------------


def extent(shown: Picture) -> Point:
    laid = best_layout(shown)
    check(shown, laid)
    return laid.extent


def test_a_chain_is_a_straight_line() -> None:
    laid = layout(drawn("abcde", ["ab", "bc", "cd", "de"]))
    assert laid.places["y"].nunique() == 1
    assert list(laid.places["x"]) == sorted(laid.places["x"])
    assert not laid.bends


def test_a_long_link_is_straight_between_its_first_and_last_bend() -> None:
    shown = drawn("abcdef", ["ab", "bc", "cd", "de", "ef", "af"])
    bends = layout(shown).bends["a", "f"]
    _, *middle, _ = bends
    assert len({y for _, y in middle}) == 1


def test_two_that_cross_are_exchanged() -> None:
    places = layout(drawn("sabcd", ["sa", "sb", "ad", "bc"])).places
    assert (places.at["a", "y"] < places.at["b", "y"]) == (places.at["d", "y"] < places.at["c", "y"])


@pytest.mark.parametrize("steps", [1, 3])
def test_three_hundred_mapped_tasks_are_no_line(steps: int) -> None:
    """Between one source and one sink, 300 chains in one column would be 16,800 pixels high."""
    chains = [[f"{at:03d}.{step}" for step in range(steps)] for at in range(300 // steps)]
    links = [pair for chain in chains for pair in pairwise(["first", *chain, "last"])]
    width, height = extent(drawn(["first", *(box for chain in chains for box in chain), "last"], links))
    assert max(width, height) < 4000
    assert 0.4 < width / height < 2.5


def test_three_hundred_tasks_without_links_are_a_grid() -> None:
    width, height = extent(drawn((f"{at:03d}" for at in range(300)), []))
    assert 0.8 < width / height < 1.5


def test_many_parts_are_packed() -> None:
    links = [(f"{part}.{step}", f"{part}.{step + 1}") for part in range(60) for step in range(3)]
    width, height = extent(drawn(dict.fromkeys(box for link in links for box in link), links))
    assert 0.6 < width / height < 1.8


# --- changes ---------------------------------------------------------------------------------------------------------


def grown(boxes: int, seed: int) -> tuple[Picture, Picture]:
    """A run as it grows: 5 % more boxes at the second look, each taking results of one that was there."""
    dice = random.Random(seed)
    names = [f"n{at:03d}" for at in range(boxes)]
    links = {
        (names[dice.randrange(max(0, at - 12), at)], name)
        for at, name in enumerate(names) if at for _ in range(dice.choice((1, 1, 2)))
    }  # fmt: skip
    leaves = [f"z{at:03d}" for at in range(max(1, boxes // 20))]
    more = {(dice.choice(names), leaf) for leaf in leaves}
    return drawn(names, sorted(links)), drawn([*names, *leaves], sorted(links | more))


def turned_over(before: Layout, after: Layout) -> list[Pair]:
    """Pairs of boxes that share a layer in both, the other way round."""
    at, across = ("x", "y") if before.direction == "right" else ("y", "x")
    one, other = before.places, after.places.loc[before.places.index]
    layers = Counter(zip(one[at].round(), other[at].round(), strict=True))
    keys = list(zip(one[at].round(), other[at].round(), strict=True))
    found = []
    for key in layers:
        same = [box for box, own in zip(one.index, keys, strict=True) if own == key]
        found += [
            (a, b) for a, b in combinations(same, 2)
            if (one.at[a, across] < one.at[b, across]) != (other.at[a, across] < other.at[b, across])
        ]  # fmt: skip
    return found


def displacement(before: Layout, after: Layout) -> float:
    both = after.places.loc[before.places.index, ["x", "y"]] - before.places[["x", "y"]]
    both = both - both.median()
    return float((both["x"] ** 2 + both["y"] ** 2).pow(0.5).mean())


@settings(max_examples=20, deadline=None)
@given(boxes=st.integers(2, 80), seed=st.integers(0, 10**6), direction=directions)
def test_what_is_there_keeps_its_order_when_leaves_come(boxes: int, seed: int, direction: Direction) -> None:
    old, new = grown(boxes, seed)
    before = layout(old, direction)
    after = layout(new, direction, before)
    check(new, after)
    assert turned_over(before, after) == []


@pytest.mark.parametrize("boxes", [40, 120, 250])
def test_what_is_there_moves_little_when_leaves_come(boxes: int) -> None:
    """Over five runs: less than a fifth of what a fresh layout moves, and less than a box is wide."""
    fresh = kept = 0.0
    for seed in range(5):
        old, new = grown(boxes, seed)
        before = layout(old)
        kept += displacement(before, layout(new, "right", before)) / 5
        fresh += displacement(before, layout(new)) / 5
    assert kept < 154
    assert kept < fresh / 3


@settings(max_examples=25, deadline=None)
@given(shown=nested_pictures(), direction=directions)
def test_the_same_picture_again_stays_where_it_is(shown: Picture, direction: Direction) -> None:
    before = layout(shown, direction)
    after = layout(shown, direction, before)
    check(shown, after)
    assert displacement(before, after) < 1


def test_half_moves_one_way_and_half_the_other() -> None:
    old, new = grown(100, 7)
    before = layout(old)
    after = layout(new, "right", before)
    by = after.places.loc[before.places.index, ["x", "y"]] - before.places[["x", "y"]]
    assert by["x"].median() == pytest.approx(0)
    assert by["y"].median() == pytest.approx(0)


def test_a_layout_of_the_other_direction_is_no_reason_to_stay() -> None:
    old, new = grown(30, 1)
    fresh, after = layout(new, "right"), layout(new, "right", layout(old, "down"))
    pd.testing.assert_frame_equal(fresh.places, after.places)


# --- recorded and real runs ------------------------------------------------------------------------------------------

WORKFLOWS = ["montage", "airrflow", "1000genome", "soykb", "bwa", "epigenomics"]


def recorded(name: str, opened: int) -> Picture:
    """A recorded workflow, the `opened` largest groups that fit drawn as their members."""
    frame = pd.read_csv(needs_shared(f"data/workflows/{name}.csv"), dtype=str).fillna("")
    nodes = pd.DataFrame({"container": None, "task_name": frame["task_name"].to_numpy()}, index=frame["task_id"])
    parents = frame["parent_ids"].str.split().set_axis(frame["task_id"]).explode().dropna()
    edges = pd.DataFrame({"source": parents.array, "target": parents.index})
    group = [str(number) for number in groups(nodes, ends_of(nodes, edges))]
    count, alone = Counter(group), set[str]()
    for key, members in count.most_common():
        if members == 1 or (len(alone) < opened and members <= 200):
            alone.add(key)
    box_of = {node: node if key in alone else key for node, key in zip(nodes.index, group, strict=True)}
    pairs = {(box_of[s], box_of[t]) for s, t in zip(parents, parents.index, strict=True)}
    boxes: Sequence[str] = list(dict.fromkeys(box_of.values()))
    return drawn(boxes, sorted(pair for pair in pairs if pair[0] != pair[1]), groups_=set(boxes) & set(group))


@pytest.mark.parametrize("name", WORKFLOWS)
@pytest.mark.parametrize("opened", [0, 1, 3])
def test_recorded_workflows_can_be_read(name: str, opened: int) -> None:
    shown = recorded(name, opened)
    for direction in ("right", "down"):
        check(shown, layout(shown, direction))


@pytest.mark.parametrize("scenario", ["nightly", "failing", "twice", "nested", "passing", "score"])
@pytest.mark.parametrize("direction", ["right", "down"])
def test_real_runs(truth: Truth, scenario: str, direction: Direction) -> None:
    shown = picture(truth.graph(scenario))
    check(shown, layout(shown, direction))
