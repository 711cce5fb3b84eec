"""How the bars of a timeline look: work is solid, in the colour of its state; what is no work is hollow and thin."""

from __future__ import annotations

from dataclasses import dataclass

from flowdag.looks.states import look
from flowdag.model import FAILURES


@dataclass(frozen=True)
class BarLook:
    """word: what it means. fill and stroke: colours. thick: how much of the height it takes, 0 to 1."""

    word: str
    fill: str
    stroke: str
    thick: float


WAITED = {False: ("#EEF0F4", "#858B99"), True: ("#262A34", "#8D94A5")}
BLOCKED = {False: "#A9AFBD", True: "#596072"}
INK = {False: "#1E2330", True: "#E7E9F0"}
FAINT = {False: "#5A6172", True: "#A8AEBD"}
LINES = {False: "#D9DCE5", True: "#363B48"}
STRIPES = {False: "rgba(90,98,120,0.05)", True: "rgba(160,170,200,0.07)"}
CUT = {False: "#EEF0F4", True: "#262A34"}
FAILED_SIGN = "✗"
HOLDER = 0.7


def of_part(part: str, state_type: str, *, dark: bool, holds: bool = False) -> BarLook:
    """The look of a bar (`analysis.timeline`): its part, how a try ended, and whether it holds what ran inside it."""
    if part == "run":
        shown = look(state_type, dark=dark)
        if holds:
            return BarLook("others ran inside", shown.fill, shown.border, HOLDER)
        word = f"{FAILED_SIGN} {shown.word}" if state_type in FAILURES else shown.word
        return BarLook(word, shown.border, shown.border, 1.0)
    if part == "queue":
        return BarLook("waited for a free worker or a slot", *WAITED[dark], 0.5)
    if part == "blocked":
        return BarLook("waited for what it needs", BLOCKED[dark], BLOCKED[dark], 0.16)
    shown = look("SCHEDULED", "AwaitingRetry", dark=dark) if part == "retry" else look("PAUSED", dark=dark)
    word = "pause before another try" if part == "retry" else "paused"
    return BarLook(word, shown.fill, shown.border, 0.5)
