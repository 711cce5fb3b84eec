"""Cycles: boxes that need each other in turn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable


def cycles(boxes: Iterable[str], links: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The strongly connected components of more than one box, each in the boxes' order; linear.

    Kosaraju's way (Sharir, 1981): finish times forth, then searches back in their reverse order.
    """
    after: dict[str, list[str]] = defaultdict(list)
    before: dict[str, list[str]] = defaultdict(list)
    for source, target in links:
        after[source].append(target)
        before[target].append(source)
    order = list(boxes)
    seen: set[str] = set()
    finished = [box for start in order for box in _finished_from(start, after, seen)]
    rank = {box: at for at, box in enumerate(order)}
    seen = set()
    found = [_finished_from(start, before, seen) for start in reversed(finished)]
    return [sorted(together, key=rank.__getitem__) for together in found if len(together) > 1]


def _finished_from(start: str, after: dict[str, list[str]], seen: set[str]) -> list[str]:
    """What a depth-first search from here reaches anew, in the order in which it is done with each."""
    if start in seen:
        return []
    seen.add(start)
    finished, path = [], [(start, iter(after.get(start, ())))]
    while path:
        box, rest = path[-1]
        new = next((child for child in rest if child not in seen), None)
        if new is None:
            finished.append(box)
            path.pop()
        else:
            seen.add(new)
            path.append((new, iter(after.get(new, ()))))
    return finished
