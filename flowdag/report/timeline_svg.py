"""The timeline of a run as an SVG file: the rows, bars and critical path of the page, with its remarks as titles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import pandas as pd

from flowdag.analysis.critical_path import CriticalPath
from flowdag.analysis.time_axis import TimeAxis, time_axis
from flowdag.analysis.timeline import timeline
from flowdag.analysis.timeline_rows import RowView, arranged
from flowdag.looks.bars import FAILED_SIGN, FAINT, INK, LINES, STRIPES
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
    in_sight,
    lane_marks,
    places,
    row_marks,
)
from flowdag.looks.words import fitting, moment
from flowdag.model import FlowRunGraph
from flowdag.report import svg

WIDTH, MARGIN = 1160.0, 16.0
MOST_ROWS = 60
LEGIBLE = 30.0  # pixels of a name inside a bar, at least


def whole_timeline(graph: FlowRunGraph, path: CriticalPath, zone: tzinfo, *, dark: bool) -> tuple[Scene, int]:
    """A row a group, the first `MOST_ROWS` in order of start, and how many there are; idle stretches are cut out.

    `zone`: of the times in it.
    """
    found = timeline(graph)
    rows = arranged(graph, path.tasks["path_s"], RowView())
    axis = time_axis(*found.span, found.idle)
    seen = in_sight(found, rows, found.span)
    return Scene(found, axis, rows, seen.iloc[:MOST_ROWS], path, frozenset(), zone, dark), len(seen)


def timeline_svg(graph: FlowRunGraph, scene: Scene) -> str:
    """The rows in sight of a scene, with what their looks mean below them."""
    height, pieces = _pieces(graph, scene)
    looks = sorted(dict.fromkeys(bar_looks(bars_in_sight(scene), scene)), key=lambda one: -one.thick)
    legend = [svg.Swatch(one.word, one.fill, one.stroke, thick=one.thick) for one in looks]
    return svg.picture(
        WIDTH, height, pieces, legend, name=f"Timeline of {graph.run.name}", ink=INK[scene.dark],
        ground=svg.GROUND[scene.dark],
    )  # fmt: skip


def _pieces(graph: FlowRunGraph, scene: Scene) -> tuple[float, list[str]]:
    labels = graph.nodes["label"]
    bars = bars_in_sight(scene)
    place = places(scene.shown, bars)
    height = max((one.top + one.height for one in place.values()), default=TOP) + 6
    rows = row_marks(scene, place)
    lines, whole = path_marks(scene, place, labels)
    scale = _Scale(scene.axis)
    chosen = frames(scene, bars, place)
    return height, [
        *_stripes(rows, scene.dark),
        *_bands(bands(graph, scene), scale, scene.dark, height),
        *_times(scale, scene.dark, height),
        *_rects(lane_marks(scene, bars, place, labels), scale),
        *_rects(many_marks(scene, bars, place), scale),
        *_rects(lines, scale),
        *_rects(whole, scale),
        *_inside(whole, scale),
        *_signs(failure_signs(scene, bars, place), scale, scene.dark),
        *(_frame(one, scale, scene.dark) for one in _each(chosen)),
        *_names(rows, scene.dark),
    ]


@dataclass(frozen=True)
class _Scale:
    axis: TimeAxis

    def x(self, place: float) -> float:
        """Pixels of a place on the axis."""
        inside = min(max(place, 0.0), self.axis.width)
        return float(LABELS + inside / self.axis.width * (WIDTH - LABELS - MARGIN))


def _stripes(rows: pd.DataFrame, dark: bool) -> Iterator[str]:
    for y, y1 in rows[["y", "y1"]].iloc[1::2].itertuples(index=False):
        yield svg.rect(0, y, WIDTH, y1 - y, fill=STRIPES[dark])


def _bands(found: pd.DataFrame, scale: _Scale, dark: bool, height: float) -> Iterator[str]:
    top = STRIP[1] + 4
    for band in _each(found):
        x, x1 = scale.x(band.x), scale.x(band.x1)
        yield svg.rect(
            x, top, x1 - x, height - top, fill=band.fill, stroke=LINES[dark], stroke_dasharray="3 3",
            title=f"{band.name}, {band.lasted}",
        )  # fmt: skip


def _times(scale: _Scale, dark: bool, height: float) -> Iterator[str]:
    ticks = scale.axis.ticks()
    for tick, place in zip(ticks, scale.axis.places(ticks), strict=True):
        x = scale.x(float(place))
        yield svg.path(f"M{svg.number(x)} {svg.number(STRIP[1] + 3)}V{svg.number(height)}", stroke=LINES[dark])
        yield svg.words(x, 9, moment(tick), font_size=11, text_anchor="middle", fill=FAINT[dark])
    for place, said in cut_words(scale.axis):
        x = scale.x(place)
        anchor = "end" if x > WIDTH - 4 * MARGIN else "middle"
        x = WIDTH - 2 if anchor == "end" else x
        yield svg.words(x, STRIP[0] - 7, said, font_size=11, text_anchor=anchor, fill=INK[dark])


def _rects(marks: pd.DataFrame, scale: _Scale) -> Iterator[str]:
    for mark in _each(marks):
        x, x1 = scale.x(mark.x), scale.x(mark.x1)
        yield svg.rect(
            x, mark.y, max(x1 - x, 1.0), mark.y1 - mark.y, fill=mark.fill, stroke=mark.stroke,
            opacity=mark.opacity if mark.opacity < 1 else None, title=f"{mark.name}: {mark.what}, {mark.lasted}",
        )  # fmt: skip


def _inside(whole: pd.DataFrame, scale: _Scale) -> Iterator[str]:
    """The names of the parts of the path, where they fit."""
    for mark in _each(whole):
        room = scale.x(mark.x1) - scale.x(mark.x) - 8
        if room > LEGIBLE:
            middle = (scale.x(mark.x) + scale.x(mark.x1)) / 2
            said = fitting(mark.name, room, size=11)
            yield svg.words(middle, sum(STRIP) / 2, said, font_size=11, text_anchor="middle", fill=mark.ink)


def _frame(one: Any, scale: _Scale, dark: bool) -> str:
    x, x1 = scale.x(one.x), scale.x(one.x1)
    return svg.rect(x, one.y, x1 - x, one.y1 - one.y, fill="none", stroke=SELECTED[dark], stroke_width=2)


def _signs(signs: pd.DataFrame, scale: _Scale, dark: bool) -> Iterator[str]:
    colour = look("FAILED", dark=dark).border
    for sign in _each(signs):
        yield svg.words(scale.x(sign.x) + 1, sign.y, FAILED_SIGN, font_size=13, font_weight="bold", fill=colour)


def _names(rows: pd.DataFrame, dark: bool) -> Iterator[str]:
    yield svg.words(4, sum(STRIP) / 2, f"Critical path {ON_PATH}", font_size=12, fill=INK[dark])
    for row in _each(rows):
        yield svg.words(row.x, (row.y + row.y1) / 2, row.text, font_size=12, fill=INK[dark])


def _each(marks: pd.DataFrame) -> Iterable[Any]:
    return marks.itertuples()
