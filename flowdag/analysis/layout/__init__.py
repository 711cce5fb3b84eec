"""Where each box of a picture lies: layered, nested, deterministic, and stable while the picture changes.

Containers are laid out from the inside out, and are then boxes like any other. Inside, everything runs `along` the flow
and `across` it; only at the end does that become right or down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from flowdag.analysis.grouping import Picture, depths
from flowdag.analysis.layout.arranging import arranged
from flowdag.analysis.layout.layered import Arranged, Point, is_port
from flowdag.analysis.layout.nesting import Level, Way, nested
from flowdag.analysis.layout.ranks import Link

Direction = Literal["right", "down"]
ASPECT = 1.1  # width by height of the place where the picture is shown
WIDTH, HEIGHT, GROUP_HEIGHT = 154.0, 44.0, 66.0
PAD, TITLE = 14.0, 46.0
ARROW = 6.0  # a link reaches its box straight for so long
LEVEL, NEARLY = 0.5, 4.0  # as near to one height as this is straight; as this, looks straight between two boxes


@dataclass(frozen=True)
class Layout:
    """places: index box id, columns x, y (centre), width, height, depth (0 outermost); pixels, y points down.

    bends: the points that a link passes, by (source, target); links that run straight have none. Drawn through these
    points, straight or by curves that leave and reach each point along the flow, a link runs beneath no box. That of a
    container begins or ends on its border, at the first or last of its bends.
    """

    direction: Direction
    places: pd.DataFrame
    bends: Mapping[Link, tuple[Point, ...]]

    @property
    def extent(self) -> Point:
        """Width and height of the whole, in pixels."""
        outer = self.places[self.places["depth"] == 0]
        spans = [
            (outer[at] + outer[size] / 2).max() - (outer[at] - outer[size] / 2).min()
            for at, size in (("x", "width"), ("y", "height"))
        ]
        return float(spans[0]), float(spans[1])


def moved(shown: Layout, by: Point) -> Layout:
    """The same layout, elsewhere."""
    places = shown.places.assign(x=shown.places["x"] + by[0], y=shown.places["y"] + by[1])
    bends = {link: tuple((x + by[0], y + by[1]) for x, y in points) for link, points in shown.bends.items()}
    return Layout(shown.direction, places, bends)


def centre(shown: Layout, boxes: Iterable[str]) -> Point:
    """The middle of some boxes."""
    places = shown.places.loc[list(boxes)]
    return float(places["x"].mean()), float(places["y"].mean())


def best_layout(picture: Picture) -> Layout:
    """Left to right or top to bottom: whichever is larger when it fits its place."""

    def shrunk(shown: Layout) -> float:
        width, height = shown.extent
        return max(width / ASPECT, height)

    return min((layout(picture, "right"), layout(picture, "down")), key=shrunk)


def layout(picture: Picture, direction: Direction = "right", before: Layout | None = None) -> Layout:
    """Lay the picture out. The same picture always gives the same layout, in whatever order its links come.

    before: the layout shown until now, if it ran in the same direction. Boxes that are in it keep their order within a
    layer and move as little as the new ones allow.
    """
    down = direction == "down"
    container_of = _containers(picture.boxes)
    depth = depths(container_of)
    turn = {box: at for at, box in enumerate(container_of)}
    links = zip(picture.links["source"], picture.links["target"], strict=True)
    levels, ways = nested(list(turn), container_of, sorted(links, key=lambda link: (turn[link[0]], turn[link[1]])))
    kinds = zip(picture.boxes.index, picture.boxes["kind"], strict=True)
    size = {box: _flipped((WIDTH, GROUP_HEIGHT if kind == "group" else HEIGHT), down) for box, kind in kinds}
    old = _old(before, direction)
    head, foot = _frame(down)
    laid: dict[Level, Arranged] = {}
    for level in sorted(levels, key=lambda name: -1 if name is None else depth[name], reverse=True):
        contents = levels[level]
        laid[level] = arranged(contents.boxes, list(contents.links), size, 1 / ASPECT if down else ASPECT, old)
        if level is not None:
            inner = laid[level].size
            size[level] = head[0] + inner[0] + foot[0], head[1] + inner[1] + foot[1]
    whole = _absolute(laid, size, depth, head)
    bends = {link: points for link, way in ways.items() if (points := _bends(link, way, whole))}
    rows = {box: (*_flipped(at, down), *_flipped(size[box], down), depth[box]) for box, at in whole.centres.items()}
    places = pd.DataFrame.from_dict(rows, orient="index", columns=["x", "y", "width", "height", "depth"])
    turned = {link: tuple(_flipped(point, down) for point in points) for link, points in bends.items()}
    return _in_place(Layout(direction, places.sort_values("depth", kind="stable"), turned), before)


def _containers(boxes: pd.DataFrame) -> dict[str, str | None]:
    """The container of each box; None at the top, and where containers lie in each other (bad data)."""
    named = dict(zip(boxes.index, boxes["container"], strict=True))
    depth = depths(named)
    return {box: around if isinstance(around, str) and depth[box] else None for box, around in named.items()}


def _flipped(point: Point, flip: bool) -> Point:
    return (point[1], point[0]) if flip else point


def _frame(down: bool) -> tuple[Point, Point]:
    """What a container has around its contents: at their upper left, and at their lower right."""
    return _flipped((PAD, TITLE), down), (PAD, PAD)


def _old(before: Layout | None, direction: Direction) -> dict[str, Point]:
    """Centres along and across the flow in the layout that is to be kept."""
    if before is None or before.direction != direction:
        return {}
    places = before.places
    return {
        box: _flipped((x, y), direction == "down")
        for box, x, y in zip(places.index, places["x"], places["y"], strict=True)
    }


@dataclass(frozen=True)
class _Whole:
    """All in absolute points along and across the flow; of routes and ports, by the level where they are."""

    centres: dict[str, Point]
    size: Mapping[str, Point]
    lanes: dict[str, Point]
    ports: dict[tuple[Level, str], float]
    routes: dict[tuple[Level, Link], tuple[Point, ...]]
    holds: frozenset[str]


def _absolute(
    laid: Mapping[Level, Arranged], size: Mapping[str, Point], depth: Mapping[str, int], head: Point
) -> _Whole:
    """Relative places as absolute ones, from the outside in."""
    whole = _Whole({}, size, {}, {}, {}, frozenset(level for level in laid if level is not None))
    for level in sorted(laid, key=lambda name: -1 if name is None else depth[name]):
        x = y = 0.0
        if level is not None:
            x, y = (whole.centres[level][i] - size[level][i] / 2 + head[i] for i in (0, 1))
        for name, (along, across) in laid[level].centres.items():
            if is_port(name):
                whole.ports[level, name] = y + across
            else:
                whole.centres[name] = (x + along, y + across)
        whole.lanes.update((box, (x + begin, x + end)) for box, (begin, end) in laid[level].lanes.items())
        for link, points in laid[level].routes.items():
            whole.routes[level, link] = tuple((x + along, y + across) for along, across in points)
    return whole


def _bends(link: Link, way: Way, whole: _Whole) -> tuple[Point, ...]:
    """The points that a link passes, without those that it would pass anyway, or could leave out."""
    first, last = link[::-1] if way.turned else link
    points = [
        *_out(first, way.leaves, whole, 1),
        *whole.routes[way.level, way.link],
        *reversed(_out(last, way.reaches, whole, -1)),
    ]
    begin, end = whole.centres[first], whole.centres[last]
    free = [NEARLY if box not in whole.holds else -1.0 for box in (first, last)]
    if abs((points[1] if len(points) > 1 else end)[1] - begin[1]) <= free[0]:
        points.pop(0)
    if points and abs((points[-2] if len(points) > 1 else begin)[1] - end[1]) <= free[1]:
        points.pop()
    kept = [begin]
    for point, after in zip(points, [*points[1:], end], strict=False):
        border = (kept == [begin] and free[0] < 0) or (point is points[-1] and free[1] < 0)
        straight = abs(point[1] - kept[-1][1]) < LEVEL and abs(after[1] - point[1]) < LEVEL
        if point[0] - kept[-1][0] > LEVEL and (border or not straight):
            kept.append(point)
    return tuple(kept[:0:-1] if way.turned else kept[1:])


def _out(box: str, borders: Sequence[tuple[str, str, str]], whole: _Whole, side: Literal[1, -1]) -> list[Point]:
    """The points from a box to the end of the outermost lane it lies in; with side -1 to its begin, where links end."""
    at, level = box, whole.centres[box][1]
    points = [(_edge(box, whole, side), level)] if box in whole.holds else []
    for container, inner, port in borders:
        route = whole.routes[container, (inner, port) if side == 1 else (port, inner)]
        points += [_lane_end(at, level, whole, side), *route[::side]]
        at, level = container, whole.ports[container, port]
        points.append((_edge(container, whole, side), level))
    return [*points, _lane_end(at, level, whole, side)]


def _edge(box: str, whole: _Whole, side: Literal[1, -1]) -> float:
    return whole.centres[box][0] + side * whole.size[box][0] / 2


def _lane_end(box: str, level: float, whole: _Whole, side: Literal[1, -1]) -> Point:
    begin, end = whole.lanes[box]
    return (end if side == 1 else begin - ARROW), level


def _in_place(shown: Layout, before: Layout | None) -> Layout:
    """Moved so that of the boxes that were there before, as many went one way as the other."""
    if before is None or before.direction != shown.direction:
        return shown
    kept = shown.places.index.intersection(before.places.index)
    if kept.empty:
        return shown
    by = before.places.loc[kept, ["x", "y"]] - shown.places.loc[kept, ["x", "y"]]
    return moved(shown, (float(by["x"].median()), float(by["y"].median())))
