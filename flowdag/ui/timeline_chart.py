"""The picture of a timeline, as a Vega-Lite chart: places are given in pixels and seconds, names are data, no code.

A click tells the key of a task or group, and
dragging a stretch of the axis; neither the names nor the tooltips are ever markup or expressions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from flowdag.analysis.time_axis import TimeAxis
from flowdag.looks.bars import FAILED_SIGN, FAINT, INK, LINES, STRIPES, BarLook
from flowdag.looks.boxes import ON_PATH, SELECTED
from flowdag.looks.states import look
from flowdag.looks.timeline_dense import STRIP, many_marks, path_marks
from flowdag.looks.timeline_marks import (
    LABELS,
    TOP,
    Scene,
    bands,
    bar_looks,
    bars_in_sight,
    cut_words,
    failure_signs,
    frames,
    lane_marks,
    places,
    row_marks,
)
from flowdag.looks.words import moment
from flowdag.model import FlowRunGraph
from flowdag.ui.charts import Layer, in_plain

PICK, ZOOM = "pick", "zoom"
MARGIN, LEGIBLE = 16, 30  # pixels: right of the axis; of a name inside a bar, at least
MOST_NAMES = 60  # inside bars
TOOLTIP = [alt.Tooltip(f"{name}:N", title=title) for name, title in (
    ("name", "Name"), ("what", "What"), ("when", "When"), ("lasted", "Lasted"),
)]  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """The chart; the looks that are in it; whether many are drawn together, and whether anything is cut out."""

    chart: Layer
    looks: tuple[BarLook, ...]
    many: bool


def timeline_chart(graph: FlowRunGraph, scene: Scene) -> Drawn:
    """The rows in sight of a scene. It is as wide as what it is put into, and as high as its rows need."""
    labels = graph.nodes["label"]
    bars = bars_in_sight(scene)
    place = places(scene.shown, bars)
    height = max((one.top + one.height for one in place.values()), default=TOP) + 6
    scale = Scales(scene.axis, height)
    rows = row_marks(scene, place)
    lines, whole = path_marks(scene, place, labels)
    marks = pd.concat([lane_marks(scene, bars, place, labels), many_marks(scene, bars, place)], ignore_index=True)
    layers = [
        _stripes(rows, scale, scene.dark),
        *_bands(graph, scene, scale),
        *_times(scene.axis, scale, scene.dark),
        _rects(marks, scale),
        _rects(lines, scale, stroke=False),
        _rects(whole, scale),
        _inside(whole, scale),
        _signs(failure_signs(scene, bars, place), scale, scene.dark),
        _frames(frames(scene, bars, place), scale, scene.dark),
        _names(_with_path(rows), scale, scene.dark),
    ]
    chart = in_plain([layer for layer in layers if layer is not None], height)
    looks = tuple(dict.fromkeys(bar_looks(bars, scene)))
    return Drawn(chart, looks, any(one.lane_of is None for one in place.values()))


@dataclass(frozen=True)
class Scales:
    """The axis from where the names end to the right border; pixels from the top downwards."""

    axis: TimeAxis
    height: float

    def x(self, field: str) -> alt.X:
        """From left to right, by places on the axis."""
        wide = {"expr": f"width - {MARGIN}"}
        scale = alt.Scale(domain=[0, self.axis.width], range=[LABELS, wide], nice=False, zero=False)
        return alt.X(f"{field}:Q", scale=scale, axis=None)

    def y(self, field: str) -> alt.Y:
        """From top to bottom, by pixels."""
        scale = alt.Scale(domain=[0, self.height], range=[0, self.height], nice=False, zero=False)
        return alt.Y(f"{field}:Q", scale=scale, axis=None)


def _rects(marks: pd.DataFrame, scale: Scales, *, stroke: bool = True) -> Layer | None:
    if marks.empty:
        return None
    return (
        alt.Chart(marks.assign(said=marks["name"] + ": " + marks["what"] + ", " + marks["lasted"]))
        .mark_rect(strokeWidth=1 if stroke else 0, clip=True)
        .encode(
            x=scale.x("x"), x2="x1:Q", y=scale.y("y"), y2="y1:Q",
            fill=alt.Fill("fill:N", scale=None), stroke=alt.Stroke("stroke:N", scale=None),
            opacity=alt.Opacity("opacity:Q", scale=None), tooltip=TOOLTIP, description="said:N",
        )
    )  # fmt: skip


def _stripes(rows: pd.DataFrame, scale: Scales, dark: bool) -> Layer:
    """A stripe a row, to click on: every other one is shaded. What is dragged over them is zoomed to."""
    shade = np.where(rows["chosen"], STRIPES[dark], np.where(np.arange(len(rows)) % 2, STRIPES[dark], "transparent"))
    said = rows["name"] + ", row: " + rows["what"]
    data = rows.assign(begin=0.0, end=scale.axis.width, shade=shade, said=said)
    stripes = (
        alt.Chart(data)
        .mark_rect()
        .encode(
            x=scale.x("begin"), x2="end:Q", y=scale.y("y"), y2="y1:Q", fill=alt.Fill("shade:N", scale=None),
            description="said:N",
            tooltip=[alt.Tooltip("name:N", title="Name"), alt.Tooltip("what:N", title="In all")],
        )
    )  # fmt: skip
    pick = alt.selection_point(name=PICK, fields=["key"], toggle=False, empty=False)
    return stripes.add_params(pick, zoom())


def zoom() -> Any:
    """Dragging along the axis."""
    return alt.selection_interval(name=ZOOM, encodings=["x"], empty=False)


def _with_path(rows: pd.DataFrame) -> pd.DataFrame:
    """The name of what is above the rows, before theirs."""
    own = {"key": "", "text": f"Critical path {ON_PATH}", "x": 4.0, "y": STRIP[0], "y1": STRIP[1], "chosen": False}
    own |= {"name": "Critical path", "what": "What the run was waiting for at each moment"}
    return pd.concat([pd.DataFrame([own]), rows], ignore_index=True)


def _names(rows: pd.DataFrame, scale: Scales, dark: bool) -> Layer:
    data = rows.assign(middle=(rows["y"] + rows["y1"]) / 2, ink=np.where(rows["chosen"], SELECTED[dark], INK[dark]))
    return (
        alt.Chart(data)
        .mark_text(align="left", baseline="middle", fontSize=12)
        .encode(
            x=alt.X("x:Q", scale=None, axis=None), y=scale.y("middle"), text="text:N",
            color=alt.Color("ink:N", scale=None),
            tooltip=[alt.Tooltip("name:N", title="Name"), alt.Tooltip("what:N", title="In all")],
        )
    )  # fmt: skip


def _inside(whole: pd.DataFrame, scale: Scales) -> Layer | None:
    """The names inside what is long enough, as far as they fit: how wide the chart is, only the browser knows."""
    long = whole[whole["x1"] - whole["x"] > scale.axis.width / MOST_NAMES]
    if long.empty:
        return None
    room = f"((datum.x1 - datum.x) / {scale.axis.width!r} * (width - {LABELS + MARGIN}) - 8)"
    data = long.assign(centre=(long["x"] + long["x1"]) / 2, middle=(STRIP[0] + STRIP[1]) / 2)
    return (
        alt.Chart(data)
        .mark_text(
            baseline="middle", fontSize=11, clip=True,
            limit=alt.expr(f"max(1, {room})"), opacity=alt.expr(f"{room} > {LEGIBLE} ? 1 : 0"),
        )
        .encode(
            x=scale.x("centre"), y=scale.y("middle"), text="name:N", color=alt.Color("ink:N", scale=None),
            tooltip=TOOLTIP,
        )
    )  # fmt: skip


def _signs(signs: pd.DataFrame, scale: Scales, dark: bool) -> Layer | None:
    if signs.empty:
        return None
    colour = look("FAILED", dark=dark).border
    return (
        alt.Chart(signs.assign(text=FAILED_SIGN))
        .mark_text(align="left", dx=1, baseline="middle", fontSize=13, fontWeight="bold", color=colour, clip=True)
        .encode(x=scale.x("x"), y=scale.y("y"), text="text:N")
    )


def _frames(found: pd.DataFrame, scale: Scales, dark: bool) -> Layer | None:
    if found.empty:
        return None
    return (
        alt.Chart(found)
        .mark_rect(filled=False, stroke=SELECTED[dark], strokeWidth=2)
        .encode(x=scale.x("x"), x2="x1:Q", y=scale.y("y"), y2="y1:Q")
    )


def _bands(graph: FlowRunGraph, scene: Scene, scale: Scales) -> list[Layer]:
    """Behind the bars: when the run itself was paused or between two attempts, and what is cut out."""
    found = bands(graph, scene)
    if found.empty:
        return []
    told = [alt.Tooltip("name:N", title="What"), alt.Tooltip("lasted:N", title="Lasted")]
    band = (
        alt.Chart(found.assign(y=STRIP[1] + 4, y1=scale.height))
        .mark_rect(stroke=LINES[scene.dark], strokeDash=[3, 3])
        .encode(
            x=scale.x("x"), x2="x1:Q", y=scale.y("y"), y2="y1:Q", fill=alt.Fill("fill:N", scale=None), tooltip=told,
        )
    )  # fmt: skip
    return [band]


def _times(axis: TimeAxis, scale: Scales, dark: bool) -> list[Layer]:
    """Round moments at the top, and lines down from them; the length of what is cut out."""
    ticks = axis.ticks()
    data = pd.DataFrame({"x": axis.places(ticks), "text": [moment(tick) for tick in ticks]})
    cut = pd.DataFrame(cut_words(axis), columns=["x", "text"])
    data = pd.concat([data.assign(ink=FAINT[dark], y=9.0), cut.assign(ink=INK[dark], y=STRIP[0] - 4)])
    line = (
        alt.Chart(data[data["y"] == 9.0].assign(y=STRIP[1] + 3, y1=scale.height))
        .mark_rule(color=LINES[dark])
        .encode(x=scale.x("x"), y=scale.y("y"), y2="y1:Q")
    )
    words = (
        alt.Chart(data)
        .mark_text(baseline="middle", fontSize=11)
        .encode(x=scale.x("x"), y=scale.y("y"), text="text:N", color=alt.Color("ink:N", scale=None))
    )
    return [line, words]
