"""The drawn graph as an SVG file: the boxes, colours and lines of the page, without its widget."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from flowdag.analysis.grouping import Picture
from flowdag.analysis.layout import Layout
from flowdag.analysis.layout.layered import Point
from flowdag.analysis.path_picture import Pair
from flowdag.looks import boxes
from flowdag.looks.bars import INK
from flowdag.looks.boxes import BAR_HEIGHT, BAR_MARGIN, FADED, PATH, Paint, segments
from flowdag.looks.links import DASHES, LINE, PATH_WIDTH, WIDTH, Stroke, strokes
from flowdag.looks.states import Look
from flowdag.report import svg

MARGIN = 14.0
LINE_HEIGHT = 16.0
ROUND = 0.45  # of a curve: how far it goes on along the flow
ARROW, PATH_ARROW = (7.5, 3.2), (11.0, 5.0)  # length, half the width
RING = 3.5  # around a box on the path

Facts = Mapping[str, Any]


def graph_svg(
    picture: Picture, layout: Layout, paint: Paint, path: Collection[Pair], legend: Iterable[tuple[Look, str]], *,
    name: str,
) -> str:  # fmt: skip
    """The picture as the page shows it. `path`: the links of the critical path. `legend`: colours, with their words."""
    places: dict[Any, dict[str, float]] = layout.places.to_dict("index")  # type: ignore[assignment]
    corners = [
        (side * place["width"] / 2 + place["x"], side * place["height"] / 2 + place["y"])
        for place in places.values()
        for side in (-1, 1)
    ] + [point for points in layout.bends.values() for point in points]
    left, top = (min((corner[at] for corner in corners), default=0.0) - MARGIN for at in (0, 1))
    right, bottom = (max((corner[at] for corner in corners), default=0.0) + MARGIN for at in (0, 1))
    pieces = [*_links(picture, layout, places, paint, path), *_boxes(picture, places, paint)]
    moved = f'<g transform="translate({svg.number(-left)} {svg.number(-top)})">{"".join(pieces)}</g>'
    swatches = [svg.Swatch(words, shown.fill, shown.border, dashed=shown.dashed) for shown, words in legend]
    return svg.picture(
        right - left, bottom - top, [moved], swatches, name=name, ink=INK[paint.dark], ground=svg.GROUND[paint.dark]
    )


def _boxes(picture: Picture, places: Mapping[str, Facts], paint: Paint) -> Iterator[str]:
    """Containers come first: the places are in order of depth."""
    containers = set(picture.boxes["container"].dropna())
    facts: dict[Any, Facts] = picture.boxes.to_dict("index")  # type: ignore[assignment]
    for box, place in places.items():
        holds = box in containers
        drawn = (boxes.container if holds else boxes.task)(box, facts[box], place, paint)
        if "shadow" in drawn:
            yield _rect(place, RING, fill=PATH[paint.dark], rx=8)
        yield _rect(
            place, 0.0, fill=drawn["color"]["background"], stroke=drawn["color"]["border"],
            stroke_width=drawn["borderWidth"], stroke_dasharray=_dashes(drawn["shapeProperties"]["borderDashes"]),
            rx=drawn["shapeProperties"]["borderRadius"],
        )  # fmt: skip
        is_group = facts[box]["kind"] == "group"
        yield from _label(drawn, place, at_top=holds or is_group)
        if is_group and not holds:
            yield from _bar(facts[box], place, paint, dim=paint.dims(box))


def _rect(place: Facts, wider: float, **attributes: Any) -> str:
    width, height = place["width"] + 2 * wider, place["height"] + 2 * wider
    return svg.rect(place["x"] - width / 2, place["y"] - height / 2, width, height, **attributes)


def _label(drawn: Facts, place: Facts, *, at_top: bool) -> Iterator[str]:
    lines = [line for line in drawn["label"].split("\n") if line]
    height = LINE_HEIGHT * len(lines)
    y = place["y"] - place["height"] / 2 + 4 if at_top else place["y"] - height / 2
    for number, line in enumerate(lines):
        yield svg.words(
            place["x"], y + LINE_HEIGHT * (number + 0.5), line, text_anchor="middle", fill=drawn["font"]["color"],
            font_size=drawn["font"].get("size", 14) if number == 0 else 13,
        )  # fmt: skip


def _bar(fact: Facts, place: Facts, paint: Paint, *, dim: bool) -> Iterator[str]:
    """How many of a group are in which state."""
    width = place["width"] - 2 * BAR_MARGIN
    x, y = place["x"] - width / 2, place["y"] + place["height"] / 2 - BAR_HEIGHT - 6
    for begin, wide, colour in segments(fact["mix"], round(width), paint.dark):
        yield svg.rect(x + begin, y, wide, BAR_HEIGHT, fill=colour, opacity=0.3 if dim else None)


def _links(
    picture: Picture, layout: Layout, places: Mapping[str, Facts], paint: Paint, path: Collection[Pair]
) -> Iterator[str]:
    containers = set(picture.boxes["container"].dropna())
    along = 0 if layout.direction == "right" else 1
    for source, target, stroke in strokes(picture, paint, path):
        bends = layout.bends.get((source, target), ())
        begin, end = (_centre(places[box]) for box in (source, target))
        way = [begin, *bends, end]
        # a container's links have a bend on its border
        way = way[1:] if bends and source in containers else [_border(places[source], way[0], way[1], along), *way[1:]]
        way = (
            way[:-1]
            if bends and target in containers
            else [*way[:-1], _border(places[target], way[-1], way[-2], along)]
        )
        if len(way) > 1:
            yield _line(way, stroke, along, paint.dark)


def _centre(place: Facts) -> Point:
    return place["x"], place["y"]


def _border(place: Facts, at: Point, towards: Point, along: int) -> Point:
    """Where a link leaves a box: in the middle of the side that looks along the flow towards the next point."""
    half = place["width" if along == 0 else "height"] / 2
    moved = at[along] + (half if towards[along] >= at[along] else -half)
    return (moved, at[1]) if along == 0 else (at[0], moved)


def _line(way: Sequence[Point], stroke: Stroke, along: int, dark: bool) -> str:
    """Curves that leave and reach each point along the flow, and an arrow at the end."""
    colour = PATH[dark] if stroke.on_path else FADED[dark][1] if stroke.dim else LINE[dark]
    length, half = PATH_ARROW if stroke.on_path else ARROW
    tip, before = way[-1], way[-2]
    sign = 1 if tip[along] >= before[along] else -1
    foot = (tip[0] - sign * length, tip[1]) if along == 0 else (tip[0], tip[1] - sign * length)
    points = [*way[:-1], foot]
    d = f"M{_at(points[0])}" + "".join(_curve(a, b, along) for a, b in pairwise(points))
    sides = [(foot[0], foot[1] + side * half) if along == 0 else (foot[0] + side * half, foot[1]) for side in (-1, 1)]
    return svg.path(
        d, fill="none", stroke=colour, stroke_width=PATH_WIDTH if stroke.on_path else WIDTH,
        stroke_dasharray=_dashes(DASHES.get(stroke.kind)),
    ) + svg.path(f"M{_at(tip)}L{_at(sides[0])}L{_at(sides[1])}Z", fill=colour)  # fmt: skip


def _curve(a: Point, b: Point, along: int) -> str:
    if abs(a[1 - along] - b[1 - along]) < 0.5:
        return f"L{_at(b)}"
    reach = ROUND * (b[along] - a[along])
    first = (a[0] + reach, a[1]) if along == 0 else (a[0], a[1] + reach)
    last = (b[0] - reach, b[1]) if along == 0 else (b[0], b[1] - reach)
    return f"C{_at(first)} {_at(last)} {_at(b)}"


def _at(point: Point) -> str:
    return f"{svg.number(point[0])} {svg.number(point[1])}"


def _dashes(dashes: Sequence[int] | bool | None) -> str | None:
    return " ".join(map(str, dashes)) if isinstance(dashes, list) else None
