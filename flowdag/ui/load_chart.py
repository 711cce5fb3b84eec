"""How many tasks ran and how many waited over time, beneath a timeline and on the same axis."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any, Final

import altair as alt
import numpy as np
import pandas as pd

from flowdag.analysis.concurrency import COUNTED, between, most_between, peak
from flowdag.analysis.time_axis import TimeAxis
from flowdag.analysis.timeline import Timeline
from flowdag.looks.bars import FAINT, INK, LINES, of_part
from flowdag.looks.states import look
from flowdag.looks.timeline_marks import when
from flowdag.looks.words import moment
from flowdag.ui.charts import Layer, in_plain
from flowdag.ui.timeline_chart import Scales, zoom

CELLS: Final = 500
TALL: Final = {"running": 44.0, "waiting": 32.0}
GAP: Final = 10.0


def load_chart(timeline: Timeline, axis: TimeAxis, zone: tzinfo, *, dark: bool) -> Layer:
    """Two steps one above the other, each on a scale of its own, with the most at once marked."""
    edges = np.linspace(0, axis.width, CELLS + 1)
    moments = axis.moments(edges)
    times = pd.DatetimeIndex(timeline.zero + pd.to_timedelta(np.round(moments * 1e6), unit="us"))
    steps = between(timeline.steps, times[0], times[-1])
    told = when(timeline.zero, zone, moments[:-1], moments[1:])
    scale = Scales(axis, sum(TALL.values()) + 2 * GAP)
    counts = {name: most_between(timeline.steps, name, times) for name in COUNTED}
    layers: list[Layer] = []
    base = 0.0
    for name, tall in TALL.items():
        base += tall + GAP
        layers += _step(counts, name, (base, tall), edges, told, scale, dark)
        layers += _most(peak(steps, name), name, (base, tall), timeline, axis, scale, dark)
    ground = pd.DataFrame({"x": [0.0], "x1": [axis.width], "y": [0.0], "y1": [scale.height]})
    behind = alt.Chart(ground).mark_rect(fill="transparent").encode(
        x=scale.x("x"), x2="x1:Q", y=scale.y("y"), y2="y1:Q"
    )  # fmt: skip
    return in_plain([behind.add_params(zoom()), *layers], scale.height)


def _step(
    counts: dict[str, Any], name: str, row: tuple[float, float], edges: Any, told: list[str], scale: Scales, dark: bool
) -> list[Layer]:
    base, tall = row
    count = counts[name]
    if not count.max():
        return []
    first = np.flatnonzero(np.any([np.append(True, each[1:] != each[:-1]) for each in counts.values()], axis=0))
    last = np.append(first[1:], len(count))
    height = np.where(count[first] > 0, np.maximum(count[first] / count.max() * tall, 1.0), 0.0)
    data = pd.DataFrame(
        {
            "x": edges[first], "x1": edges[last], "y": base - height, "y1": base, "from": [told[at] for at in first],
            **{each: counts[each][first] for each in counts},
        }
    )  # fmt: skip
    shown = of_part("queue", "", dark=dark) if name == "waiting" else None
    fill = shown.stroke if shown else look("RUNNING", dark=dark).border
    steps = (
        alt.Chart(data[height > 0])
        .mark_rect(fill=fill, stroke=fill, strokeWidth=0.7)
        .encode(
            x=scale.x("x"), x2="x1:Q", y=scale.y("y"), y2="y1:Q",
            tooltip=[
                alt.Tooltip("running:Q", title="Running, at most", format=","),
                alt.Tooltip("waiting:Q", title="Waiting, at most", format=","),
                alt.Tooltip("from:N", title="When"),
            ],
        )
    )  # fmt: skip
    line = pd.DataFrame({"x": [0.0], "x1": [scale.axis.width], "y": [base]})
    ground = alt.Chart(line).mark_rule(color=LINES[dark]).encode(x=scale.x("x"), x2="x1:Q", y=scale.y("y"))
    return [ground, steps]


def _most(
    most: Any, name: str, row: tuple[float, float], timeline: Timeline, axis: TimeAxis, scale: Scales, dark: bool
) -> list[Layer]:
    """On the left what it is, and the most at once; a mark where that was."""
    base, tall = row
    at = (most.start - timeline.zero).total_seconds() if most else 0.0
    digits = max(1, 2 - int(np.floor(np.log10(axis.width))))  # so many as can be told apart on the axis
    words = [name.capitalize(), f"at most {most.count:,}, at {moment(round(at, digits))}" if most else "none"]
    names = pd.DataFrame(
        {"x": 4.0, "y": [base - tall + 8, base - tall + 23], "text": words, "ink": [INK[dark], FAINT[dark]]}
    )
    texts = (
        alt.Chart(names.assign(x=4.0))
        .mark_text(align="left", baseline="middle", fontSize=12)
        .encode(
            x=alt.X("x:Q", scale=None, axis=None), y=scale.y("y"), text="text:N", color=alt.Color("ink:N", scale=None)
        )
    )
    if not most:
        return [texts]
    mark = pd.DataFrame({"x": axis.places([at]), "y": [base - tall - 5]})
    point = (
        alt.Chart(mark)
        .mark_point(shape="triangle-down", filled=True, size=45, color=INK[dark], opacity=1)
        .encode(x=scale.x("x"), y=scale.y("y"))
    )
    return [texts, point]
