"""Where each box of a picture lies: layered, nested, deterministic.

Sugiyama's method (IEEE Trans. SMC 11(2), 1981): layers by longest path, crossings reduced by barycentre sweeps, long
links led through the layers between. Containers are laid out from the inside out and are then boxes like any other.
Within a layer, boxes go as near to their neighbours as their order and gaps allow: isotonic regression by pooling
adjacent violators, which is optimal in least squares and linear.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import pandas as pd

from flowdag.analysis.grouping import Picture, ancestors, depths

Direction = Literal["right", "down"]
ASPECT = 1.1  # width by height of the place where the picture is shown
Point = tuple[float, float]

WIDTH, HEIGHT = 154.0, 44.0
LAYER_GAP, BOX_GAP, BEND_GAP = 46.0, 12.0, 10.0
PAD, TITLE = 12.0, 30.0
SWEEPS = 8
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
    centres, bends = _layered([box for box in level.boxes if box in linked], list(level.links), size)
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


def _layered(
    boxes: Sequence[str], links: Sequence[tuple[str, str]], size: Mapping[str, Point]
) -> tuple[dict[str, Point], dict[tuple[str, str], tuple[Point, ...]]]:
    """Centres (along the flow, across it) of linked boxes, and the bends of links that skip layers."""
    if not boxes:
        return {}, {}
    layer_of = _layers(boxes, links)
    chains, layers, wide = _with_bends(boxes, links, layer_of, size)
    pairs = [pair for chain in chains.values() for pair in pairwise(chain)]
    before, after = _neighbours(pairs)
    _reduce_crossings(layers, before, after)
    across = _across(layers, before, after, wide)
    starts, begin = [], 0.0
    for layer in layers:
        starts.append(begin)
        begin += max(size[b][0] if b in size else 0.0 for b in layer) + LAYER_GAP
    centres = {box: (starts[layer_of[box]] + size[box][0] / 2, across[box]) for box in boxes}
    bends = {
        link: tuple(
            (starts[at] + WIDTH / 2, across[b])
            for at, layer in enumerate(layers)
            for b in chain[1:-1]
            if b in set(layer)
        )
        for link, chain in chains.items()
        if len(chain) > 2
    }
    return centres, bends


def _layers(boxes: Sequence[str], links: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The longest path from a source to each box; a cycle is entered at its box that started first."""
    order = {box: at for at, box in enumerate(boxes)}
    targets: dict[str, list[str]] = defaultdict(list)
    waits = dict.fromkeys(boxes, 0)
    for source, target in links:
        targets[source].append(target)
        waits[target] += 1
    layer = dict.fromkeys(boxes, 0)
    ready = [order[box] for box in boxes if not waits[box]]
    heapq.heapify(ready)
    open_boxes = iter(boxes)
    done: set[str] = set()
    while len(done) < len(boxes):
        box = boxes[heapq.heappop(ready)] if ready else next(b for b in open_boxes if b not in done)
        if box in done:
            continue
        done.add(box)
        for target in targets[box]:
            if target not in done:
                layer[target] = max(layer[target], layer[box] + 1)
                waits[target] -= 1
                if waits[target] == 0:
                    heapq.heappush(ready, order[target])
    return layer


def _with_bends(
    boxes: Sequence[str], links: Sequence[tuple[str, str]], layer_of: Mapping[str, int], size: Mapping[str, Point]
) -> tuple[dict[tuple[str, str], list[str]], list[list[str]], dict[str, float]]:
    """Links as chains with a bend in each layer they skip; the layers with the bends in; what each takes across."""
    layers: list[list[str]] = [[] for _ in range(max(layer_of.values()) + 1)]
    wide = {box: size[box][1] + BOX_GAP for box in boxes}
    for box in boxes:
        layers[layer_of[box]].append(box)
    chains = {}
    for number, (source, target) in enumerate(links):
        low, high = layer_of[source], layer_of[target]
        if high <= low:  # a link that closes a cycle is drawn straight
            continue
        chain = [source]
        for at in range(low + 1, high):
            bend = f"\0{number}:{at}"
            layers[at].append(bend)
            wide[bend] = BEND_GAP
            chain.append(bend)
        chains[source, target] = [*chain, target]
    return chains, layers, wide


def _neighbours(pairs: Sequence[tuple[str, str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    before: dict[str, list[str]] = defaultdict(list)
    after: dict[str, list[str]] = defaultdict(list)
    for source, target in pairs:
        before[target].append(source)
        after[source].append(target)
    return before, after


def _reduce_crossings(layers: list[list[str]], before: Mapping[str, list[str]], after: Mapping[str, list[str]]) -> None:
    """Barycentre sweeps, forth and back; the order with the fewest crossings stays."""
    best, fewest = [list(layer) for layer in layers], _crossings(layers, after)
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 0
        beside = before if forth else after
        for at in range(1, len(layers)) if forth else range(len(layers) - 2, -1, -1):
            place = {box: i for i, box in enumerate(layers[at - 1 if forth else at + 1])}
            own = {box: i for i, box in enumerate(layers[at])}
            centre = {b: _mean([place[n] for n in beside.get(b, ())], own[b]) for b in layers[at]}
            layers[at].sort(key=lambda b, c=centre, o=own: (c[b], o[b]))  # type: ignore[misc]
        crossings = _crossings(layers, after)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    layers[:] = best


def _crossings(layers: Sequence[Sequence[str]], after: Mapping[str, list[str]]) -> int:
    """How many pairs of links between layers cross: inversions, counted with a Fenwick tree (Barth et al., 2002)."""
    total = 0
    for left, right in pairwise(layers):
        place = {box: i for i, box in enumerate(right)}
        ends = [e for box in left for e in sorted(place[n] for n in after.get(box, ()))]
        tree = [0] * (len(right) + 1)
        for seen, end in enumerate(ends):
            at, smaller_or_same = end + 1, 0
            while at:
                smaller_or_same += tree[at]
                at &= at - 1
            total += seen - smaller_or_same
            at = end + 1
            while at < len(tree):
                tree[at] += 1
                at += at & -at
    return total


def _across(
    layers: Sequence[Sequence[str]],
    before: Mapping[str, list[str]],
    after: Mapping[str, list[str]],
    wide: Mapping[str, float],
) -> dict[str, float]:
    """Positions across the flow: each box near the mean of its neighbours, in order, without overlap."""
    across: dict[str, float] = {}
    for layer in layers:
        at = 0.0
        for box in layer:
            across[box] = at + wide[box] / 2
            at += wide[box]
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            beside = [before.get(b, []) + after.get(b, []) if sweep else before.get(b, []) for b in layer]
            wanted = [_mean([across[n] for n in near], across[b]) for b, near in zip(layer, beside, strict=True)]
            for box, place in zip(layer, _spread(wanted, [wide[b] for b in layer]), strict=True):
                across[box] = place
    return across


def _spread(wanted: Sequence[float], wide: Sequence[float]) -> list[float]:
    """The positions nearest to those wanted (least squares) that keep order and distance: pool adjacent violators."""
    offsets, at = [], 0.0
    for index, width in enumerate(wide):
        at += width / 2 + (wide[index - 1] / 2 if index else 0.0)
        offsets.append(at)
    pools: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        mean, count = want - offset, 1
        while pools and pools[-1][0] > mean:
            last, members = pools.pop()
            mean, count = (last * members + mean * count) / (members + count), members + count
        pools.append((mean, count))
    level = [mean for mean, count in pools for _ in range(count)]
    return [base + offset for base, offset in zip(level, offsets, strict=True)]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


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
