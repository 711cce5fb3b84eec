"""The axis of time of a timeline: what it shows, and where stretches in which nothing ran are cut out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Stretch = tuple[float, float]  # seconds from the run's start

CUT_SHARE, CUT_S = 0.08, 1.0  # of what is shown, and in seconds: shorter stretches are not worth a cut
CUT_WIDTH = 0.02  # of what is left: what a cut takes on the axis
LEAST = 1e-6
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True)
class TimeAxis:
    """Seconds from the run's start to places on the axis and back: piecewise linear, and rising throughout.

    real, drawn: the corners, in seconds; outside them one second is one second. cuts: the stretches that are cut out:
    each takes little room, and the rest is drawn to scale.
    """

    real: tuple[float, ...]
    drawn: tuple[float, ...]
    cuts: tuple[Stretch, ...] = ()

    @property
    def width(self) -> float:
        """The length of the axis: the seconds that are drawn, with the room for the cuts."""
        return self.drawn[-1]

    def places(self, seconds: Any) -> NDArray[np.float64]:
        """Where moments lie, from 0 to `width` within what is shown."""
        return _mapped(np.asarray(seconds, dtype=np.float64), self.real, self.drawn)

    def moments(self, places: Any) -> NDArray[np.float64]:
        """The moments at places of the axis: what undoes `places`."""
        return _mapped(np.asarray(places, dtype=np.float64), self.drawn, self.real)

    def ticks(self, at_most: int = 8) -> list[float]:
        """Round moments to name on the axis, none inside a cut."""
        wide = self.width / max(1, at_most)
        fine = 10.0 ** np.floor(np.log10(max(wide, 1e-6)))
        steps = (*(fine * n for n in (1, 2, 5, 10) if fine < 1), *STEPS_S)
        step = next((one for one in steps if one >= wide), np.ceil(wide / 86400) * 86400)
        found: list[float] = []
        pieces = (self.real[0], *(edge for cut in self.cuts for edge in cut), self.real[-1])
        for start, end in zip(pieces[::2], pieces[1::2], strict=True):
            numbers = np.arange(np.ceil(start / step - 1e-9), np.floor(end / step + 1e-9) + 1)
            found += [round(float(number * step), 9) + 0.0 for number in numbers]
        return found


def time_axis(start: float, end: float, idle: Sequence[Stretch] = ()) -> TimeAxis:
    """The axis from `start` to `end`, both in seconds from the run's start; long idle stretches are cut out."""
    length = max(end - start, 1e-6)
    shown = ((max(a, start), min(b, end)) for a, b in idle)
    cuts = tuple((a, b) for a, b in shown if b - a >= max(CUT_SHARE * length, CUT_S))
    left = length - sum(b - a for a, b in cuts)
    if not cuts or left <= LEAST * length:  # nothing would be left
        return TimeAxis((start, start + length), (0.0, length))
    real, drawn = [start], [0.0]
    for a, b in cuts:
        real += [a, b]
        drawn += [drawn[-1] + a - real[-3], drawn[-1] + a - real[-3] + min(b - a, CUT_WIDTH * left)]
    real.append(start + length)
    drawn.append(drawn[-1] + real[-1] - real[-2])
    return TimeAxis(tuple(real), tuple(drawn), cuts)


def idle_stretches(start: NDArray[np.float64], end: NDArray[np.float64], within: Stretch) -> list[Stretch]:
    """The stretches within two moments in which none of these spans lasted, in order of time. O(n log n)."""
    order = np.argsort(start, kind="stable")
    begins = np.append(start[order], within[1])
    covered = np.maximum.accumulate(np.append(within[0], end[order]))  # up to when something ran before each begin
    begins, covered = np.minimum(begins, within[1]), np.minimum(covered, within[1])
    return [(float(a), float(b)) for a, b in zip(covered, begins, strict=True) if b > a]


def _mapped(values: NDArray[np.float64], given: Sequence[float], wanted: Sequence[float]) -> NDArray[np.float64]:
    inside = np.interp(values, given, wanted)
    return np.asarray(inside + np.minimum(values - given[0], 0) + np.maximum(values - given[-1], 0))
