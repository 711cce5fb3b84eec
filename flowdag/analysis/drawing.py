"""What a viewer sees of a run's graph: which boxes, where, and which of them stand out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from flowdag.analysis.critical_path import CriticalPath
from flowdag.analysis.grouping import ALL, Folding, Picture, picture
from flowdag.analysis.layout import Direction, Layout, best_layout, layout
from flowdag.analysis.lineage import downstream, upstream
from flowdag.analysis.matching import Filter, matching
from flowdag.analysis.path_picture import PathPicture, with_path
from flowdag.model import FlowRunGraph

Way = Literal["up", "down", "both"]


@dataclass(frozen=True)
class Trace:
    """The lineage of a node, or of all members of a group: which way, and how many steps (None: all)."""

    start: str
    way: Way
    steps: int | None = None


@dataclass(frozen=True)
class View:
    """How a viewer looks at a run. direction: None is whichever fits. hide: what does not stand out is left out."""

    direction: Direction | None = None
    folding: Folding = field(default_factory=Folding)
    wanted: Filter = field(default_factory=Filter)
    trace: Trace | None = None
    hide: bool = False


@dataclass(frozen=True)
class Drawing:
    """The picture, where its boxes lie, the ids of the nodes that stand out (None: nothing was asked for), the path."""

    picture: Picture
    layout: Layout
    lit: frozenset[str] | None
    path: PathPicture


def draw(graph: FlowRunGraph, view: View, path: CriticalPath, before: Layout | None = None) -> Drawing:
    """Picture, layout and what stands out. `before`: the layout that is to be changed as little as possible."""
    shown = picture(graph, view.folding)
    lit = standing_out(graph, view, shown.members)
    if view.hide and lit is not None:
        shown = picture(graph, view.folding, kept=lit)
    shown, way = with_path(shown, path, extended=graph.run.is_over)  # while it goes on, the path may become another
    direction = view.direction or (before.direction if before else _best_direction(graph, view, shown, lit, path))
    kept = before if before and before.direction == direction else None
    return Drawing(shown, layout(shown, direction, kept), lit, way)


def _best_direction(
    graph: FlowRunGraph, view: View, shown: Picture, lit: frozenset[str] | None, path: CriticalPath
) -> Direction:
    """The one in which the folded picture fits better: it stays as groups are opened, unless all are at once."""
    folding = Folding(opened=(ALL,)) if ALL in view.folding.opened else Folding()
    if folding != view.folding:
        folded = picture(graph, folding, kept=lit if view.hide else None)
        shown, _ = with_path(folded, path, extended=graph.run.is_over)
    return best_layout(shown).direction


def standing_out(graph: FlowRunGraph, view: View, members: Mapping[str, Sequence[str]]) -> frozenset[str] | None:
    """The ids of the nodes that match the filter and lie on the trace; None where neither was asked for."""
    found = None if view.wanted.is_empty else frozenset(matching(graph.nodes, view.wanted))
    if view.trace is None:
        return found
    start = members.get(view.trace.start, (view.trace.start,))
    lineage: frozenset[str] = frozenset()
    for way, search in (("up", upstream), ("down", downstream)):
        if view.trace.way in (way, "both"):
            lineage |= search(graph.nodes, graph.edges, start, view.trace.steps)
    return lineage if found is None else found & lineage
