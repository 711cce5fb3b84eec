"""What lies in what: nodes by place, their containers, and edges lifted to where both ends lie side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Places = NDArray[np.int64]


def containers(nodes: pd.DataFrame) -> Places:
    """Where the container of each node stands among the nodes; -1 for none."""
    return nodes.index.get_indexer(pd.Index(nodes["container"])).astype(np.int64)


def depths(container: Places) -> Places:
    """How many containers are around each node; chains of containers end."""
    depth = np.zeros_like(container)
    around = container
    while (inside := around >= 0).any():
        depth += inside
        around = np.where(inside, container[around], -1)
    return depth


def side_by_side(source: Places, target: Places, container: Places, depth: Places) -> tuple[Places, Places]:
    """Every edge lifted to where both its ends lie in the same container; from a node to itself where one is inside."""
    while (deeper := depth[source] > depth[target]).any():
        source = np.where(deeper, container[source], source)
    while (deeper := depth[target] > depth[source]).any():
        target = np.where(deeper, container[target], target)
    while (apart := container[source] != container[target]).any():
        source, target = np.where(apart, container[source], source), np.where(apart, container[target], target)
    return source, target


def between_siblings(source: Places, target: Places, container: Places, depth: Places) -> tuple[Places, Places]:
    """The edges lifted so; none from a node to itself."""
    source, target = side_by_side(source, target, container, depth)
    kept = source != target
    return source[kept], target[kept]


def by_node(of: Places, values: Places, size: int) -> tuple[list[int], list[int]]:
    """Compressed rows: the values of node `i` are `values[starts[i]:starts[i + 1]]`."""
    starts = np.concatenate(([0], np.cumsum(np.bincount(of, minlength=size))))
    return starts.tolist(), values[np.argsort(of, kind="stable")].tolist()
