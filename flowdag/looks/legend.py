"""Which states are in a drawn graph, and what their colours are called."""

from __future__ import annotations

from flowdag.analysis.grouping import Picture
from flowdag.looks.states import Look, look


def states(picture: Picture, *, dark: bool) -> list[tuple[Look, str]]:
    """Each look of a state that a box has, also inside a group, with its sign and its word."""
    pairs = dict.fromkeys((kind, name) for mix in picture.boxes["mix"] for kind, name, _ in mix)
    looks = {look(*pair).word: look(*pair, dark=dark) for pair in pairs}
    return [(shown, f"{shown.sign} {word}") for word, shown in looks.items()]
