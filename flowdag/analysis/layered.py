"""Boxes in layers: Sugiyama's method (IEEE Trans. SMC 11(2), 1981), for one container's contents.

Layers by longest path, crossings reduced by barycentre sweeps, long links led through the layers between. Within a
layer, boxes go as near to their neighbours as order and gaps allow: isotonic regression by pooling adjacent violators,
which is optimal in least squares and linear. Distances are in pixels, along the flow and across it.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise

Point = tuple[float, float]

LAYER_GAP, BOX_GAP, BEND_GAP = 46.0, 12.0, 10.0
SWEEPS = 8


def layered(
    boxes: Sequence[str], links: Sequence[tuple[str, str]], size: Mapping[str, Point]
) -> tuple[dict[str, Point], dict[tuple[str, str], tuple[Point, ...]]]:
    """Centres (along the flow, across it) of linked boxes, and the bends of links that skip layers."""
    if not boxes:
        return {}, {}
    layer_of = _layers(boxes, links)
    chains, layers, wide = _with_bends(boxes, links, layer_of, size)
    before, after = _neighbours([pair for chain in chains.values() for pair in pairwise(chain)])
    _reduce_crossings(layers, before, after)
    across = _across(layers, before, after, wide)
    deep = [max(size[box][0] if box in size else 0.0 for box in layer) for layer in layers]
    starts = [0.0, *accumulate(depth + LAYER_GAP for depth in deep)]
    centres = {box: (starts[layer_of[box]] + size[box][0] / 2, across[box]) for box in boxes}
    middle = {bend: starts[at] + deep[at] / 2 for at, layer in enumerate(layers) for bend in layer if bend not in size}
    bends = {
        link: tuple((middle[bend], across[bend]) for bend in chain[1:-1])
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
