"""The pictures of a comparison: the steps from one duration to the other, and both runs aligned at their start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import altair as alt
import numpy as np
import pandas as pd

from flowdag.analysis.compare import Comparison
from flowdag.analysis.time_axis import time_axis
from flowdag.looks.bars import FAINT, INK, LINES
from flowdag.looks.states import look
from flowdag.looks.words import clean, duration, fitting
from flowdag.ui.charts import Layer, in_plain
from flowdag.ui.compare_words import signed, step_words

GROUND: Final = {False: "#FFFFFF", True: "#14161C"}  # of the page (.streamlit/config.toml)
LABELS, VALUES = 300, 96  # pixels: of the names on the left, of the figures on the right
STEP, BAR, LANE = 27.0, 15.0, 7.0  # heights: of a row, of a bar in it, of one of two bars
TOP: Final = 22.0
TICKS = 6
ROWS = 30  # of the aligned runs: more nobody compares by eye


def colours(*, dark: bool) -> dict[str, str]:
    """Of what made it longer and what shorter, of this run, and of the other: fill and border."""
    other = look("CANCELLED", dark=dark)
    return {
        "longer": look("FAILED", dark=dark).border,
        "shorter": look("RUNNING", dark=dark).border,
        "this": look("RUNNING", dark=dark).border,
        "other": other.fill,
        "other border": other.border,
    }


def waterfall(found: Comparison, steps: pd.DataFrame, other: str, so_far: str, *, dark: bool) -> Layer:
    """From the other duration (0) step by step to this run's: to the right what took longer, to the left what less.

    so_far: what to add to words if this run goes on.
    """
    colour = colours(dark=dark)
    diff = steps["diff_us"].to_numpy(dtype=np.int64)
    until = np.cumsum(diff)
    words = [step_words(step, found.tasks, so_far=so_far) for _, step in steps.iterrows()]
    rows = pd.DataFrame(
        {
            "from": (until - diff) / 1e6,
            "to": until / 1e6,
            "what": [clean(what) for what, _ in words],
            "remark": [remark for _, remark in words],
            "value": [signed(us / 1e6) for us in diff.tolist()],
            "colour": np.where(diff > 0, colour["longer"], colour["shorter"]),
            "sign": np.where(diff > 0, "triangle-right", "triangle-left"),
        }
    )
    whole = found.diff_us / 1e6
    last = pd.DataFrame([(0.0, whole, f"This run{so_far}", "", signed(whole), FAINT[dark], "")], columns=rows.columns)
    rows = pd.concat([rows, last], ignore_index=True)
    rows["name"] = [
        fitting(f"{what} ({remark})" if remark else what, LABELS - 16, 13)
        for what, remark in zip(rows["what"], rows["remark"], strict=True)
    ]
    rows["y"] = TOP + STEP * np.arange(len(rows)) + (STEP - BAR) / 2
    rows["y1"], rows["middle"] = rows["y"] + BAR, rows["y"] + BAR / 2
    rows.loc[rows.index[-1], ["y", "y1", "middle"]] += 6.0
    low, high = min(0.0, rows["to"].min()), max(0.0, rows["to"].max())
    scale = _Scales((low, high if high > low else low + 1.0), float(rows["y1"].max()) + 8.0)
    rows["right"] = rows[["from", "to"]].max(axis=1)
    bars = (
        alt.Chart(rows)
        .mark_rect()
        .encode(
            x=scale.x("from"), x2="to:Q", y=scale.y("y"), y2="y1:Q", fill=alt.Fill("colour:N", scale=None),
            tooltip=[alt.Tooltip("what:N", title="What"), alt.Tooltip("value:N", title="Difference")],
            description="what:N",
        )
    )  # fmt: skip
    tips = (
        alt.Chart(rows[rows["sign"] != ""])
        .mark_point(filled=True, size=70, opacity=1)
        .encode(
            x=scale.x("to"), y=scale.y("middle"), color=alt.Color("colour:N", scale=None),
            shape=alt.Shape("sign:N", scale=None),
        )
    )  # fmt: skip
    return in_plain(
        [
            _start(scale, f"0 = {duration(found.other_us / 1e6)}, {other}", dark=dark),
            _joints(rows, scale, dark=dark),
            bars,
            tips,
            *_values(rows, scale, dark=dark),
            _names(rows, scale, dark=dark),
        ],
        scale.height,
    )


class _Scales:
    """Seconds from left to right between names and figures; pixels from the top downwards."""

    def __init__(self, domain: tuple[float, float], height: float, right: int = VALUES) -> None:
        self.domain, self.height, self.right = domain, height, right

    def x(self, field: str) -> alt.X:
        """From left to right."""
        wide: Any = {"expr": f"width - {self.right}"}
        scale = alt.Scale(domain=list(self.domain), range=[LABELS, wide], nice=False, zero=False)
        return alt.X(f"{field}:Q", scale=scale, axis=None)

    def y(self, field: str) -> alt.Y:
        """From top to bottom."""
        scale = alt.Scale(domain=[0, self.height], range=[0, self.height], nice=False, zero=False)
        return alt.Y(f"{field}:Q", scale=scale, axis=None)


def _start(scale: _Scales, words: str, *, dark: bool) -> Layer:
    """A line where the other run's duration is, with its words on top."""
    data = pd.DataFrame({"x": [0.0], "y": [TOP - 4], "y1": [scale.height], "at": [9.0], "words": [words]})
    rule = (
        alt.Chart(data)
        .mark_rule(color=FAINT[dark], strokeDash=[3, 3])
        .encode(x=scale.x("x"), y=scale.y("y"), y2="y1:Q")
    )
    left = -scale.domain[0] > scale.domain[1]
    text = (
        alt.Chart(data)
        .mark_text(align="right" if left else "left", baseline="middle", fontSize=12, color=FAINT[dark])
        .encode(x=scale.x("x"), y=scale.y("at"), text="words:N")
    )
    return alt.layer(rule, text)


def _joints(rows: pd.DataFrame, scale: _Scales, *, dark: bool) -> Layer:
    """A line from the end of each step to the row below."""
    data = pd.DataFrame({"x": rows["to"][:-1], "y": rows["y1"][:-1], "y1": rows["y"].shift(-1)[:-1]})
    return alt.Chart(data).mark_rule(color=LINES[dark]).encode(x=scale.x("x"), y=scale.y("y"), y2="y1:Q")


def _names(rows: pd.DataFrame, scale: _Scales, *, dark: bool) -> Layer:
    data = rows.assign(left=4.0)
    return (
        alt.Chart(data)
        .mark_text(align="left", baseline="middle", fontSize=13, color=INK[dark])
        .encode(
            x=alt.X("left:Q", scale=None, axis=None), y=scale.y("middle"), text="name:N",
            tooltip=[alt.Tooltip("what:N", title="What")],
        )
    )  # fmt: skip


def _values(rows: pd.DataFrame, scale: _Scales, *, dark: bool) -> Iterator[Layer]:
    """Right of the bars; with a border in the colour of the page, as lines pass there."""
    for border in (GROUND[dark], None):
        mark: Any = {"stroke": border, "strokeWidth": 5} if border else {}
        yield (
            alt.Chart(rows)
            .mark_text(align="left", baseline="middle", fontSize=13, dx=12, color=INK[dark], **mark)
            .encode(x=scale.x("right"), y=scale.y("middle"), text="value:N")
        )


def side_by_side(found: Comparison, other: str, *, dark: bool) -> tuple[Layer, int]:
    """Both runs aligned at their start: two bars a row, from the first start to the last end.

    Of many rows those are shown whose time on the path differs most, then the longest; also told: how many are not.
    """
    tasks = found.tasks
    ran = tasks[tasks["start_s"].notna() | tasks["start_s_other"].notna()]
    long = (ran["end_s"] - ran["start_s"]).fillna(0).combine((ran["end_s_other"] - ran["start_s_other"]).fillna(0), max)
    worth = ran.assign(differs=ran["path_s_diff"].abs(), long=long)
    shown = ran.loc[worth.sort_values(["differs", "long"], ascending=False, kind="stable").index[:ROWS]]
    shown = ran[ran.index.isin(shown.index)]
    names = [
        ("\u2003" if inside else "") + fitting(clean(task), LABELS - 32, 13)
        for task, inside in zip(shown["task"], shown["inside"], strict=True)
    ]
    top = TOP + STEP * np.arange(len(shown)) + (STEP - 2 * LANE - 2) / 2
    rows = pd.DataFrame({"name": names, "what": [clean(task) for task in shown["task"]], "middle": top + LANE + 1})
    durations = found.this_us / 1e6, found.other_us / 1e6
    scale = _Scales((0.0, max(*durations, 1e-6)), TOP + STEP * len(shown) + 10.0, right=24)
    layers = [_grid(scale, dark=dark), _ends(scale, durations, dark=dark)]
    colour = colours(dark=dark)
    looks = {"": (colour["this"], colour["this"]), "_other": (colour["other"], colour["other border"])}
    for lane, (side, (fill, stroke)) in enumerate(looks.items()):
        whose = other if side else "this run"
        begin, end = shown[f"start_s{side}"].to_numpy(), shown[f"end_s{side}"].to_numpy()
        data = rows.assign(x=begin, x1=end, y=top + lane * (LANE + 2), y1=top + lane * (LANE + 2) + LANE, whose=whose)
        data["when"] = [f"{duration(one)} to {duration(two)}" for one, two in zip(begin, end, strict=True)]
        tooltip = [alt.Tooltip("what:N", title="Task"), alt.Tooltip("whose:N", title="Run")]
        tooltip += [alt.Tooltip("when:N", title="From its start")]
        bars = alt.Chart(data.dropna(subset=["x"])).mark_rect(fill=fill, stroke=stroke, strokeWidth=1)
        layers.append(bars.encode(x=scale.x("x"), x2="x1:Q", y=scale.y("y"), y2="y1:Q", tooltip=tooltip))
    layers.append(_names(rows, scale, dark=dark))
    return in_plain(layers, scale.height), len(ran) - len(shown)


def _grid(scale: _Scales, *, dark: bool) -> Layer:
    """Lines at round times since the start."""
    at = time_axis(0, scale.domain[1]).ticks(TICKS)
    words = [duration(one) if one else "0" for one in at]
    data = pd.DataFrame({"x": at, "y": TOP - 4, "y1": scale.height, "text": words})
    rules = alt.Chart(data).mark_rule(color=LINES[dark]).encode(x=scale.x("x"), y=scale.y("y"), y2="y1:Q")
    return alt.layer(
        rules,
        alt.Chart(data.assign(at=9.0))
        .mark_text(baseline="middle", fontSize=12, color=FAINT[dark])
        .encode(x=scale.x("x"), y=scale.y("at"), text="text:N"),
    )


def _ends(scale: _Scales, durations: tuple[float, float], *, dark: bool) -> Layer:
    """Where each run ended."""
    colour = colours(dark=dark)
    ends = {"x": durations, "y": TOP - 4, "y1": scale.height, "colour": [colour["this"], colour["other border"]]}
    data = pd.DataFrame(ends)
    return (
        alt.Chart(data)
        .mark_rule(strokeWidth=2)
        .encode(x=scale.x("x"), y=scale.y("y"), y2="y1:Q", color=alt.Color("colour:N", scale=None))
    )
