"""Where each box of a picture lies: layered, nested, deterministic.

Containers are laid out from the inside out, and are then boxes like any other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from flowdag.analysis.grouping import Picture, ancestors, depths
from flowdag.analysis.layered import BOX_GAP, Point, layered

Direction = Literal["right", "down"]
ASPECT = 1.1  # width by height of the place where the picture is shown
WIDTH, HEIGHT = 154.0, 44.0
PAD, TITLE = 12.0, 30.0
GRID = 6  # boxes without links stand in rows of about this many


@dataclass(frozen=True)
class Layout:
    """places: index box id, columns x, y (centre), width, height, depth (0 outermost); pixels, y points down.

    bends: for links that cross layers, the points they pass, by (source, target).
    """

    direction: Direction
    places: pd.DataFrame
    bends: Mapping[tuple[str, str], tuple[Point, ...]]

    @property
    def extent(self) -> Point:
        """Width and height of the whole, in pixels."""
        outer = self.places[self.places["depth"] == 0]
        spans = [
            (outer[at] + outer[size] / 2).max() - (outer[at] - outer[size] / 2).min()
            for at, size in (("x", "width"), ("y", "height"))
        ]
        return float(spans[0]), float(spans[1])


@dataclass
class _Level:
    """The contents of one container while they are laid out: boxes in order of start, and the links among them."""

    boxes: list[str] = field(default_factory=list)
    links: dict[tuple[str, str], None] = field(default_factory=dict)


@dataclass(frozen=True)
class _Placed:
    """Contents of a container: centres relative to its upper left corner, the container's size, bends of the links."""

    centres: dict[str, Point]
    size: Point
    bends: dict[tuple[str, str], tuple[Point, ...]]


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


def layout(picture: Picture, direction: Direction = "right") -> Layout:
    """Lay the picture out. The same picture always gives the same layout."""
    boxes = picture.boxes
    container_of = dict(zip(boxes.index, boxes["container"], strict=True))
    depth = depths(container_of)
    levels, carried = _levels(picture, container_of)
    sizes: dict[str, Point] = {}
    placed: dict[str | None, _Placed] = {}
    for name in sorted((n for n in levels if n is not None), key=lambda n: -depth[n]):
        placed[name] = _place(levels[name], sizes, direction, inside=True)
        sizes[name] = placed[name].size
    placed[None] = _place(levels[None], sizes, direction, inside=False)
    return _absolute(placed, sizes, depth, carried, direction)


def _levels(
    picture: Picture, container_of: Mapping[str, object]
) -> tuple[dict[str | None, _Level], dict[tuple[str, str], tuple[str | None, str, str]]]:
    """Contents by container, each link at the level of the innermost container that holds both its ends.

    The second answer tells where a link is carried: link -> (container, sibling that holds its source, its target).
    """
    levels: dict[str | None, _Level] = defaultdict(_Level)
    for box, container in container_of.items():
        levels[container if isinstance(container, str) and container in container_of else None].boxes.append(box)
    carried = {}
    for source, target in zip(picture.links["source"], picture.links["target"], strict=True):
        left = [source, *ancestors(source, container_of)]
        right = [target, *ancestors(target, container_of)]
        while len(left) > 1 and len(right) > 1 and left[-1] == right[-1]:
            left.pop()
            right.pop()
        common = container_of.get(left[-1])
        level = common if isinstance(common, str) and common in container_of else None
        levels[level].links[left[-1], right[-1]] = None
        carried[source, target] = (level, left[-1], right[-1])
    levels.setdefault(None, _Level())
    return levels, carried


def _place(level: _Level, sizes: Mapping[str, Point], direction: Direction, *, inside: bool) -> _Placed:
    """Lay out one container's contents: the linked ones in layers, the others in a grid below."""
    linked = {box for link in level.links for box in link}
    loose = [box for box in level.boxes if box not in linked]
    flip = direction == "down"
    size = {box: _flipped(sizes.get(box, (WIDTH, HEIGHT)), flip) for box in level.boxes}
    centres, bends = layered([box for box in level.boxes if box in linked], list(level.links), size)
    across = max((y + size[b][1] / 2 for b, (_, y) in centres.items() if b in size), default=-BOX_GAP) + BOX_GAP
    centres |= _grid(loose, size, across, single=not linked)
    left = min((x - size[b][0] / 2 for b, (x, _) in centres.items()), default=0.0)
    top = min((y - size[b][1] / 2 for b, (_, y) in centres.items()), default=0.0)
    pad, head = (PAD, TITLE) if inside else (0.0, 0.0)

    def moved(point: Point) -> Point:
        x, y = _flipped((point[0] - left, point[1] - top), flip)
        return x + pad, y + head

    final = {box: moved(point) for box, point in centres.items()}
    width = max((x + _flipped(size[b], flip)[0] / 2 for b, (x, _) in final.items()), default=0.0) + pad
    height = max((y + _flipped(size[b], flip)[1] / 2 for b, (_, y) in final.items()), default=0.0) + pad
    return _Placed(final, (width, height), {link: tuple(moved(p) for p in points) for link, points in bends.items()})


def _flipped(point: Point, flip: bool) -> Point:
    return (point[1], point[0]) if flip else point


def _grid(boxes: Sequence[str], size: Mapping[str, Point], top: float, *, single: bool) -> dict[str, Point]:
    """Boxes without links, in order of start, in rows; nearly square where there is nothing else."""
    columns = max(GRID, round((len(boxes) / 2) ** 0.5)) if single else GRID
    centres: dict[str, Point] = {}
    for at in range(0, len(boxes), columns):
        row = boxes[at : at + columns]
        height = max(size[box][1] for box in row)
        x = 0.0
        for box in row:
            centres[box] = (x + size[box][0] / 2, top + height / 2)
            x += size[box][0] + BOX_GAP
        top += height + BOX_GAP
    return centres


def _absolute(
    placed: Mapping[str | None, _Placed],
    sizes: Mapping[str, Point],
    depth: Mapping[str, int],
    carried: Mapping[tuple[str, str], tuple[str | None, str, str]],
    direction: Direction,
) -> Layout:
    """Relative places as absolute ones, from the outside in."""
    corner: dict[str | None, Point] = {None: (0.0, 0.0)}
    rows = {}
    for name in [None, *sorted((n for n in placed if n is not None), key=lambda n: depth[n])]:
        left, top = corner[name]
        for box, (x, y) in placed[name].centres.items():
            width, height = sizes.get(box, (WIDTH, HEIGHT))
            rows[box] = (left + x, top + y, width, height, depth[box])
            corner[box] = (left + x - width / 2, top + y - height / 2)
    bends = {}
    for link, (level, source, target) in carried.items():
        points = placed[level].bends.get((source, target), ())
        if points:
            left, top = corner[level]
            bends[link] = tuple((left + x, top + y) for x, y in points)
    places = pd.DataFrame.from_dict(rows, orient="index", columns=["x", "y", "width", "height", "depth"])
    return Layout(direction, places.sort_values("depth", kind="stable"), bends)
