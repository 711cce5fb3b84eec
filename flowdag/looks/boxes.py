"""How boxes look in the drawn graph: what they say, their colours, and the bar of a group's states.

Labels are plain text to the widget; the bar is an image of rectangles only, so nothing of Prefect's is ever markup.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pandas as pd

from flowdag.looks.states import Look, look
from flowdag.looks.words import clean, duration, fitting, percent

SIDES = 30.0  # pixels beside a name in its box: margins, borders and the sign
BAR_HEIGHT, BAR_MARGIN = 6.0, 10.0
GROUP_MARGIN = {"top": 7, "right": 4, "bottom": 1, "left": 4}
SELECTED = {False: "#5B4BD6", True: "#B3AAFF"}
# of containers: fill (links run beneath it), border, text
FRAME = {False: ("rgba(90,98,120,0.07)", "#AEB4C2", "#4C5261"), True: ("rgba(160,170,200,0.07)", "#4A5060", "#A8AEBD")}
# of what is dimmed: the same three
# what lies around a box on the critical path, and its links: ink, as all hues are taken
PATH = {False: "#111827", True: "#FFFFFF"}
ON_PATH = "◆"
FADED = {False: ("#F7F8FA", "#DFE2E8", "#A6ABB8"), True: ("#16191F", "#2B2F38", "#5F6675")}

Mix = Sequence[tuple[str, str, int]]


@dataclass(frozen=True)
class Paint:
    """How the boxes of a picture are told apart.

    selected: boxes with a mark. lit: boxes that are not dimmed, None for all. shades: looks by box, in place of those
    of their states. path: the boxes on the critical path, with their shares of the run.
    """

    dark: bool
    selected: Collection[str] = frozenset()
    lit: Collection[str] | None = None
    shades: Mapping[str, Look] = field(default_factory=dict)
    path: Mapping[str, float] = field(default_factory=dict)

    def dims(self, box: str) -> bool:
        """Whether a box is dimmed."""
        return self.lit is not None and box not in self.lit


def container(name: str, box: Mapping[str, Any], place: Mapping[str, float], paint: Paint) -> dict[str, Any]:
    """A subflow, or a task that called tasks: a frame behind what ran inside, its name at the top."""
    shown = look(box["state_type"], box["state_name"], dark=paint.dark)
    fill, border, text = FADED[paint.dark] if paint.dims(name) else FRAME[paint.dark]
    title = fitting(clean(box["label"]), place["width"] - SIDES, size=13)
    if shown.dashed or box["failures"]:
        border = shown.border
    return _placed(place) | {
        "label": f"{shown.sign} {title}\n{duration(box['run_s'])}{_share(name, paint)}",
        "color": {"background": fill, "border": SELECTED[paint.dark] if name in paint.selected else border},
        "font": {"color": text, "size": 13},
        "heightConstraint": {"minimum": place["height"] - 8, "valign": "top"},
        "borderWidth": 4 if name in paint.selected else 1.5,
        "shapeProperties": {"borderDashes": [5, 4] if shown.dashed else False, "borderRadius": 8},
    }


def task(name: str, box: Mapping[str, Any], place: Mapping[str, float], paint: Paint) -> dict[str, Any]:
    """A task run, a closed subflow, or a group: filled as most of it is, bordered as the worst of it."""
    worst = look(box["state_type"], box["state_name"], dark=paint.dark)
    most = look(*max(box["mix"], key=lambda state: state[2])[:2], dark=paint.dark)
    shade = paint.shades.get(name)
    fill, border, text = (shade or most).fill, (shade or worst).border, (shade or most).text
    if paint.dims(name):
        fill, border, text = FADED[paint.dark]
    title = fitting(clean(box["label"]), place["width"] - SIDES) or "(no name)"
    drawn = _placed(place) | {
        "label": f"{worst.sign} {title}\n{_figures(box, worst, _share(name, paint))}",
        "color": {"background": fill, "border": SELECTED[paint.dark] if name in paint.selected else border},
        "font": {"color": text},
        "borderWidth": 4 if name in paint.selected else 2,
        "shapeProperties": {"borderDashes": [5, 4] if worst.dashed else False, "borderRadius": 5},
    }
    if name in paint.path and not paint.dims(name):
        drawn["shadow"] = {"enabled": True, "color": PATH[paint.dark], "size": 9, "x": 0, "y": 0}
    if box["kind"] == "group":  # its bar takes the lower edge
        drawn |= {"heightConstraint": {"minimum": place["height"] - 12, "valign": "top"}, "margin": GROUP_MARGIN}
    return drawn


def _share(name: str, paint: Paint) -> str:
    """The share of a box on the path: "  ◆ 62 %"; nothing off it."""
    share = paint.path.get(name)
    return "" if share is None or paint.dims(name) else f"  {ON_PATH} {percent(share)}"


def _figures(box: Mapping[str, Any], worst: Look, share: str) -> str:
    """How many, how long, its share of the path; of what has not started, just that, or that it never will."""
    if box["kind"] == "group":
        return f"× {box['count']:,}{_remarkable(box['mix'], brief=bool(share))}{share}\n{_spread(box)}"
    if box["inside"]:
        failed = f"{box['inside_failures']:,} of " if box["inside_failures"] else ""
        return f"{failed}{box['inside']:,} {'failed' if failed else 'inside'}, {duration(box['run_s'])}{share}"
    if pd.isna(box["run_s"]):
        return ("never started" if box["state_name"] == "NotReady" else "not started") if worst.dashed else ""
    return ("cached, " if box["state_name"] == "Cached" else "") + duration(box["run_s"]) + share


def _remarkable(mix: Mix, *, brief: bool) -> str:
    """The worst state of a group if there is more to say than that all went well: ", 3 failed"; `brief`: ", 3 ✗"."""
    if {state for state, _, _ in mix} == {"COMPLETED"}:
        return ""
    state_type, state_name, _ = mix[0]
    worst = look(state_type, state_name)
    count = sum(n for kind, name, n in mix if look(kind, name).word == worst.word)
    return f", {'all' if len(mix) == 1 else f'{count:,}'} {worst.sign if brief else worst.word.lower()}"


def _spread(box: Mapping[str, Any]) -> str:
    """Median and longest run time of a group."""
    return "" if pd.isna(box["run_s"]) else f"{duration(box['run_s'])}, max {duration(box['max_s'])}"


def bar(box: Mapping[str, Any], place: Mapping[str, float], paint: Paint, name: str) -> dict[str, Any]:
    """The states of a group, as a bar along the lower edge of its box."""
    width = place["width"] - 2 * BAR_MARGIN
    shares = tuple((state_type, state_name, count) for state_type, state_name, count in box["mix"])
    return {
        "shape": "image",
        "image": _bar_image(shares, round(width), paint.dark, paint.dims(name)),
        "size": BAR_HEIGHT / 2,  # the widget takes half the shorter side
        "shapeProperties": {"interpolation": False},
        "x": round(place["x"], 1),
        "y": round(place["y"] + place["height"] / 2 - BAR_HEIGHT / 2 - 6, 1),
        "label": "",
    }


@lru_cache(maxsize=2000)
def _bar_image(mix: tuple[tuple[str, str, int], ...], width: int, dark: bool, dim: bool) -> str:
    rectangles = "".join(
        f'<rect x="{x:.2f}" width="{wide:.2f}" height="{BAR_HEIGHT}" fill="{colour}"/>'
        for x, wide, colour in segments(mix, width, dark)
    )
    size = f'width="{width * 4}" height="{BAR_HEIGHT * 4:.0f}" viewBox="0 0 {width} {BAR_HEIGHT:.0f}"'
    opacity = ' opacity="0.3"' if dim else ""
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><g{opacity}>{rectangles}</g></svg>'
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"


def segments(mix: Mix, width: int, dark: bool) -> Iterator[tuple[float, float, str]]:
    """(x, width, colour) of each state; what is rare is still 3 pixels wide, so that one failure of 1,000 is seen."""
    in_all = sum(count for _, _, count in mix)
    wide = [max(3.0, width * count / in_all) for _, _, count in mix]
    x = 0.0
    for (state_type, state_name, _), own in zip(mix, wide, strict=True):
        own *= width / sum(wide)
        yield x, own, look(state_type, state_name, dark=dark).border
        x += own


def _placed(place: Mapping[str, float]) -> dict[str, Any]:
    return {
        "x": round(place["x"], 1),
        "y": round(place["y"], 1),
        "widthConstraint": {"minimum": place["width"] - 8},
        "heightConstraint": {"minimum": place["height"] - 8},
    }
