"""The order of boxes within layers, with few crossings: barycentre sweeps, then exchanges of neighbours.

Sugiyama et al., IEEE Trans. SMC 11(2), 1981; Gansner et al., IEEE Trans. Softw. Eng. 19(3), 1993 for the exchanges.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from flowdag.analysis.layout.spread import spread

SWEEPS, PATIENCE, EXCHANGES = 12, 2, 5
Beside = Sequence[Sequence[int]]  # neighbours of each box in the layer before, or after


def ordered(layers: list[list[int]], before: Beside, after: Beside, old: Mapping[int, float]) -> list[list[int]]:
    """The layers, reordered. Boxes with an `old` place (across the flow) keep the order of these places."""
    fresh = _few_crossings(layers, before, after, {})
    if all(one <= other for layer in fresh for one, other in pairwise([old[box] for box in layer if box in old])):
        return fresh
    return _few_crossings(layers, before, after, old)


def _few_crossings(layers: list[list[int]], before: Beside, after: Beside, old: Mapping[int, float]) -> list[list[int]]:
    layers = [_by_old_place(layer, [float(at) for at in range(len(layer))], old) for layer in layers]
    best, fewest, idle = layers, crossings(layers, after), 0
    for sweep in range(SWEEPS):
        if not fewest or idle > PATIENCE:
            break
        layers = _swept(layers, before if sweep % 2 == 0 else after, old, forth=sweep % 2 == 0)
        found = crossings(layers, after)
        idle = 0 if found < fewest else idle + 1
        if found < fewest:
            best, fewest = layers, found
    if fewest:
        best = [list(layer) for layer in best]
        _exchange(best, before, after, old)
    return best


def crossings(layers: Sequence[Sequence[int]], after: Beside) -> int:
    """How many pairs of links between neighbouring layers cross: inversions of their ends."""
    total = 0
    for left, right in pairwise(layers):
        place = {box: at for at, box in enumerate(right)}
        seen: list[int] = []
        for box in left:
            ends = sorted([place[beside] for beside in after[box]])
            for end in ends:
                total += len(seen) - bisect_right(seen, end)
            for end in ends:
                insort(seen, end)
    return total


def _swept(layers: list[list[int]], beside: Beside, old: Mapping[int, float], *, forth: bool) -> list[list[int]]:
    """Each layer by the mean place of its boxes' neighbours in the layer swept before it."""
    new: list[list[int]] = [list(layer) for layer in layers]
    way = range(1, len(new)) if forth else range(len(new) - 2, -1, -1)
    for at in way:
        fixed = new[at - 1 if forth else at + 1]
        place = {box: i + 0.5 for i, box in enumerate(fixed)}
        scale = len(fixed) / max(1, len(new[at]))
        wanted = []
        for i, box in enumerate(new[at]):
            near = beside[box]
            wanted.append(sum([place[n] for n in near]) / len(near) if near else (i + 0.5) * scale)
        new[at] = _by_old_place(new[at], wanted, old)
    return new


def _by_old_place(layer: Sequence[int], wanted: Sequence[float], old: Mapping[int, float]) -> list[int]:
    """Boxes by what is wanted; those with an old place in its order: theirs is fitted by a rising sequence first."""
    key = dict(zip(layer, wanted, strict=True))
    if not old:
        return sorted(layer, key=key.__getitem__)
    kept = sorted((box for box in layer if box in old), key=lambda box: old[box])
    key.update(zip(kept, spread([key[box] for box in kept], [0.0] * len(kept)), strict=True))
    turn = {box: at for at, box in enumerate(layer)}
    turn.update(zip(kept, sorted(turn[box] for box in kept), strict=True))
    return sorted(layer, key=lambda box: (key[box], turn[box]))


def _exchange(layers: list[list[int]], before: Beside, after: Beside, old: Mapping[int, float]) -> None:
    """Exchange neighbours while that takes crossings away."""
    place = [0] * len(before)
    for layer in layers:
        for at, box in enumerate(layer):
            place[box] = at
    stale = set(range(len(layers)))
    for _ in range(EXCHANGES):
        changed = set()
        for number in sorted(stale):
            if _exchange_in(layers[number], place, before, after, old):
                changed |= {number - 1, number, number + 1}
        stale = {number for number in changed if 0 <= number < len(layers)}
        if not stale:
            break


def _exchange_in(layer: list[int], place: list[int], before: Beside, after: Beside, old: Mapping[int, float]) -> bool:
    at_place: Callable[[int], int] = place.__getitem__
    ends = {box: (sorted(map(at_place, before[box])), sorted(map(at_place, after[box]))) for box in layer}
    any_gain = False
    for at in range(len(layer) - 1):
        left, right = layer[at], layer[at + 1]
        if left in old and right in old:
            continue
        (before_left, after_left), (before_right, after_right) = ends[left], ends[right]
        gain = _gain(before_left, before_right) + _gain(after_left, after_right)
        if gain > 0:
            layer[at], layer[at + 1] = right, left
            place[left], place[right] = at + 1, at
            any_gain = True
    return any_gain


def _gain(left: Sequence[int], right: Sequence[int]) -> int:
    """How many crossings fewer if the box with ends `right` came before that with ends `left`; both are sorted."""
    if not left or not right or left[-1] <= right[0]:
        return 0 if not left or not right or left[-1] == right[0] else -1
    return sum([bisect_left(right, end) for end in left]) - sum([bisect_left(left, end) for end in right])
