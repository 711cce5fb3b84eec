"""What colours, lines and frames of the graph mean: only those that are in the picture."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import streamlit as st

from flowdag.analysis.grouping import Picture
from flowdag.analysis.shades import duration_classes, shared_classes, tag_classes
from flowdag.looks.boxes import ON_PATH
from flowdag.looks.legend import states
from flowdag.looks.states import Look
from flowdag.looks.words import html
from flowdag.ui.filters import Shade
from flowdag.ui.shading import Shading, by_duration, by_tag
from flowdag.ui.theme import is_dark


def legend(picture: Picture, colours: Iterable[tuple[Look, str]]) -> None:
    """The colours with their words; then lines and frames."""
    items = [_item(shown, words) for shown, words in colours]
    kinds = set(picture.links["kind"])
    items += ["<span>── passes data</span>"] if "data" in kinds else []
    items += ["<span>···· waits for</span>"] if "wait_for" in kinds else []
    items += ["<span>· · · after it, by the order of the flow</span>"] if "order" in kinds else []
    items += ["<span>– – doubtful link</span>"] if not picture.links["plausible"].all() else []
    items += ["<span>frame: ran inside</span>"] if picture.boxes["container"].notna().any() else []
    items += [f"<span><b>━ {ON_PATH} critical path</b>, with its share, waits included</span>"]
    st.html(f'<div class="fd-legend">{"".join(items)}</div>')


def shade(nodes: pd.DataFrame, picture: Picture, by: Shade) -> Shading:
    """The looks of the boxes by run time, by wait or by tag; none of its own where states make the colours."""
    if by == "state":
        return Shading({}, tuple(states(picture, dark=is_dark())))
    if by == "tag":
        box_of = {  # what is hidden in a box because it ran inside it has no say in its colour
            str(node): box
            for node, container in nodes["container"].items()
            if (box := picture.box_of.get(str(node))) and picture.box_of.get(container) != box
        }
        classes, tags = tag_classes(nodes["tags"])
        return by_tag(shared_classes(classes, box_of), tags, dark=is_dark())
    column = "run_s" if by == "duration" else "queue_s"
    classes, breaks = duration_classes(picture.boxes[column], among=nodes[column])
    return by_duration(classes, breaks, dark=is_dark())


def _item(shown: Look, words: str) -> str:
    style = f"background:{shown.fill};border-color:{shown.border}{';border-style:dashed' if shown.dashed else ''}"
    return f'<span><i style="{style}"></i>{html(words)}</span>'
