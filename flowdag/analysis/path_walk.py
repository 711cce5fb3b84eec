"""The way back from the end of a run to its start: at each moment, what the run was waiting for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from flowdag.analysis.blocking import ORDER, Blocking
from flowdag.analysis.flow_order import NONE
from flowdag.analysis.nesting import by_node
from flowdag.analysis.schedule import Schedule

RUN: Final = "run"
PENDING: Final = "pending"
NOT_SUBMITTED: Final = "not_submitted"
RETRY: Final = "retry"
FLOW: Final = "flow"
EARLIER_ATTEMPT: Final = "earlier_attempt"
PAUSED: Final = "paused"


class Rest(NamedTuple):
    """A stretch of time in which a node did not work, microseconds; `part` says why."""

    start: int
    end: int
    part: str


class Segment(NamedTuple):
    """A stretch of time on the path, microseconds. node: its place."""

    node: int
    part: str
    start: int
    end: int


class Step(NamedTuple):
    """From one node on the path to the next, by place. edge: its number, or `ORDER`."""

    source: int
    target: int
    edge: int


def walk_back(times: Schedule, blocks: Blocking, rests: Mapping[int, list[Rest]]) -> tuple[list[Segment], list[Step]]:
    """The segments and steps of the path, the first first. rests: by node, in order of time."""
    walk = _Walk(times, blocks, rests)
    node = walk.innermost(times.size)
    while node != NONE:
        node = walk.before(node)
    return walk.segments[::-1], walk.steps[::-1]


class _Walk:
    """Where the way back is: all after `now` is told. What is credited reaches up to `now`, so that nothing is left."""

    def __init__(self, times: Schedule, blocks: Blocking, rests: Mapping[int, list[Rest]]) -> None:
        self.start, self.created, self.end, self.container = (
            column.tolist() for column in (times.start, times.created, times.end, times.container)
        )
        self.is_flow, self.last_attempt = times.is_flow.tolist(), times.last_attempt.tolist()
        self.blocks = [column.tolist() for column in (blocks.source, blocks.at, blocks.edge)]
        self.rests = {node: list(found) for node, found in rests.items()}
        self.opens, self.children, self.ends = _by_end(times)
        self.contains = np.bincount(times.container[:-1], minlength=times.size + 1).tolist()
        self.skew, self.now = times.skew_us, self.end[-1]
        self.seen = bytearray(times.size + 1)
        self.segments: list[Segment] = []
        self.steps: list[Step] = []

    def innermost(self, node: int) -> int:
        """Go into what ended last inside, as deep as it goes; back to where that started."""
        while not self.seen[node]:
            self.seen[node] = True
            last = self._last_to_end(node)
            if last == NONE:
                break
            self._credit_own(node, self.end[last])
            node = last
        self._credit_own(node, self.last_attempt[node])
        self._credit_earlier(node)
        return node

    def before(self, node: int) -> int:
        """From the start of a node to that of what it waited for, or of what it lies in; -1 at the start of the run."""
        around = self.container[node]
        if around == NONE:
            return NONE
        source, at, edge = (column[node] for column in self.blocks)
        floor = self.last_attempt[around]
        if source == NONE or at <= floor or self.seen[source]:
            source, at, edge = NONE, floor, ORDER
        self._credit(node, PENDING, max(at, self.created[node]))
        if edge == ORDER:
            self._credit_own(around, at)
        else:
            self._credit(node, NOT_SUBMITTED, at, around)
        if source == NONE:
            self._credit_earlier(around)
            return int(around)
        self.steps.append(Step(source, node, edge))
        return self.innermost(source)

    def _last_to_end(self, node: int) -> int:
        """The last inside a node to end by now; where the node itself has just ended, the last of all."""
        low, high = self.opens[node], self.opens[node + 1]
        if self.now < self.end[node] - self.skew:
            high = bisect_right(self.ends, self.now, low, high)
        return NONE if high == low or self.seen[self.children[high - 1]] else self.children[high - 1]

    def _credit_own(self, node: int, since: int) -> None:
        self._credit(node, FLOW if self.is_flow[node] and self.contains[node] else RUN, since, node)

    def _credit_earlier(self, node: int) -> None:
        """What was before the last attempt of a flow run."""
        self._credit(node, EARLIER_ATTEMPT, self.start[node], node)

    def _credit(self, node: int, part: str, since: int, resting: int = NONE) -> None:
        """All since then until now, but for the rests of a node in it."""
        rests = self.rests.get(resting, [])
        while rests and rests[-1].end > since:
            rest = rests.pop()
            if rest.start < self.now:
                self._add(node, part, max(since, rest.end))
                self._add(resting, rest.part, max(since, rest.start))
                if rest.start < since:
                    rests.append(rest)
                    break
        self._add(node, part, since)

    def _add(self, node: int, part: str, since: int) -> None:
        if since >= self.now:
            return
        if self.segments and self.segments[-1][:3] == (node, part, self.now):
            self.segments[-1] = self.segments[-1]._replace(start=since)
        else:
            self.segments.append(Segment(node, part, since, self.now))
        self.now = since


def _by_end(times: Schedule) -> tuple[list[int], list[int], list[int]]:
    """What each node may have waited for inside it, in order of end; ties by start, what has not started first."""
    container = times.container[:-1]
    kept = (times.began & times.awaited)[:-1] & (times.start[:-1] >= times.last_attempt[container])
    inside = np.flatnonzero(kept | times.waiting[:-1])
    inside = inside[np.lexsort((inside, times.start[inside], times.began[inside], times.end[inside]))]
    opens, children = by_node(times.container[inside], inside, times.size + 1)
    return opens, children, times.end[children].tolist() if children else []
