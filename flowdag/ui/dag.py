"""The drawn graph: the one adapter around streamlit-agraph, and the only importer of it.

The seam is narrow: picture, layout, paint and key in; the clicked box out, through a callback. What the widget
can do was tried in bench/agraph_probe.py, and decides the rest: it tells only of nodes that become selected, so drawn
ids are `id#epoch` and every click bumps the epoch; selection is painted by data; under one key the data may change and
zoom and place stay; there is no `title`, because the widget would run it as HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import pairwise
from typing import Any

import orjson
import streamlit as st

from flowdag.analysis.grouping import Picture
from flowdag.analysis.layout import Direction, Layout
from flowdag.analysis.layout.layered import Point
from flowdag.analysis.path_picture import Pair
from flowdag.looks import boxes
from flowdag.looks.boxes import Paint
from flowdag.looks.links import DASHES, LINE, PATH_WIDTH, WIDTH, Stroke, strokes

BAR = "%bar"  # what a group's bar of states has behind the group's id


def dag(
    picture: Picture, layout: Layout, paint: Paint, path: Collection[Pair] = (), *, key: str,
    on_click: Callable[[str], None],
) -> None:  # fmt: skip
    """Draw the picture; `on_click` gets the id of a clicked box, before the script runs again.

    path: the links of the critical path. Zoom and place survive every change of data under the same `key`.
    """
    from streamlit_agraph import _agraph  # registers its frontend only if first imported in a script run

    epoch_key, drawn_key = f"{key}-epoch", f"{key}-drawn"
    epoch = st.session_state.setdefault(epoch_key, 0)

    def clicked() -> None:
        box, _, drawn_in = str(st.session_state[drawn_key] or "").rpartition("#")
        box = box.removesuffix(BAR)
        if drawn_in == str(st.session_state[epoch_key]) and box in picture.boxes.index:
            st.session_state[epoch_key] += 1
            on_click(box)

    data = {
        "nodes": list(_nodes(picture, layout, paint, epoch)),
        "edges": list(_edges(picture, layout, paint, path, epoch)),
    }
    _agraph(data=_json(data), config=_json(_options(layout.direction, paint.dark)), key=drawn_key, on_change=clicked)


def _json(value: object) -> str:
    """The same bytes for the same value, so that nothing is sent twice."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY).decode()


def _options(direction: Direction, dark: bool) -> dict[str, Any]:
    flow = "horizontal" if direction == "right" else "vertical"
    return {
        "height": "calc(100vh - 0px)",  # of the frame, which the page's style sizes; vis passes on what names px
        "width": "100%",
        "autoResize": True,
        "physics": {"enabled": False},
        "layout": {"improvedLayout": False},
        "interaction": {"hover": False, "dragNodes": False, "keyboard": False, "selectConnectedEdges": False},
        "groups": {},
        "nodes": {
            "shape": "box",
            "font": {"size": 14, "face": "sans-serif", "multi": False},
            "shapeProperties": {"borderRadius": 5},
            "margin": 4,
            "chosen": False,
        },
        "edges": {
            "arrows": {"to": {"enabled": False}},
            "color": {"color": LINE[dark]},
            "smooth": {"enabled": True, "type": "cubicBezier", "forceDirection": flow, "roundness": 0.45},
            "chosen": False,
            "width": WIDTH,
        },
    }


def _nodes(picture: Picture, layout: Layout, paint: Paint, epoch: int) -> Iterator[dict[str, Any]]:
    """Containers first, so that what runs inside them lies on top; then the bends of links, which nobody sees."""
    containers = set(picture.boxes["container"].dropna())
    facts: dict[Any, Any] = picture.boxes.to_dict("index")
    places: dict[Any, Any] = layout.places.to_dict("index")
    for box, place in places.items():
        drawn = boxes.container if box in containers else boxes.task
        yield drawn(box, facts[box], place, paint) | {"id": f"{box}#{epoch}"}
        if facts[box]["kind"] == "group":
            yield boxes.bar(facts[box], place, paint, box) | {"id": f"{box}{BAR}#{epoch}"}
    for point in dict.fromkeys(point for points in layout.bends.values() for point in points):
        yield {"id": _bend(point, epoch), "x": point[0], "y": point[1], "shape": "dot", "size": 0, "label": ""}


def _bend(point: Point, epoch: int) -> str:
    """Links that pass the same point share it."""
    return f"{point[0]:.2f},{point[1]:.2f}#bend{epoch}"


def _edges(
    picture: Picture, layout: Layout, paint: Paint, path: Collection[Pair], epoch: int
) -> Iterator[dict[str, Any]]:
    """Each link, led through its bends; those of the path come last, and lie on top. Shared pieces come once."""
    containers = set(picture.boxes["container"].dropna())
    pieces: set[str] = set()
    for source, target, stroke in strokes(picture, paint, path):
        points = [_bend(point, epoch) for point in layout.bends.get((source, target), ())]
        # a container's links have a bend on its border
        begin = [] if source in containers and points else [f"{source}#{epoch}"]
        end = [] if target in containers and points else [f"{target}#{epoch}"]
        way = [*begin, *points, *end]
        for start, to in pairwise(way):
            last = to == way[-1]
            piece = f"{start}>{to}|{stroke.name}{'|arrow' if last else ''}"
            if piece not in pieces:
                pieces.add(piece)
                yield {"id": piece, "from": start, "to": to, **_style(stroke, last, paint.dark)}


def _style(stroke: Stroke, arrow: bool, dark: bool) -> dict[str, Any]:
    style: dict[str, Any] = {"dashes": DASHES[stroke.kind]} if stroke.kind in DASHES else {}
    if stroke.dim:
        style["color"] = {"color": boxes.FADED[dark][1]}
    if stroke.on_path:
        style |= {"color": {"color": boxes.PATH[dark]}, "width": PATH_WIDTH}
    if arrow:
        style["arrows"] = {"to": {"enabled": True, "scaleFactor": 0.55}}
    return style
