"""What is drawn of a timeline: its rows with their places, and the bars in them, as tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flowdag.analysis.critical_path import CriticalPath
from flowdag.analysis.lanes import lanes
from flowdag.analysis.time_axis import TimeAxis
from flowdag.analysis.timeline import Timeline
from flowdag.analysis.timeline_rows import Rows
from flowdag.looks.bars import CUT, BarLook, of_part
from flowdag.looks.boxes import ON_PATH
from flowdag.looks.states import look
from flowdag.looks.words import clean, duration, fitting
from flowdag.model import FAILURES, FlowRunGraph

LABELS: Final = 200.0  # pixels: the names on the left
TOP: Final = 48.0  # the times, and the critical path
INDENT, LANE, ROW, MANY = 12.0, 9.0, 20.0, 46.0
MOST_LANES, MOST_BARS = 8, 150  # in one row; of more only is drawn how many there were at once
NARROWEST = 0.002  # of the axis: what is shorter could not be seen
DIMMED = 0.25
MOST_SIGNS = 200
BARS: Final = ("key", "x", "x1", "y", "y1", "fill", "stroke", "opacity", "name", "what", "when", "lasted")
WHAT: Final = {
    "blocked": "Waited for what it needs",
    "queue": "Waited for a free worker or a slot",
    "run": "Ran",
    "retry": "Pause before another try",
    "paused": "Paused",
}


@dataclass(frozen=True)
class Scene:
    """What is to be drawn: the timeline, its axis, the rows that are in sight, and what is chosen."""

    timeline: Timeline
    axis: TimeAxis
    rows: Rows
    shown: pd.DataFrame
    path: CriticalPath
    chosen: frozenset[str]
    zone: tzinfo
    dark: bool


@dataclass(frozen=True)
class Place:
    """Where a row lies; `lane_of`: node -> lane, None where only is drawn how many there were at once."""

    top: float
    height: float
    lane_of: dict[str, int] | None

    def lane(self, node: str) -> tuple[float, float]:
        """Top and height of the bars of a node."""
        if self.lane_of is None or node not in self.lane_of:
            return self.top + 3, self.height - 8
        if len(self.lane_of) == 1:
            return self.top + 3, self.height - 8
        return self.top + 3 + self.lane_of[node] * LANE, LANE - 3


def in_sight(timeline: Timeline, rows: Rows, within: tuple[float, float]) -> pd.DataFrame:
    """The rows that have anything to draw between two moments (seconds from the run's start)."""
    bars = timeline.bars
    seen = bars.loc[(bars["end_s"] >= within[0]) & (bars["start_s"] <= within[1]), "node"].unique()
    return rows.table[rows.table.index.isin({rows.own[node] for node in seen if node in rows.own})]


def bars_in_sight(scene: Scene) -> pd.DataFrame:
    """The bars of the rows in sight, within the axis, with their row, and their places on the axis as x and x1."""
    bars, axis = scene.timeline.bars, scene.axis
    row = bars["node"].map(scene.rows.own)
    seen = (bars["end_s"] >= axis.real[0]) & (bars["start_s"] <= axis.real[-1]) & row.isin(scene.shown.index)
    found = bars[seen].assign(row=row[seen])
    x, x1 = on_axis(axis, found["start_s"].to_numpy(), found["end_s"].to_numpy())
    return found.assign(x=x, x1=x1)


def on_axis(
    axis: TimeAxis, start: NDArray[np.float64], end: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where spans begin and end on the axis; none is too narrow to be seen."""
    x = axis.places(np.clip(start, axis.real[0], axis.real[-1]))
    x1 = axis.places(np.clip(end, axis.real[0], axis.real[-1]))
    return x, np.maximum(x1, x + NARROWEST * axis.width)


def places(shown: pd.DataFrame, bars: pd.DataFrame) -> dict[str, Place]:
    """Where each row lies, from top to bottom: few bars at once lie in lanes."""
    of_row = bars.groupby("row", sort=False)
    spans = {row: of_row.get_group(row) for row in of_row.groups if shown.at[row, "kind"] == "group"}
    found, top = {}, TOP
    for row in shown.index:
        lane_of = _lanes(spans[row]) if row in spans else {str(row): 0}
        height = MANY if lane_of is None else max(ROW, LANE * (max(lane_of.values()) + 1) + 4)
        found[str(row)] = Place(top, height, lane_of)
        top += height
    return found


def _lanes(bars: pd.DataFrame) -> dict[str, int] | None:
    if bars["node"].nunique() > MOST_BARS:
        return None
    spans = bars.groupby("node", sort=False).agg({"x": "min", "x1": "max"})
    lane = lanes(spans["x"].to_numpy(), spans["x1"].to_numpy())
    return dict(zip(spans.index, lane.tolist(), strict=True)) if lane.max() < MOST_LANES else None


def row_marks(scene: Scene, place: dict[str, Place]) -> pd.DataFrame:
    """One row a row: key, its text at x (pixels), y to y1, whether it is chosen, and what is told of it."""
    shown = scene.shown
    opened = set(shown["container"].dropna())
    indent = np.minimum(shown["depth"].to_numpy(), 6) * INDENT + 4
    texts = [_text(str(row), fact, opened, LABELS - x) for (row, fact), x in zip(shown.iterrows(), indent, strict=True)]
    return pd.DataFrame(
        {
            "key": shown.index,
            "text": texts,
            "x": indent,
            "y": [place[row].top for row in shown.index],
            "y1": [place[row].top + place[row].height for row in shown.index],
            "chosen": shown.index.isin(scene.chosen | {scene.rows.own.get(one) for one in scene.chosen}),
            "name": [clean(label) for label in shown["label"]],
            "what": [_told(fact) for fact in shown.itertuples()],
        }
    ).astype({"text": "object", "name": "object", "what": "object"})  # also where no row is in sight


def _text(row: str, fact: pd.Series, opened: set[str], pixels: float) -> str:
    before = "▾ " if row in opened else ""
    after = f" ×{fact['count']:,}" if fact["count"] > 1 else ""
    after += f" {ON_PATH}" if fact["path_s"] > 0 else ""
    return before + fitting(clean(fact["label"]), pixels - 8 * len(before + after), size=12) + after


def _told(fact: object) -> str:
    count, longest, waited, path_s = (getattr(fact, name) for name in ("count", "run_s", "queue_s", "path_s"))
    longest_run = "longest run" if count > 1 else "ran"
    pieces = [f"{count:,} task runs" if count > 1 else "", f"{longest_run} {duration(longest)}"]
    pieces += [f"{'longest wait' if count > 1 else 'waited'} {duration(waited)}" if waited > 0 else ""]
    pieces += [f"{duration(path_s)} on the critical path" if path_s > 0 else ""]
    return ", ".join(piece for piece in pieces if piece)


def lane_marks(scene: Scene, bars: pd.DataFrame, place: dict[str, Place], labels: pd.Series) -> pd.DataFrame:
    """The bars that are drawn one by one: columns `BARS`."""
    single = np.array([place[row].lane_of is not None for row in bars["row"]], dtype=bool)
    bars = bars[single]
    lane = np.array([place[row].lane(node) for row, node in zip(bars["row"], bars["node"], strict=True)])
    lane = lane.reshape(-1, 2)
    looks = bar_looks(bars, scene)
    thick = np.array([shown.thick for shown in looks])
    top = lane[:, 0] + lane[:, 1] * (1 - thick) / 2
    lit = scene.rows.lit
    return pd.DataFrame(
        {
            "key": bars["node"].to_numpy(),
            "x": bars["x"].to_numpy(),
            "x1": bars["x1"].to_numpy(),
            "y": top,
            "y1": top + np.maximum(lane[:, 1] * thick, 1.5),
            "fill": [shown.fill for shown in looks],
            "stroke": [shown.stroke for shown in looks],
            "opacity": 1.0 if lit is None else np.where(bars["node"].isin(lit), 1.0, DIMMED),
            "name": labels.reindex(bars["node"]).map(clean).to_numpy(),
            "what": _what(bars),
            "when": when(scene.timeline.zero, scene.zone, bars["start_s"].to_numpy(), bars["end_s"].to_numpy()),
            "lasted": [duration(each) for each in (bars["end_s"] - bars["start_s"]).tolist()],
        },
        columns=list(BARS),
    )


def bar_looks(bars: pd.DataFrame, scene: Scene) -> list[BarLook]:
    """The look of each bar. What holds others in rows of their own stands back behind them."""
    holds = bars["node"].isin(scene.shown["container"].dropna())
    kinds = list(zip(bars["part"], bars["state_type"], holds, strict=True))
    looks = {kind: of_part(*kind[:2], dark=scene.dark, holds=kind[2]) for kind in dict.fromkeys(kinds)}
    return [looks[kind] for kind in kinds]


def _what(bars: pd.DataFrame) -> list[str]:
    """What a bar is, in words: "Ran, try 2, failed"."""
    again = set(bars.loc[bars["try"] > 1, "node"])
    return [
        WHAT[part]
        + (f", try {number}" if part == "run" and node in again else "")
        + (f", {state.lower()}" if part == "run" else "")
        for node, part, number, state in zip(bars["node"], bars["part"], bars["try"], bars["state_type"], strict=True)
    ]


def when(zero: pd.Timestamp, zone: tzinfo, start: NDArray[np.float64], end: NDArray[np.float64]) -> list[str]:
    """From when to when, by the viewer's clock, and how long after the run's start."""
    begin, until = ((zero + pd.to_timedelta(np.round(each * 1e6), unit="us")).tz_convert(zone) for each in (start, end))
    clocks = zip(begin.strftime("%H:%M:%S"), until.strftime("%H:%M:%S"), start.tolist(), strict=True)
    return [f"{a} to {b} ({duration(max(0.0, after))} after the start)" for a, b, after in clocks]


def failure_signs(scene: Scene, bars: pd.DataFrame, place: dict[str, Place]) -> pd.DataFrame:
    """A sign at the end of each failed try; where many are drawn together, one a place on the axis: x, y, key."""
    within = bars["end_s"] <= scene.axis.real[-1]
    failed = bars[(bars["part"] == "run") & bars["state_type"].isin(FAILURES) & within]
    middle = []
    for row, node in zip(failed["row"], failed["node"], strict=True):
        top, height = place[row].lane(node)
        middle.append(top + (height / 2 if place[row].lane_of is not None else 4))
    found = pd.DataFrame({"key": failed["node"].to_numpy(), "x": failed["x1"].to_numpy(), "y": middle})
    near = found["x"] if len(found) <= MOST_SIGNS else (found["x"] / scene.axis.width * MOST_SIGNS).round()
    return found[~pd.DataFrame({"x": near, "y": found["y"]}).duplicated()]


def frames(scene: Scene, bars: pd.DataFrame, place: dict[str, Place]) -> pd.DataFrame:
    """Around what is chosen: a row, or the bars of a task within one: x, x1, y, y1."""
    found = []
    for key in scene.chosen:
        if key in place:
            one = place[key]
            found.append((0.0, scene.axis.width, one.top + 0.5, one.top + one.height - 0.5))
    inside = bars["node"].isin(scene.chosen - place.keys()) & ~bars["row"].isin(scene.chosen)
    own = bars[inside].groupby("node").agg({"x": "min", "x1": "max", "row": "first"})
    for node, x, x1, row in own.itertuples():
        top, height = place[row].lane(node)
        found.append((x, x1, top - 1.5, top + height + 1.5))
    return pd.DataFrame(found, columns=["x", "x1", "y", "y1"])


def bands(graph: FlowRunGraph, scene: Scene) -> pd.DataFrame:
    """When the run itself was paused or between two attempts, and what is cut out: x, x1, fill, name, lasted."""
    states = graph.states[graph.states["flow_run_id"] == graph.run.id]
    rests = states[(states["attempt"] == 0) | (states["state_type"] == "PAUSED")]
    zero, axis = scene.timeline.zero, scene.axis
    found: list[tuple[Any, ...]] = []
    for kind, start, end in zip(rests["state_type"], rests["start"], rests["end"].fillna(graph.as_of), strict=True):
        paused = kind == "PAUSED"
        shown = look("PAUSED" if paused else "SCHEDULED", "" if paused else "AwaitingRetry", dark=scene.dark)
        a, b = np.clip([(start - zero).total_seconds(), (end - zero).total_seconds()], axis.real[0], axis.real[-1])
        words = "Run paused" if paused else "Between attempts"
        found.append((*axis.places([a, b]), shown.fill, words, duration((end - start).total_seconds())))
    cuts = [
        (*axis.places(cut), CUT[scene.dark], "No task ran: cut out", duration(cut[1] - cut[0])) for cut in axis.cuts
    ]
    told = pd.DataFrame([*cuts, *found], columns=["x", "x1", "fill", "name", "lasted"])
    return told[told["x1"] > told["x"]]


def cut_words(axis: TimeAxis) -> list[tuple[float, str]]:
    """What stands above the cuts of an axis, and where; how long they are, where there is room for it."""
    at = [float(axis.places(a)) for a, _ in axis.cuts]
    roomy = [now - before > 0.12 * axis.width for before, now in pairwise([-axis.width, *at])]
    return [
        (float(axis.places((a + b) / 2)), f"⋯ {duration(b - a)}" if room else "⋯")
        for (a, b), room in zip(axis.cuts, roomy, strict=True)
    ]
