"""The drawn graph: the one adapter around streamlit-agraph, and the only importer of it.

The seam is narrow: picture, layout, selected box and key in; the clicked box out, through a callback. What the widget
can do was tried in bench/agraph_probe.py, and decides the rest: it tells only of nodes that become selected, so drawn
ids are `id#epoch` and every click bumps the epoch; selection is painted by data; under one key the data may change and
zoom and place stay; there is no `title`, because the widget would run it as HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import orjson
import pandas as pd
import streamlit as st

from flowdag.analysis.grouping import Picture
from flowdag.analysis.layered import Point
from flowdag.analysis.layout import Direction, Layout
from flowdag.ui.text import clean, duration, shorten
from flowdag.ui.theme import Look, look

NAME_LENGTH = 18
CHARACTER = 7.2  # pixels a character takes, on average, at the size of a container's name
SELECTED = {False: "#5B4BD6", True: "#B3AAFF"}
LINE = {False: "#8A90A0", True: "#7C8394"}
# of containers: fill (links run beneath it), border, text
FRAME = {False: ("rgba(90,98,120,0.07)", "#AEB4C2", "#4C5261"), True: ("rgba(160,170,200,0.07)", "#4A5060", "#A8AEBD")}


def dag(
    picture: Picture,
    layout: Layout,
    selected: Collection[str],
    *,
    key: str,
    dark: bool,
    on_click: Callable[[str], None],
) -> None:
    """Draw the picture, boxes `selected` marked; `on_click` gets the id of a clicked box, before the script runs again.

    Zoom and place survive every change of data under the same `key`.
    """
    from streamlit_agraph import _agraph  # registers its frontend only if first imported in a script run

    epoch_key, drawn_key = f"{key}-epoch", f"{key}-drawn"
    epoch = st.session_state.setdefault(epoch_key, 0)

    def clicked() -> None:
        box, _, drawn_in = str(st.session_state[drawn_key] or "").rpartition("#")
        if drawn_in == str(st.session_state[epoch_key]) and box in picture.boxes.index:
            st.session_state[epoch_key] += 1
            on_click(box)

    data = {
        "nodes": list(_nodes(picture, layout, selected, epoch, dark)),
        "edges": list(_edges(picture, layout, epoch)),
    }
    _agraph(data=_json(data), config=_json(_options(layout.direction, dark)), key=drawn_key, on_change=clicked)


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
            "width": 1.2,
        },
    }


def _nodes(
    picture: Picture, layout: Layout, selected: Collection[str], epoch: int, dark: bool
) -> Iterator[dict[str, Any]]:
    """Containers first, so that what runs inside them lies on top; then the bends of links, which nobody sees."""
    containers = set(picture.boxes["container"].dropna())
    boxes: dict[Any, Any] = picture.boxes.to_dict("index")
    places: dict[Any, Any] = layout.places.to_dict("index")
    for box, place in places.items():
        drawn = _container if box in containers else _box
        yield drawn(boxes[box], place, box in selected, dark) | {"id": f"{box}#{epoch}"}
    for link, points in layout.bends.items():
        for number, (x, y) in enumerate(points):
            yield {"id": _bend(link, number, epoch), "x": x, "y": y, "shape": "dot", "size": 0, "label": ""}


def _bend(link: tuple[str, str], number: int, epoch: int) -> str:
    return f"{link[0]}>{link[1]}:{number}#bend{epoch}"


def _placed(place: Mapping[str, float]) -> dict[str, Any]:
    return {
        "x": round(place["x"], 1),
        "y": round(place["y"], 1),
        "widthConstraint": {"minimum": place["width"] - 8},
        "heightConstraint": {"minimum": place["height"] - 8},
    }


def _box(box: Mapping[str, Any], place: Mapping[str, float], selected: bool, dark: bool) -> dict[str, Any]:
    shown = look(box["state_type"], box["state_name"], dark=dark)
    return _placed(place) | {
        "label": _label(box, shown),
        "color": {"background": shown.fill, "border": SELECTED[dark] if selected else shown.border},
        "font": {"color": shown.text},
        "borderWidth": 4 if selected else (2 if box["kind"] == "task-run" else 3),
        "shapeProperties": {"borderDashes": [5, 4] if shown.dashed else False, "borderRadius": 5},
    }


def _label(box: Mapping[str, Any], shown: Look) -> str:
    """Two lines: sign and name; how long, or how many."""
    name = shorten(clean(box["label"]), NAME_LENGTH) or "(no name)"
    if box["kind"] == "group":
        failed = f", {box['failures']:,} failed" if box["failures"] else ""
        return f"{shown.sign} {name}\n× {box['count']:,}{failed}, median {duration(box['run_s'])}"
    if pd.isna(box["run_s"]):
        return f"{shown.sign} {name}\nnever started" if shown.dashed else f"{shown.sign} {name}"
    cached = "cached, " if box["state_name"] == "Cached" else ""
    return f"{shown.sign} {name}\n{cached}{duration(box['run_s'])}"


def _container(box: Mapping[str, Any], place: Mapping[str, float], selected: bool, dark: bool) -> dict[str, Any]:
    """A subflow, or a task that called tasks: a frame behind what ran inside, its name at the top."""
    shown = look(box["state_type"], box["state_name"], dark=dark)
    fill, border, text = FRAME[dark]
    after = f"  {duration(box['run_s'])}"
    name = shorten(clean(box["label"]), int(place["width"] / CHARACTER) - len(after) - 4)
    return _placed(place) | {
        "label": f"{shown.sign} {name}{after}",
        "color": {
            "background": fill,
            "border": SELECTED[dark] if selected else (shown.border if shown.dashed else border),
        },
        "font": {"color": text, "size": 13},
        "heightConstraint": {"minimum": place["height"] - 8, "valign": "top"},
        "borderWidth": 4 if selected else 1.5,
        "shapeProperties": {"borderDashes": [5, 4] if shown.dashed else False, "borderRadius": 8},
    }


def _edges(picture: Picture, layout: Layout, epoch: int) -> Iterator[dict[str, Any]]:
    """Each link, led through its bends; `wait_for` dotted, doubtful ones dashed."""
    for link in picture.links.itertuples(index=False):
        pair = (str(link.source), str(link.target))
        dashes: list[int] | bool = [9, 7] if not link.plausible else ([2, 5] if link.kind == "wait_for" else False)
        points = [f"{pair[0]}#{epoch}"]
        points += [_bend(pair, number, epoch) for number in range(len(_bends(layout, pair)))]
        points += [f"{pair[1]}#{epoch}"]
        for number in range(len(points) - 1):
            edge: dict[str, Any] = {
                "id": f"{pair[0]}>{pair[1]}:{number}",
                "from": points[number],
                "to": points[number + 1],
            }
            if dashes:
                edge["dashes"] = dashes
            if number == len(points) - 2:
                edge["arrows"] = {"to": {"enabled": True, "scaleFactor": 0.55}}
            yield edge


def _bends(layout: Layout, pair: tuple[str, str]) -> tuple[Point, ...]:
    return layout.bends.get(pair, ())
