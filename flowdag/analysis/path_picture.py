"""The critical path in the picture of a run: which boxes it goes through, and along which links."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from flowdag.analysis.critical_path import CriticalPath
from flowdag.analysis.grouping import Picture, ancestors

Pair = tuple[str, str]


@dataclass(frozen=True)
class PathPicture:
    """shares: by box, its part (0 to 1) of the run on the path, with what ran inside; boxes it passes at all are there.

    links: pairs of boxes that the path goes along.
    """

    shares: Mapping[str, float]
    links: frozenset[Pair]


def with_path(shown: Picture, path: CriticalPath, *, extended: bool) -> tuple[Picture, PathPicture]:
    """The picture, and the path in it. extended: steps that only the order of the flow tells become links of it."""
    pairs = _steps(shown, path)
    if extended:
        known = set(zip(shown.links["source"], shown.links["target"], strict=True))
        added = _without_cycles(known, [pair for pair, kind in pairs.items() if kind == "order" and pair not in known])
        more = pd.DataFrame({"source": [s for s, _ in added], "target": [t for _, t in added]}, dtype="object")
        links = pd.concat([shown.links, more.assign(kind="order", plausible=True)]) if added else shown.links
        shown = replace(shown, links=links.sort_values(["source", "target"], ignore_index=True))
    drawn = set(zip(shown.links["source"], shown.links["target"], strict=True))
    return shown, PathPicture(_shares(shown, path), frozenset(pairs.keys() & drawn))


def _steps(shown: Picture, path: CriticalPath) -> dict[Pair, str]:
    """The steps of the path between different boxes that do not contain each other, with their kinds."""
    container_of = dict(zip(shown.boxes.index, shown.boxes["container"], strict=True))
    found: dict[Pair, str] = {}
    for source, target, kind in path.links.itertuples(index=False):
        pair = shown.box_of.get(source), shown.box_of.get(target)
        if pair[0] is None or pair[1] is None or pair[0] == pair[1]:
            continue
        if pair[0] not in ancestors(pair[1], container_of) and pair[1] not in ancestors(pair[0], container_of):
            found.setdefault((pair[0], pair[1]), str(kind))
    return found


def _without_cycles(known: Iterable[Pair], pairs: Iterable[Pair]) -> list[Pair]:
    """Those of the pairs that can be added, one after the other, without closing a cycle."""
    after: dict[str, set[str]] = {}
    for source, target in known:
        after.setdefault(source, set()).add(target)
    added = []
    for source, target in pairs:
        if not _leads(after, target, source):
            after.setdefault(source, set()).add(target)
            added.append((source, target))
    return added


def _leads(after: Mapping[str, set[str]], start: str, goal: str) -> bool:
    seen, front = {start}, [start]
    while front:
        at = front.pop()
        if at == goal:
            return True
        fresh = after.get(at, set()) - seen
        seen |= fresh
        front += fresh
    return False


def _shares(shown: Picture, path: CriticalPath) -> dict[str, float]:
    """By box, with what ran inside it, drawn or not."""
    container_of = dict(zip(shown.boxes.index, shown.boxes["container"], strict=True))
    tasks = path.tasks["share"]
    found: dict[str, float] = {}
    for node, share in tasks[tasks > 0].items():
        box = shown.box_of.get(str(node))
        for one in () if box is None else (box, *ancestors(box, container_of)):
            found[one] = found.get(one, 0.0) + float(share)
    return found
