"""A run's graph as boxes within boxes and links between them, for formats that tools draw."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from flowdag.analysis.critical_path import CriticalPath
from flowdag.analysis.grouping import ancestors, depths, picture
from flowdag.analysis.path_picture import with_path
from flowdag.looks.states import look
from flowdag.looks.words import clean, duration, shorten
from flowdag.model import FlowRunGraph

LONGEST = 80  # characters of a name


@dataclass(frozen=True)
class Box:
    """label: one line, free of control characters, but of others' making all the same: to be escaped."""

    id: str
    label: str
    state: str
    colours: tuple[str, str, str]  # fill, border, text


@dataclass(frozen=True)
class Link:
    """waits_only: no data passes. on_path: the critical path goes along it."""

    source: str
    target: str
    waits_only: bool
    on_path: bool


@dataclass(frozen=True)
class Diagram:
    """boxes: in order of start. container: of the boxes that lie in another, which. Links join no box with its own."""

    boxes: Mapping[str, Box]
    container: Mapping[str, str]
    links: tuple[Link, ...]


Step = tuple[Literal["open", "box", "close"], Box, int]


def outline(drawn: Diagram) -> Iterator[Step]:
    """The boxes from the outside in, with their depth: what holds others is opened before them, and closed after."""
    contents: dict[str | None, list[str]] = {}
    for box in drawn.boxes:
        contents.setdefault(drawn.container.get(box), []).append(box)
    left: list[tuple[str, str, int]] = [("box", box, 0) for box in reversed(contents.get(None, []))]
    while left:
        what, box, depth = left.pop()
        if what == "close":
            yield "close", drawn.boxes[box], depth
        elif box in contents:
            yield "open", drawn.boxes[box], depth
            left.append(("close", box, depth))
            left += [("box", inner, depth + 1) for inner in reversed(contents[box])]
        else:
            yield "box", drawn.boxes[box], depth


def whole(graph: FlowRunGraph, path: CriticalPath) -> Diagram:
    """A box a task run or subflow."""
    along = set(zip(path.links["source"], path.links["target"], strict=True))
    return _diagram(graph.nodes.assign(count=1), graph.edges, along)


def folded(graph: FlowRunGraph, path: CriticalPath) -> Diagram:
    """A box a group of those that play the same part."""
    shown, way = with_path(picture(graph), path, extended=False)
    return _diagram(shown.boxes, shown.links, way.links)


def _diagram(boxes: pd.DataFrame, links: pd.DataFrame, along: Collection[tuple[str, str]]) -> Diagram:
    facts: dict[Any, dict[str, Any]] = boxes.to_dict("index")  # type: ignore[assignment]
    told = {str(box): fact["container"] for box, fact in facts.items()}
    depth = depths(told)
    container = {box: str(around) for box, around in told.items() if around in depth and depth[box]}
    found = (
        Link(source, target, kind != "data", (source, target) in along)
        for source, target, kind in zip(links["source"], links["target"], links["kind"], strict=True)
    )
    apart = (
        link
        for link in found
        if link.source not in ancestors(link.target, container) and link.target not in ancestors(link.source, container)
    )
    return Diagram({str(box): _box(str(box), fact) for box, fact in facts.items()}, container, tuple(apart))


def _box(box: str, fact: Mapping[str, Any]) -> Box:
    shown = look(fact["state_type"], fact["state_name"])
    many = f" × {fact['count']:,}" if fact["count"] > 1 else ""
    took = f", {duration(fact['run_s'])}" if fact["run_s"] == fact["run_s"] else ""
    name = shorten(clean(fact["label"]).strip(), LONGEST) or "(no name)"
    return Box(box, f"{shown.sign} {name}{many}{took}", shown.word, (shown.fill, shown.border, shown.text))
