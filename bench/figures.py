"""What is measured, in one shape for all parts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One measured value.

    `ratio` is the value against the thing named in `beside`, measured in the same run; `must` is the demand in words,
    `holds` whether it was met.
    """

    part: str
    what: str
    size: int | None
    value: float
    unit: str
    beside: str | None = None
    ratio: float | None = None
    must: str | None = None
    holds: bool | None = None


def fastest(work: Callable[[], Any], times: int) -> tuple[float, Any]:
    """Seconds of the fastest of some calls, and what the last one gave."""
    best, given = float("inf"), None
    for _ in range(times):
        begin = time.perf_counter()
        given = work()
        best = min(best, time.perf_counter() - begin)
    return best, given
