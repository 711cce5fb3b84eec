"""Boxes in layers, for one connected part of one container's contents; Sugiyama's method.

Links that skip layers are led through the layers between. Those of one box that go the same way share a line until
they part: of the box they leave or of the box they reach, whichever has more. Distances are in pixels, `along` the
flow and `across` it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from flowdag.analysis.layout.across import across
from flowdag.analysis.layout.ordering import ordered
from flowdag.analysis.layout.ranks import Link, ranks
from flowdag.analysis.layout.spread import spread

Point = tuple[float, float]

LAYER_GAP, BOX_GAP, BEND_GAP = 46.0, 12.0, 10.0
STEEP, WIDEST = 0.1, 60.0  # layers lie further apart where links between them go far across, up to so much
KEPT, NEW = 1.0, 0.02  # how much a box that was there before resists, and a new one
BEGIN, END = "\0begin:", "\0end:"  # begin the names of ports: where links enter and leave the container


@dataclass(frozen=True)
class Arranged:
    """Contents of a container, or a part of them; (along, across), the upper left corner is (0, 0).

    centres: of boxes and ports. lanes: begin and end of each box's layer along the flow: a link to the box runs
    straight there. routes: the points that a link passes between the lanes of its ends.
    """

    centres: Mapping[str, Point]
    lanes: Mapping[str, Point]
    routes: Mapping[Link, tuple[Point, ...]]
    size: Point


@dataclass(frozen=True)
class _Chains:
    """Links cut at each layer: boxes are numbered as they come, bends after them."""

    layers: list[list[int]]
    before: list[list[int]]
    after: list[list[int]]
    continues: list[list[int]]
    passes: dict[Link, list[int]]


def is_port(name: str) -> bool:
    """Whether the name is not of a box, but of a place on the container's border."""
    return name.startswith((BEGIN, END))


def layered(
    boxes: Sequence[str], links: Sequence[Link], size: Mapping[str, Point], old: Mapping[str, Point]
) -> Arranged:
    """Lay out boxes and ports over links without cycles. `old`: centres of boxes in a layout that is to be kept."""
    rank = _with_ports(ranks(boxes, links), boxes)
    chains = _chains(boxes, links, rank)
    wide = [BEND_GAP if is_port(box) else size[box][1] + BOX_GAP for box in boxes]
    wide += [BEND_GAP] * (len(chains.before) - len(boxes))
    kept = {at: old[box] for at, box in enumerate(boxes) if box in old}
    layers = ordered(chains.layers, chains.before, chains.after, {at: place[1] for at, place in kept.items()})
    places = across(layers, chains.before, chains.after, wide, chains.continues)
    if kept:
        places = _drawn_back(places, {at: place[1] for at, place in kept.items()}, layers, wide)
    _straighten(places, layers, wide, chains.continues)
    depth = [0.0 if is_port(box) else size[box][0] for box in boxes]
    deep = [max((depth[at] for at in layer if at < len(boxes)), default=0.0) for layer in layers]
    starts = _starts(layers, deep, places, chains.after, {at: place[0] for at, place in kept.items()})
    return _arranged(boxes, links, rank, chains, places, wide, deep, starts)


def _with_ports(rank: dict[str, int], boxes: Sequence[str]) -> dict[str, int]:
    """Ports before all boxes, or after them."""
    inner = [rank[box] for box in boxes if not is_port(box)]
    low, high = min(inner), max(inner)
    shift = 1 - low if any(box.startswith(BEGIN) for box in boxes) else -low
    last = high + shift + 1
    return {box: (0 if box.startswith(BEGIN) else last if box.startswith(END) else rank[box] + shift) for box in boxes}


def _chains(boxes: Sequence[str], links: Sequence[Link], rank: Mapping[str, int]) -> _Chains:
    number = {box: at for at, box in enumerate(boxes)}
    layers: list[list[int]] = [[] for _ in range(max(rank.values()) + 1)]
    for box in boxes:
        layers[rank[box]].append(number[box])
    long = [(source, target) for source, target in links if rank[target] - rank[source] > 1]
    leaving, arriving = Counter(source for source, _ in long), Counter(target for _, target in long)
    bends: dict[tuple[bool, str, int], int] = {}
    segments: dict[tuple[int, int], None] = {}
    passes: dict[Link, list[int]] = {}
    for source, target in links:
        leaves = leaving[source] >= arriving[target]
        chain = []
        for at in range(rank[source] + 1, rank[target]):
            key = (leaves, source if leaves else target, at)
            if key not in bends:
                bends[key] = len(boxes) + len(bends)
                layers[at].append(bends[key])
            chain.append(bends[key])
        passes[source, target] = chain
        segments |= dict.fromkeys(pairwise([number[source], *chain, number[target]]))
    count = len(boxes) + len(bends)
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    continues: list[list[int]] = [[] for _ in range(count)]
    for one, other in segments:
        before[other].append(one)
        after[one].append(other)
        if min(one, other) >= len(boxes):
            continues[other].append(one)
    return _Chains(layers, before, after, continues, passes)


def _drawn_back(
    places: Sequence[float], old: Mapping[int, float], layers: Sequence[Sequence[int]], wide: Sequence[float]
) -> list[float]:
    """Places nearest to the old ones; of what is new, to those it would have had."""
    shift = median(before - places[at] for at, before in old.items())
    drawn = [old.get(at, place + shift) for at, place in enumerate(places)]
    for layer in layers:
        apart = [0.0, *((wide[a] + wide[b]) / 2 for a, b in pairwise(layer))]
        weight = [KEPT if at in old else NEW for at in layer]
        for at, place in zip(layer, spread([drawn[at] for at in layer], apart, weight), strict=True):
            drawn[at] = place
    return drawn


def _straighten(
    places: list[float], layers: Sequence[Sequence[int]], wide: Sequence[float], continues: Sequence[Sequence[int]]
) -> None:
    """Bends of one line at one height, where there is room for that."""
    room: dict[int, Point] = {}
    for layer in layers:
        for before, at, after in zip([None, *layer], layer, [*layer[1:], None], strict=False):
            low = -float("inf") if before is None else places[before] + (wide[before] + wide[at]) / 2
            high = float("inf") if after is None else places[after] - (wide[after] + wide[at]) / 2
            room[at] = (low, high)
    lines: dict[int, list[int]] = {}
    for layer in layers:
        for at in layer:
            if continues[at]:
                line = lines.pop(continues[at][0], [continues[at][0]])
                line.append(at)
                lines[at] = line
    for line in lines.values():
        low, high = max(room[at][0] for at in line), min(room[at][1] for at in line)
        if low <= high:
            level = min(max(median(places[at] for at in line), low), high)
            for at in line:
                places[at] = level


def _starts(
    layers: Sequence[Sequence[int]],
    deep: Sequence[float],
    places: Sequence[float],
    after: Sequence[Sequence[int]],
    old: Mapping[int, float],
) -> list[float]:
    """Where each layer begins along the flow; near the old place of its boxes."""
    gaps = []
    for layer in layers[:-1]:
        far = max((abs(places[at] - places[to]) for at in layer for to in after[at]), default=0.0)
        gaps.append(LAYER_GAP + min(far * STEEP, WIDEST))
    middles = [deep[0] / 2]
    apart = [0.0]
    for (one, other), gap in zip(pairwise(deep), gaps, strict=True):
        apart.append((one + other) / 2 + gap)
        middles.append(middles[-1] + apart[-1])
    if old:
        before = [[old[at] for at in layer if at in old] for layer in layers]
        shift = median(place - middles[n] for n, row in enumerate(before) for place in row)
        wanted = [median(row) if row else middles[n] + shift for n, row in enumerate(before)]
        middles = spread(wanted, apart, [KEPT if row else NEW for row in before])
    return [middle - depth / 2 for middle, depth in zip(middles, deep, strict=True)]


def _arranged(
    boxes: Sequence[str],
    links: Sequence[Link],
    rank: Mapping[str, int],
    chains: _Chains,
    places: Sequence[float],
    wide: Sequence[float],
    deep: Sequence[float],
    starts: Sequence[float],
) -> Arranged:
    """Everything as points, from the upper left corner on."""
    top = min(place - width / 2 for place, width in zip(places, wide, strict=True)) + BOX_GAP / 2
    bottom = max(place + width / 2 for place, width in zip(places, wide, strict=True)) - BOX_GAP / 2
    begins = [start - starts[0] for start in starts]
    lane = [(begin, begin + depth) for begin, depth in zip(begins, deep, strict=True)]
    centres = {box: (sum(lane[rank[box]]) / 2, places[at] - top) for at, box in enumerate(boxes)}
    routes = {}
    for link in links:
        first = rank[link[0]] + 1
        routes[link] = tuple(
            (end, places[bend] - top) for at, bend in enumerate(chains.passes[link]) for end in lane[first + at]
        )
    return Arranged(centres, {box: lane[rank[box]] for box in boxes}, routes, (lane[-1][1], bottom - top))
