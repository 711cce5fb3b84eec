"""Many spans of time in one row: side by side in lanes where they are few, else how many there were at once."""

from __future__ import annotations

from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def lanes(start: Numbers, end: Numbers) -> NDArray[np.int64]:
    """A lane for each span, so that none overlaps another in its lane; as few lanes as there are. O(n log n).

    What ends when another starts can share its lane.
    """
    found = np.zeros(len(start), dtype=np.int64)
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    count = 0
    for at in np.lexsort((end, start)).tolist():
        while busy and busy[0][0] <= start[at]:
            heappush(free, heappop(busy)[1])
        if not free:
            heappush(free, count)
            count += 1
        lane = heappop(free)
        found[at] = lane
        heappush(busy, (float(end[at]), lane))
    return found


def at_once(start: Numbers, end: Numbers, edges: Numbers) -> Numbers:
    """How many spans there were at once between each two edges, on average. O(n log n)."""
    passed = _passed(np.sort(start), edges) - _passed(np.sort(end), edges)
    return np.asarray(np.maximum(np.diff(passed) / np.diff(edges), 0.0))


def _passed(times: Numbers, edges: Numbers) -> Numbers:
    """The time that has passed at each edge since each of these moments, in all."""
    before = np.searchsorted(times, edges)
    return np.asarray(before * edges - np.append(0.0, np.cumsum(times))[before])
