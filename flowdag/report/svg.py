"""Pieces of SVG. Everything that is not a number or a colour of ours is escaped here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from flowdag.looks.words import legal

FONT = "'Source Sans 3','Source Sans Pro',system-ui,sans-serif"
GROUND = {False: "#FFFFFF", True: "#10131A"}
RGBA = re.compile(r"rgba\((\d+),(\d+),(\d+),([\d.]+)\)")


def picture(width: float, height: float, pieces: Iterable[str], *, name: str, ground: str | None = None) -> str:
    """A whole SVG file of this size, in pixels; `name` is what a screen reader says."""
    size = f'width="{number(width)}" height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}"'
    behind = rect(0, 0, width, height, fill=ground) if ground else ""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT}">'
    return f"{head}<title>{text(name)}</title>{behind}{''.join(pieces)}</svg>"


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
