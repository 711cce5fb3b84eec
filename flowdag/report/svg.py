"""Pieces of SVG. Everything that is not a number or a colour of ours is escaped here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from flowdag.looks.words import legal, text_width

FONT = "'Source Sans 3','Source Sans Pro',system-ui,sans-serif"
GROUND = {False: "#FFFFFF", True: "#10131A"}
GAP, ROW, SWATCH = 12.0, 22.0, 12.0  # of a legend, in pixels
RGBA = re.compile(r"rgba\((\d+),(\d+),(\d+),([\d.]+)\)")


@dataclass(frozen=True)
class Swatch:
    """What a colour means. thick: how much of the height it takes, 0 to 1."""

    word: str
    fill: str
    stroke: str
    thick: float = 1.0
    dashed: bool = False


def picture(
    width: float, height: float, pieces: Iterable[str], legend: Sequence[Swatch] = (), *, name: str, ink: str,
    ground: str,
) -> str:  # fmt: skip
    """A whole SVG file, in pixels, with a legend below the pieces; `name` is what a screen reader says."""
    width = max(width, *(GAP + _wide(one) for one in legend)) if legend else width
    below = list(_legend(legend, width, height, ink))
    height += ROW * len(below) + GAP / 2 if below else 0.0
    size = f'width="{number(width)}" height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT}">'
    behind = rect(0, 0, width, height, fill=ground)
    return f"{head}<title>{text(name)}</title>{behind}{''.join(pieces)}{''.join(below)}</svg>"


def _legend(legend: Sequence[Swatch], width: float, top: float, ink: str) -> Iterator[str]:
    """Row by row: as many as fit beside each other."""
    row: list[str] = []
    x, y = GAP, top + ROW / 2
    for one in legend:
        if row and x + _wide(one) > width:
            yield "".join(row)
            row, x, y = [], GAP, y + ROW
        height = max(2.0, SWATCH * one.thick)
        row.append(
            rect(
                x, y - height / 2, SWATCH, height, fill=one.fill, stroke=one.stroke,
                stroke_dasharray="3 2" if one.dashed else None,
            )
            + words(x + SWATCH + 6, y, one.word, font_size=12, fill=ink)
        )  # fmt: skip
        x += _wide(one)
    if row:
        yield "".join(row)


def _wide(one: Swatch) -> float:
    return SWATCH + 6 + text_width(one.word, 12) + 1.5 * GAP


def rect(x: float, y: float, width: float, height: float, *, title: str = "", **attributes: object) -> str:
    """A rectangle; `title` is shown where a mouse rests on it."""
    place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
    told = f"><title>{text(title)}</title></rect>" if title else "/>"
    return f"<rect {place}{_attributes(attributes)}{told}"


def path(d: str, **attributes: object) -> str:
    """A line, or a shape."""
    return f'<path d="{d}"{_attributes(attributes)}/>'


def words(x: float, y: float, said: str, **attributes: object) -> str:
    """A line of text, its middle at this height."""
    place = f'x="{number(x)}" y="{number(y)}" dominant-baseline="central"'
    return f"<text {place}{_attributes(attributes)}>{text(said)}</text>"


def text(said: str) -> str:
    """Text as XML has it: escaped, and without the characters that it cannot hold."""
    return escape(legal(said))


def number(value: float) -> str:
    """A number with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def _attributes(given: dict[str, object]) -> str:
    found = []
    for key, value in given.items():
        if value is None:
            continue
        said = number(value) if isinstance(value, float) else str(value)
        key = key.replace("_", "-")
        if colour := RGBA.fullmatch(said):  # many programs know no transparent colours
            found.append(f'{key}="#{int(colour[1]):02X}{int(colour[2]):02X}{int(colour[3]):02X}"')
            found.append(f'{key}-opacity="{colour[4]}"')
        else:
            found.append(f'{key}="{escape(said)}"')
    return "".join(f" {one}" for one in found)
