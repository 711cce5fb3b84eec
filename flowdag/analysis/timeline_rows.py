"""The rows of a timeline: one a task run or one a group that plays the same part; contents below containers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import pandas as pd

from flowdag.analysis.grouping import Folding, Picture, depths, picture
from flowdag.analysis.matching import Filter, matching
from flowdag.model import FlowRunGraph

Sort = Literal["start", "duration", "wait", "path"]
COLUMNS: Final = ("label", "kind", "container", "depth", "count", "start", "run_s", "queue_s", "path_s")
BY: Final[Mapping[Sort, str]] = {"start": "start", "duration": "run_s", "wait": "queue_s", "path": "path_s"}


@dataclass(frozen=True)
class RowView:
    """How a viewer wants the rows: one a group or one a task, their order, what is opened, and what matches.

    hide: groups leave out what does not match, instead of dimming it; tasks always do.
    """

    by: Literal["groups", "tasks"] = "groups"
    sort: Sort = "start"
    folding: Folding = field(default_factory=Folding)
    wanted: Filter = field(default_factory=Filter)
    hide: bool = False


@dataclass(frozen=True)
class Rows:
    """The rows of a timeline.

    table: those of `rows`. own: node -> the row that draws its bars. row_of: node -> the row that shows it, also of
    what is hidden because it ran inside. lit: what matches (None: nothing was asked for). picture: the groups.
    """

    table: pd.DataFrame
    own: Mapping[str, str]
    row_of: Mapping[str, str]
    lit: frozenset[str] | None
    picture: Picture


def arranged(graph: FlowRunGraph, path_s: pd.Series, view: RowView) -> Rows:
    """The rows as a viewer wants them. `path_s`: seconds on the critical path by node."""
    lit = None if view.wanted.is_empty else frozenset(matching(graph.nodes, view.wanted))
    hides = view.hide or view.by == "tasks"
    groups = picture(graph, view.folding, kept=lit if view.hide else None)
    row_of = groups.box_of if view.by == "groups" else by_task(graph.nodes, view.folding.shut, lit)
    container = dict(zip(graph.nodes.index, graph.nodes["container"], strict=True))
    own = {node: row for node, row in row_of.items() if row != row_of.get(container[node])}
    return Rows(rows(graph, row_of, path_s, view.sort), own, row_of, None if hides else lit, groups)


def by_task(nodes: pd.DataFrame, shut: Collection[str] = (), kept: Collection[str] | None = None) -> dict[str, str]:
    """Node -> the row that shows it: itself, or the outermost of the containers around it that are shut.

    `kept`: only these nodes, and the containers around them.
    """
    container = dict(zip(nodes.index, nodes["container"], strict=True))
    depth = depths(container)
    row_of: dict[str, str] = {}
    for node in sorted(container, key=depth.__getitem__):
        around = container[node]
        hidden = isinstance(around, str) and around in row_of and (around in shut or row_of[around] != around)
        row_of[node] = row_of[around] if hidden else node
    if kept is None:
        return {node: row_of[node] for node in container}
    shown = set(kept)
    for node in kept:
        around = container[node]
        while isinstance(around, str) and around in container and around not in shown:
            shown.add(around)
            around = container[around]
    return {node: row_of[node] for node in container if node in shown}


def rows(graph: FlowRunGraph, row_of: Mapping[str, str], path_s: pd.Series, sort: Sort) -> pd.DataFrame:
    """One row a row of the timeline, from top to bottom: index its key (a node's id or a group's), columns `COLUMNS`.

    `row_of` is that of `by_task`, or a picture's `box_of`. `count` is of the row's own nodes, without what ran inside
    them; `run_s` and `queue_s` are their longest, `path_s` (by node, seconds on the critical path) is added up over all
    that the row shows. What lies in the same container is sorted: by start, or by what is largest; ties by start.
    """
    nodes = graph.nodes[graph.nodes.index.isin(row_of)] if len(row_of) < len(graph.nodes) else graph.nodes
    row = np.array([row_of[node] for node in nodes.index], dtype=object)
    around = np.array([row_of.get(c) if isinstance(c, str) else None for c in nodes["container"]], dtype=object)
    shown = row != around
    own, key = nodes[shown], row[shown]
    begun = own["start"].fillna(own["expected_start"])
    facts = pd.DataFrame(
        {
            "label": own["label"],
            "name": own["task_name"],
            "kind": own["kind"],
            "container": around[shown],
            "start": begun,
            "run_s": own["run_s"],
            "queue_s": own["queue_s"],
        }
    ).groupby(key, sort=False)
    found = facts.agg(
        {"label": "first", "kind": "first", "container": "first", "start": "min", "run_s": "max", "queue_s": "max"}
    )
    found["count"] = facts.size()
    groups = ~found.index.isin(nodes.index)
    if groups.any():
        names = facts["name"].unique()[found.index[groups]]
        found.loc[groups, "label"] = [" + ".join(map(str, several)) for several in names]
        found.loc[groups, "kind"] = "group"
    found["path_s"] = path_s.reindex(nodes.index).fillna(0.0).groupby(row).sum().reindex(found.index)
    inside = found["container"].where(found["container"].isin(found.index), None).astype("object")
    found["container"] = inside.where(inside.notna(), None)
    depth = depths(dict(zip(found.index, found["container"], strict=True)))
    found["depth"] = [depth[one] for one in found.index]
    return _nested(found.rename_axis("row"), sort)[list(COLUMNS)]


def _nested(found: pd.DataFrame, sort: Sort) -> pd.DataFrame:
    """Siblings in the order that is asked for, the contents of each right below it."""
    found = found.sort_values("start", kind="stable")
    if sort != "start":
        found = found.sort_values(BY[sort], kind="stable", ascending=False)
    contents: dict[str | None, list[str]] = {}
    for row, container in zip(found.index, found["container"], strict=True):
        contents.setdefault(container if isinstance(container, str) else None, []).append(row)
    order: list[str] = []
    stack = contents.get(None, [])[::-1]
    while stack:
        row = stack.pop()
        order.append(row)
        stack += contents.get(row, [])[::-1]
    return found.loc[order]
