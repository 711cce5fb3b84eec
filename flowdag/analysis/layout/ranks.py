"""Layers of boxes: which links point onwards, and how far from the start each box lies."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

Link = tuple[str, str]


def order_of_flow(boxes: Sequence[str], links: Iterable[Link]) -> dict[str, int]:
    """Number the boxes so that links point to higher numbers; a cycle is entered at its box that comes first."""
    order = {box: at for at, box in enumerate(boxes)}
    targets: dict[str, list[str]] = defaultdict(list)
    waits = dict.fromkeys(boxes, 0)
    for source, target in links:
        targets[source].append(target)
        waits[target] += 1
    ready = [order[box] for box in boxes if not waits[box]]
    rest = iter(boxes)
    number: dict[str, int] = {}
    while len(number) < len(boxes):
        box = boxes[heapq.heappop(ready)] if ready else next(b for b in rest if b not in number)
        if box in number:
            continue
        number[box] = len(number)
        for target in targets[box]:
            waits[target] -= 1
            if waits[target] == 0:
                heapq.heappush(ready, order[target])
    return number


def ranks(boxes: Sequence[str], links: Sequence[Link]) -> dict[str, int]:
    """The layer of each box, over links without cycles: the longest path to it, or later where its links get shorter.

    Only a box with more links onwards than back is moved on, so that the sum of lengths falls.
    """
    number = order_of_flow(boxes, links)
    before, after = neighbours(links)
    flow = sorted(boxes, key=number.__getitem__)
    rank: dict[str, int] = {}
    for box in flow:
        rank[box] = 1 + max((rank[source] for source in before.get(box, ())), default=-1)
    for box in reversed(flow):
        onwards = after.get(box, ())
        if len(onwards) > len(before.get(box, ())):
            rank[box] = min(rank[target] for target in onwards) - 1
    return rank


def neighbours(links: Iterable[Link]) -> tuple[Mapping[str, list[str]], Mapping[str, list[str]]]:
    """The sources of each target, and the targets of each source."""
    before: dict[str, list[str]] = defaultdict(list)
    after: dict[str, list[str]] = defaultdict(list)
    for source, target in links:
        before[target].append(source)
        after[source].append(target)
    return before, after
