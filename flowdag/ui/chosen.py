"""Beside a picture of the run: the details of what is chosen in it, and whether that is usual."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flowdag.analysis.critical_path import CriticalPath
from flowdag.analysis.grouping import Picture
from flowdag.model import FlowRunGraph
from flowdag.ui import details, state
from flowdag.ui.usual import usual_details


@dataclass(frozen=True)
class Seen:
    """What is on the page: the graph of the chosen attempt, its picture, its critical path; the chosen node or group.

    attempt: None is all of them.
    """

    graph: FlowRunGraph
    picture: Picture
    path: CriticalPath
    selected: str | None
    attempt: int | None


def selected(graph: FlowRunGraph, picture: Picture) -> str | None:
    """The chosen node or group, if this run has it."""
    chosen = state.chosen("task")
    return chosen if chosen in graph.nodes.index or chosen in picture.members else None


def chosen_details(tenant_id: str, seen: Seen, choose: Callable[[str], None], *, follows: bool) -> None:
    """The run's where nothing is chosen; `choose` gets another task. `follows`: the page looks again by itself."""
    graph, picked = seen.graph, seen.selected
    if picked is None:
        place = details.run_details(graph)
    elif picked in graph.nodes.index:
        place = details.task_details(tenant_id, graph, seen.path, picked, choose, _leave)
    else:
        place = details.group_details(graph, seen.picture, seen.path, picked, _leave)
    members = None if picked is None else seen.picture.members.get(picked, (picked,))
    with place:
        usual_details(tenant_id, graph, seen.attempt, members, follows=follows)


def _leave() -> None:
    state.choose(task=None)
