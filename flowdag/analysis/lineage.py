"""Lineage: what a node needs, and what needs it.

A step goes along an edge. Containers are gone through without one, as they hold what ran inside them:

- who needs a container needs all that ran inside it, and what a container needs, all inside it needs;
- so an edge that reaches a container reaches its contents, and from any node the way goes on through the containers
  around it; but a container that was reached from inside does not lead to the other things inside.

The containers around what is found belong to the answer. An edge between a container and what ran inside it says no
more than that, and is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress

import numpy as np
import numpy.typing as npt
import pandas as pd

Numbers = npt.NDArray[np.intp]


def upstream(
    nodes: pd.DataFrame, edges: pd.DataFrame, start: Iterable[str], depth: int | None = None
) -> frozenset[str]:
    """The ids of `start` and of all that they need, at most `depth` steps away.

    nodes: index `id`, column container. edges: columns source and target; all of them are followed, of whatever kind.
    Ids that are not among the nodes are left out. Linear in nodes and edges.
    """
    return _reached(nodes, edges["target"], edges["source"], start, depth)


def downstream(
    nodes: pd.DataFrame, edges: pd.DataFrame, start: Iterable[str], depth: int | None = None
) -> frozenset[str]:
    """The ids of `start` and of all that need them, at most `depth` steps away; see `upstream`."""
    return _reached(nodes, edges["source"], edges["target"], start, depth)


def _reached(
    nodes: pd.DataFrame, tails: pd.Series, heads: pd.Series, start: Iterable[str], depth: int | None
) -> frozenset[str]:
    """All that is reached from `start`, from tails to heads: breadth first, one round a step."""
    ids = nodes.index.tolist()
    number = {node: at for at, node in enumerate(ids)}
    container, tail, head = (
        np.array([number.get(node, -1) for node in column.tolist()], dtype=np.intp)
        for column in (nodes["container"], tails, heads)
    )
    kept = (tail >= 0) & (head >= 0) & ~_nested(container, tail, head)
    begins, ahead = _adjacency(tail[kept], head[kept], len(ids))
    inner = np.flatnonzero(container >= 0)
    opens, contents = _adjacency(container[inner], inner, len(ids))
    around = container.tolist()

    whole, reached = bytearray(len(ids)), bytearray(len(ids))
    front = [number[node] for node in start if node in number]
    steps = 0
    while front:
        fresh: list[int] = []
        for node in _within(front, opens, contents, whole):
            while node >= 0 and not reached[node]:
                reached[node] = True
                fresh.append(node)
                node = around[node]
        if steps == depth:
            break
        front = [to for node in fresh for to in ahead[begins[node] : begins[node + 1]] if not whole[to]]
        steps += 1
    return frozenset(compress(ids, reached))


def _within(front: Iterable[int], opens: Sequence[int], contents: Sequence[int], whole: bytearray) -> list[int]:
    """The nodes of `front` and all that lies inside them, as far as they are not `whole` yet; marks them so."""
    found: list[int] = []
    left = list(front)
    while left:
        node = left.pop()
        if not whole[node]:
            whole[node] = True
            found.append(node)
            left += contents[opens[node] : opens[node + 1]]
    return found


def _adjacency(tail: Numbers, head: Numbers, count: int) -> tuple[list[int], list[int]]:
    """Compressed rows: the heads of tail `i` are `heads[begins[i]:begins[i + 1]]`."""
    begins = np.concatenate(([0], np.cumsum(np.bincount(tail, minlength=count))))
    return begins.tolist(), head[np.argsort(tail, kind="stable")].tolist()


def _nested(container: Numbers, tail: Numbers, head: Numbers) -> npt.NDArray[np.bool_]:
    """Whether one end of each edge lies inside the other, at any depth."""
    return _lies_inside(container, tail, head) | _lies_inside(container, head, tail)


def _lies_inside(container: Numbers, node: Numbers, other: Numbers) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(node), dtype=bool)
    left, around = np.arange(len(node)), node
    for _ in range(len(np.unique(container))):  # a chain of containers is no longer, unless it has no end (bad data)
        around = container[around]
        left, around = left[around >= 0], around[around >= 0]
        if not len(left):
            break
        found[left[around == other[left]]] = True
    return found
