"""Colours for classes of durations and of tags, in light and dark, for colour-blind eyes too.

Durations go from pale to dark (in the dark: from dark to bright) and from yellow to blue, after cividis (Nuñez and
others, 2018): lightness alone tells them apart. Tags get tints of the colours of Okabe and Ito.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from flowdag.looks.states import Look
from flowdag.looks.words import clean, shorten

Colours = tuple[str, str, str]  # fill, border, text

DURATIONS: Mapping[bool, Sequence[Colours]] = {
    False: (
        ("#FFF7D1", "#9A8A3C", "#1B2030"),
        ("#EBDA84", "#8A7A2E", "#1B2030"),
        ("#B9AE74", "#6E6536", "#1B2030"),
        ("#5B6A8C", "#3B4868", "#FFFFFF"),
        ("#12305F", "#0A1D3B", "#FFFFFF"),
    ),
    True: (
        ("#1B3157", "#6480B5", "#FFFFFF"),
        ("#48587F", "#8798C0", "#FFFFFF"),
        ("#6C7182", "#B0B5C6", "#FFFFFF"),
        ("#BDB06D", "#E3D894", "#1B2030"),
        ("#FBE64D", "#FFF5B0", "#1B2030"),
    ),
}
TAGS: Mapping[bool, Sequence[Colours]] = {
    False: (
        ("#89CBF0", "#2F6380", "#1B2030"),
        ("#EEBC4C", "#7F5700", "#1B2030"),
        ("#4CBB9D", "#00573F", "#1B2030"),
        ("#F4EC7B", "#847D24", "#1B2030"),
        ("#DBA1C1", "#70435C", "#1B2030"),
        ("#E28E4C", "#753400", "#1B2030"),
        ("#4C9CC9", "#003F62", "#1B2030"),
    ),
    True: (
        ("#386D8D", "#56B4E9", "#FFFFFF"),
        ("#88610D", "#E69F00", "#FFFFFF"),
        ("#09614C", "#009E73", "#FFFFFF"),
        ("#8D8731", "#F0E442", "#10131A"),
        ("#794C68", "#CC79A7", "#FFFFFF"),
        ("#7E3E0D", "#D55E00", "#FFFFFF"),
        ("#09496E", "#3D8FC4", "#FFFFFF"),
    ),
}
NONE: Mapping[bool, Colours] = {False: ("#FFFFFF", "#858B99", "#4C5261"), True: ("#191C23", "#8D94A5", "#BDC3D0")}
NAME_LENGTH = 28


@dataclass(frozen=True)
class Shading:
    """Looks in place of those of states: by box, and of every class that a box is in, with its meaning."""

    looks: Mapping[str, Look]
    legend: tuple[tuple[Look, str], ...]


def by_duration(classes: pd.Series, breaks: Sequence[float], *, dark: bool) -> Shading:
    """Colours by class of duration (`analysis.shades.duration_classes`), index box; -1 is what has none."""
    return _shading(classes, DURATIONS[dark], lambda number: _between(breaks, number), "not started", dark)


def by_tag(classes: pd.Series, tags: Sequence[str], *, dark: bool) -> Shading:
    """Colours by class of tag (`analysis.shades.tag_classes`, at most seven), index box."""
    none = "no tag" if len(tags) < len(TAGS[dark]) else "another tag, or none"
    return _shading(classes, TAGS[dark], lambda number: shorten(clean(tags[number]), NAME_LENGTH), none, dark)


def _shading(
    classes: pd.Series, colours: Sequence[Colours], words: Callable[[int], str], none: str, dark: bool
) -> Shading:
    present = sorted({int(number) for number in classes}, key=lambda number: (number < 0, number))
    looks = {
        number: Look(words(number), "", *colours[number]) if number >= 0 else Look(none, "", *NONE[dark])
        for number in present
    }
    return Shading(
        {str(box): looks[number] for box, number in classes.items()},
        tuple((shown, shown.word) for shown in looks.values()),
    )


def _between(breaks: Sequence[float], number: int) -> str:
    """A class of durations in words: "under 1 s", "1 s to 5 s", "over 5 min"."""
    if number == 0:
        return f"under {_step(breaks[0])}"
    if number == len(breaks):
        return f"over {_step(breaks[-1])}"
    return f"{_step(breaks[number - 1])} to {_step(breaks[number])}"


def _step(seconds: float) -> str:
    """A step of the scale in the unit that it is a whole number of."""
    for unit, size in (("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds * 1000:.0f} ms"
