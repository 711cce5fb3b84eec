"""Parts that nothing links, side by side in rows, so that the whole gets about the shape of its place."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, float]
STRETCHES = (0.8, 1.0, 1.2, 1.5, 1.9)


def packed(sizes: Sequence[Point], aspect: float, gap: Point) -> tuple[list[Point], Point]:
    """The upper left corners of parts in rows, in order, and the size of the whole; `aspect` is along by across,
    `gap` the distance of parts along and across."""
    area = sum((along + gap[0]) * (across + gap[1]) for along, across in sizes)
    longest = max(along for along, _ in sizes)
    lengths = [longest, *(stretch * (area * aspect) ** 0.5 for stretch in STRETCHES)]
    tried = [_rows(sizes, max(longest, length), gap) for length in lengths]
    return min(tried, key=lambda one: max(one[1][0] / aspect, one[1][1]))


def _rows(sizes: Sequence[Point], length: float, gap: Point) -> tuple[list[Point], Point]:
    corners: list[Point] = []
    at = top = deep = reach = 0.0
    for along, across in sizes:
        if at and at + along > length + 0.5:
            at, top, deep = 0.0, top + deep + gap[1], 0.0
        corners.append((at, top))
        at, deep, reach = at + along + gap[0], max(deep, across), max(reach, at + along)
    return corners, (reach, top + deep)
