"""What is drawn of a timeline where single bars would be too many: how many ran at once; and the critical path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from flowdag.analysis.lanes import at_once
from flowdag.looks.bars import FAINT, INK, of_part
from flowdag.looks.timeline_marks import BARS, DIMMED, NARROWEST, Place, Scene, on_axis, when
from flowdag.looks.words import clean, duration

CELLS, MOST_CELLS = 240, 6000  # stretches of time for which is told how many there were: in a row, in all
ABOVE, BELOW = 26.0, 12.0  # pixels: what runs, what waits
STRIP: Final = (24.0, 42.0)  # where the critical path is drawn as a whole
ON_THE_PATH: Final = {
    "run": "at work",
    "pending": "waiting for a free worker or a slot",
    "not_submitted": "not submitted yet, though its inputs were there",
    "retry": "pause before another try",
    "flow": "the flow’s own code",
    "earlier_attempt": "an earlier attempt of the flow",
    "paused": "paused",
}
WORK: Final = ("run", "flow")


def many_marks(scene: Scene, bars: pd.DataFrame, place: dict[str, Place]) -> pd.DataFrame:
    """How many ran (above a line) and waited (below it) at once, in rows of many: columns `BARS`."""
    rows = [row for row in scene.shown.index if place[row].lane_of is None]
    cells = int(np.clip(MOST_CELLS / max(1, len(rows)), 40, CELLS))
    of_row = bars.groupby("row", sort=False)
    found = [piece for row in rows for piece in _cells(scene, of_row.get_group(row), str(row), place[row], cells)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(BARS))


def _cells(scene: Scene, bars: pd.DataFrame, row: str, place: Place, cells: int) -> Iterator[pd.DataFrame]:
    edges = np.linspace(0, scene.axis.width, cells + 1)
    moments = scene.axis.moments(edges)
    parts = {"run": bars["part"] == "run", "queue": bars["part"].isin(("queue", "retry", "paused"))}
    counts = {
        part: at_once(bars.loc[of, "start_s"].to_numpy(), bars.loc[of, "end_s"].to_numpy(), moments).round(1)
        for part, of in parts.items()
    }
    states = bars.loc[parts["run"], "state_type"]
    line = place.top + 3 + ABOVE
    dims = scene.rows.lit is not None and not bars["node"].isin(scene.rows.lit).any()
    for part, count in counts.items():
        if not (most := count.max()):
            continue
        shown = of_part(part, states.mode()[0] if part == "run" else "", dark=scene.dark)
        first = np.flatnonzero(np.append(True, count[1:] != count[:-1]))
        last = np.append(first[1:], cells)
        kept = count[first] > 0
        first, last = first[kept], last[kept]
        tall = np.maximum(count[first] / most * (ABOVE if part == "run" else BELOW), 1.0)
        ran, waited = counts["run"][first], counts["queue"][first]
        yield pd.DataFrame(
            {
                "key": row,
                "x": edges[first],
                "x1": edges[last],
                "y": line - tall if part == "run" else line + 1,
                "y1": line if part == "run" else line + 1 + tall,
                "fill": shown.fill if part == "run" else shown.stroke,
                "stroke": shown.fill if part == "run" else shown.stroke,
                "opacity": DIMMED if dims else 1.0,
                "name": clean(scene.shown.at[row, "label"]),
                "what": [f"{_number(a)} ran, {_number(b)} waited" for a, b in zip(ran, waited, strict=True)],
                "when": when(scene.timeline.zero, scene.zone, moments[first], moments[last]),
                "lasted": [duration(each) for each in moments[last] - moments[first]],
            },
            columns=list(BARS),
        )


def _number(count: float) -> str:
    return f"{count:,.0f}" if count >= 10 or count == round(count) else f"{count:.1f}"


def path_marks(scene: Scene, place: dict[str, Place], labels: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The critical path: lines below the bars that it leads through, and as a whole at the top; columns `BARS`.

    The whole has the colour of its names too.
    """
    segments = _in_sight(scene)
    x, x1 = on_axis(scene.axis, segments["start_s"].to_numpy(), segments["end_s"].to_numpy())
    segments = segments.assign(x=x, x1=x1)
    return _lines(scene, segments, place, labels), _whole(scene, segments, labels)


def _in_sight(scene: Scene) -> pd.DataFrame:
    segments, axis = scene.path.segments, scene.axis
    zero = scene.timeline.zero
    times = {f"{edge}_s": (segments[edge] - zero).dt.total_seconds() for edge in ("start", "end")}
    segments = segments.assign(**times)
    return segments[(segments["end_s"] > axis.real[0]) & (segments["start_s"] < axis.real[-1])]


def _lines(scene: Scene, segments: pd.DataFrame, place: dict[str, Place], labels: pd.Series) -> pd.DataFrame:
    row = segments["node"].map(scene.rows.row_of)
    segments = segments.assign(row=row)[row.isin(scene.shown.index)]
    below = []
    for row_, node in zip(segments["row"], segments["node"], strict=True):
        top, height = place[row_].lane(node)
        below.append(top + height + 0.5)
    return _merged(scene, segments.assign(y=below, y1=np.array(below) + 2.5), labels, by=["y"])


def _whole(scene: Scene, segments: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    segments = segments.assign(y=STRIP[0], y1=STRIP[1])
    return _merged(scene, segments, labels, by=[])


def _merged(scene: Scene, segments: pd.DataFrame, labels: pd.Series, by: list[str]) -> pd.DataFrame:
    """The segments as marks; neighbours that could not be told apart by eye are one."""
    if segments.empty:
        return pd.DataFrame(columns=[*BARS, "ink"])
    segments = segments.sort_values([*by, "start_s"], kind="stable")
    row = segments["node"].map(scene.rows.row_of).astype("object").fillna("")
    work = segments["part"].isin(WORK)
    narrow = (segments["end_s"] - segments["start_s"]) < 2 * NARROWEST * (scene.axis.real[-1] - scene.axis.real[0])
    same = (row == row.shift()) & (work == work.shift()) & narrow & narrow.shift(fill_value=False)
    same &= (segments["x"] - segments["x1"].shift()).abs() <= 2 * NARROWEST * scene.axis.width
    for column in by:
        same &= segments[column] == segments[column].shift()
    groups = segments.assign(row=row, work=work).groupby((~same).cumsum().to_numpy(), sort=False)
    found = groups.agg(
        {"node": "first", "part": "first", "row": "first", "work": "first", "y": "first", "y1": "first",
         "x": "min", "x1": "max", "start_s": "min", "end_s": "max"}
    ).assign(tasks=groups.size())  # fmt: skip
    return _told(scene, found, labels)


def _told(scene: Scene, found: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    names = [_name(fact, labels) for fact in found.itertuples()]
    wait = of_part("queue", "", dark=scene.dark)
    ink = INK[scene.dark]
    solid = np.where(found["part"] == "flow", FAINT[scene.dark], ink)
    return pd.DataFrame(
        {
            "key": [fact.node if fact.tasks == 1 or not fact.row else fact.row for fact in found.itertuples()],
            **{name: found[name].to_numpy() for name in ("x", "x1", "y", "y1")},
            "fill": np.where(found["work"], solid, wait.fill),
            "stroke": np.where(found["work"], solid, wait.stroke),
            "opacity": 1.0,
            "name": names,
            "what": [f"Critical path: {ON_THE_PATH[part]}" for part in found["part"]],
            "when": when(scene.timeline.zero, scene.zone, found["start_s"].to_numpy(), found["end_s"].to_numpy()),
            "lasted": [duration(each) for each in (found["end_s"] - found["start_s"]).tolist()],
            "ink": np.where(found["work"], "#FFFFFF" if not scene.dark else "#14161C", ink),
        }
    )


def _name(fact: Any, labels: pd.Series) -> str:
    if fact.node is None or fact.node != fact.node:
        return ON_THE_PATH[fact.part]
    return clean(labels[fact.node]) if fact.tasks == 1 else f"{fact.tasks:,} tasks in turn"
