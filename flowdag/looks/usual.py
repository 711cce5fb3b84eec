"""What is usual, in words: where a value stands among those of earlier runs, and what is left of a run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from flowdag.analysis.time_left import TimeLeft
from flowdag.analysis.usual import AT_LEAST, LONGER, SHORTER, USUAL, Standing
from flowdag.looks.words import duration, html, percent

SIGNS = {LONGER: "▲", SHORTER: "▼", USUAL: "●"}
WORK = {LONGER: "Longer than usual", SHORTER: "Shorter than usual", USUAL: "Usual"}
WAIT = {LONGER: "A longer wait than usual", SHORTER: "A shorter wait than usual", USUAL: "A usual wait"}
LATE = {LONGER: "Later than usual", SHORTER: "More punctual than usual", USUAL: "As punctual as usual"}


def standing(
    found: Standing,
    words: Mapping[str, str],
    what: str,
    among: str,
    *,
    than: tuple[str, str] = ("longer", "shorter"),
    goes_on: bool = False,
) -> str:
    """The flag and the place of `what` (its name and value) among others, as HTML; `than`: what more and less mean.

    What still goes on is no shorter than others before it has ended.
    """
    if found.n == 1:
        return f"{html(what)}, beside {duration(found.median)} in the only one before."
    if goes_on and found.value <= found.median:
        return f"{html(what)}; the median of {html(among)} is {duration(found.median)}."
    told = told_flag(found, goes_on=goes_on)
    flag = f"<b>{SIGNS[told]} {words[told]}.</b> " if told else ""
    typical = f"median {duration(found.median)}" + (f", p95 {duration(found.p95)}" if found.n >= AT_LEAST else "")
    return f"{flag}{html(what)} is {_place(found.percentile, *than)} {html(among)} ({typical})."


def told_flag(found: Standing, *, goes_on: bool = False) -> str | None:
    """The flag as far as it tells something: `USUAL` neither of what goes on, nor of the least or greatest of all."""
    is_last = found.percentile in (0.0, 1.0)
    return None if found.flag == USUAL and (goes_on or is_last) else found.flag


def _place(share: float, more: str, less: str) -> str:
    """Where a value stands, by the part of the others below it."""
    if 0.45 < share < 0.55:
        return "in the middle of"
    word = more if share > 0.5 else less
    return f"{word} than " + ("all of" if share in (0.0, 1.0) else f"{percent(max(share, 1 - share))} of")


def time_left(left: TimeLeft) -> str:
    """What is left and how that is known, or why it is not, as HTML."""
    if not np.isnan(left.median_s):
        return f"<b>About {range_left(left)}</b>, as in {left.n} earlier runs from where they had got as far."
    if left.runs < AT_LEAST:
        runs = {0: "no earlier run", 1: "only 1 earlier run"}.get(left.runs, f"only {left.runs} earlier runs")
        return f"No estimate of the time left: {runs}."
    longer = "none" if not left.n else f"only {left.n}"
    return f"No estimate of the time left: of {left.runs} earlier runs {longer} took as long from here."


def range_left(left: TimeLeft) -> str:
    """Such as "3 min left (2 to 5 min)"."""
    low, high = _about(left.low_s), _about(left.high_s)
    if low == high:
        return f"{_about(left.median_s)} left"
    number, *unit = low.split()
    if len(unit) == 1 and unit == high.split()[1:]:
        low = number
    return f"{_about(left.median_s)} left ({low} to {high})"


def _about(seconds: float) -> str:
    """A duration with no more digits than an estimate has."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 57.5:
        return f"{5 * round(seconds / 5)} s"
    if seconds < 3570:
        return f"{round(seconds / 60)} min"
    if seconds < 36_000:
        tens = round(seconds / 600)
        return f"{tens // 6} h {tens % 6}0 min"
    return f"{round(seconds / 3600):,} h"
