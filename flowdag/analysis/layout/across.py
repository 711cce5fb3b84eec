"""Places across the flow: long links straight, boxes near the middle of their neighbours.

Brandes and Köpf, Graph Drawing 2001: boxes are aligned with their median neighbours into straight blocks, in four ways
(from either end of the flow, from either side), and each box gets the mean of its two middle places. Blocks are packed
by longest path, not by the classes of the paper (whose shifts were found wrong by its authors: arXiv 2008.01252).

Where many long lines run side by side, straight ones need very much room. Then boxes and bends go, layer by layer,
as near to the mean of their neighbours as order and widths allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

from flowdag.analysis.layout.ordering import Beside
from flowdag.analysis.layout.spread import spread

Segment = tuple[int, int]
ROOMY = 1.6  # times the widest layer: more room than this is too much for straight lines
READABLE = 1200.0  # pixels that are never too much
SWEEPS = 8


def across(
    layers: Sequence[Sequence[int]], before: Beside, after: Beside, wide: Sequence[float], bends: Beside
) -> list[float]:
    """The place of each box. wide: what each takes, gap included. bends: per box, the bend it continues, if it is one.

    `before` and `after` are neighbours in the layers beside; `bends[b]` holds at most one, of the layer before.
    """
    barred = _conflicts(layers, before, bends)
    ways = []
    for down in (True, False):
        for left in (True, False):
            rows = [list(row) if left else list(row)[::-1] for row in (layers if down else layers[::-1])]
            places = _packed(rows, _aligned(rows, before if down else after, barred, down=down), wide)
            ways.append(places if left else [-place for place in places])
    straight = _balanced(ways, wide)
    widest = max(sum([wide[box] for box in layer]) for layer in layers)
    if max(straight) - min(straight) <= ROOMY * max(widest, READABLE):
        return straight
    return _near(layers, before, after, wide)


def _conflicts(layers: Sequence[Sequence[int]], before: Beside, bends: Beside) -> set[Segment]:
    """Segments that cross a piece of a long link: these give way. Of two long ones that cross, the later."""
    barred: set[Segment] = set()
    for upper, lower in pairwise(layers):
        place = {box: at for at, box in enumerate(upper)}
        low, begin = -1, 0
        for at, box in enumerate(lower):
            inner = bends[box]
            if inner and place[inner[0]] < low:
                barred.add((inner[0], box))
                inner = ()
            if not inner and at < len(lower) - 1:
                continue
            high = place[inner[0]] if inner else len(upper)
            for between in lower[begin : at + 1]:
                own = bends[between]
                for near in before[between]:
                    if (place[near] < low or place[near] > high) and not (own and own[0] == near):
                        barred.add((near, between))
            low, begin = (high, at + 1) if inner else (low, begin)
    return barred


def _aligned(rows: Sequence[Sequence[int]], before: Beside, barred: set[Segment], *, down: bool) -> list[int]:
    """The root of each box's block: boxes aligned with a median neighbour of the row before, without crossing."""
    root = list(range(len(before)))
    taken = [False] * len(before)
    for upper, lower in pairwise(rows):
        place = {box: at for at, box in enumerate(upper)}
        reach = -1
        for box in lower:
            near = sorted(before[box], key=place.__getitem__)
            middle = (len(near) - 1) // 2
            for one in near[middle : len(near) // 2 + 1]:
                segment = (one, box) if down else (box, one)
                if reach < place[one] and not taken[one] and segment not in barred:
                    root[box], taken[one], reach = root[one], True, place[one]
                    break
    return root


def _packed(rows: Sequence[Sequence[int]], root: Sequence[int], wide: Sequence[float]) -> list[float]:
    """Blocks as far to the left as order and widths allow, then as near to the next as possible."""
    onwards: dict[int, dict[int, float]] = {block: {} for block in root}
    waits = dict.fromkeys(onwards, 0)
    for row in rows:
        for one, other in pairwise(row):
            nexts, block, gap = onwards[root[one]], root[other], (wide[one] + wide[other]) / 2
            if block not in nexts:
                waits[block] += 1
            nexts[block] = max(nexts.get(block, 0.0), gap)
    ready = [block for block in onwards if not waits[block]]
    place = dict.fromkeys(onwards, 0.0)
    for block in ready:  # grows while it is read
        for other, gap in onwards[block].items():
            place[other] = max(place[other], place[block] + gap)
            waits[other] -= 1
            if not waits[other]:
                ready.append(other)
    for block in reversed(ready):
        if onwards[block]:
            place[block] = max(place[block], min(place[other] - gap for other, gap in onwards[block].items()))
    return [place[block] for block in root]


def _balanced(ways: Sequence[Sequence[float]], wide: Sequence[float]) -> list[float]:
    """The mean of the two middle places, all ways moved to the narrowest: by their left side, or by their right."""
    spans = [
        (min(p - w / 2 for p, w in zip(way, wide, strict=True)), max(p + w / 2 for p, w in zip(way, wide, strict=True)))
        for way in ways
    ]
    narrow = min(spans, key=lambda span: span[1] - span[0])
    shifts = [narrow[0] - span[0] if at % 2 == 0 else narrow[1] - span[1] for at, span in enumerate(spans)]
    moved = zip(*([p + shift for p in way] for way, shift in zip(ways, shifts, strict=True)), strict=True)
    return [sum(sorted(four)[1:3]) / 2 for four in moved]


def _near(layers: Sequence[Sequence[int]], before: Beside, after: Beside, wide: Sequence[float]) -> list[float]:
    """Each box near the mean of its neighbours: first of those before it, then of all."""
    places = [0.0] * len(wide)
    aparts = [[0.0, *((wide[one] + wide[other]) / 2 for one, other in pairwise(layer))] for layer in layers]
    for layer, apart in zip(layers, aparts, strict=True):
        for box, place in zip(layer, spread([0.0] * len(layer), apart), strict=True):
            places[box] = place
    for sweep in range(SWEEPS):
        for layer, apart in list(zip(layers, aparts, strict=True))[:: -1 if sweep % 2 else 1]:
            beside = [[*before[box], *after[box]] if sweep else before[box] for box in layer]
            wanted = [
                fmean([places[n] for n in near]) if near else places[box]
                for box, near in zip(layer, beside, strict=True)
            ]
            for box, place in zip(layer, spread(wanted, apart), strict=True):
                places[box] = place
    return places
