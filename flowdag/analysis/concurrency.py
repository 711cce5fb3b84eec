"""How many tasks ran, and how many waited, at every moment of a run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flowdag.model import TIME

COUNTED = {"running": "run", "waiting": "queue"}


@dataclass(frozen=True)
class Peak:
    """The most at once: how many, and the first stretch of time (UTC) in which it was so many."""

    count: int
    start: pd.Timestamp
    end: pd.Timestamp


def concurrency(bars: pd.DataFrame, nodes: Collection[str]) -> pd.DataFrame:
    """How many of these nodes were running and waiting (for a slot or a worker): columns at (UTC), running, waiting.

    One row a moment at which a count changes, which holds until the next row; the last row is 0 and 0. `bars` are those
    of `timeline.bars`. What ends when another starts does not overlap it. O(n log n).
    """
    bars = bars[bars["node"].isin(nodes)]
    start, end = (bars[edge].dt.tz_localize(None).to_numpy() for edge in ("start", "end"))
    at = np.unique(np.concatenate([start, end]))
    counts = {}
    for name, part in COUNTED.items():
        of = (bars["part"] == part).to_numpy()
        counts[name] = _steps(at, start[of], end[of])
    changes = np.ones(len(at), dtype=bool)
    if len(at):
        changes[1:] = np.any([count[1:] != count[:-1] for count in counts.values()], axis=0)
    found = {name: count[changes] for name, count in counts.items()}
    return pd.DataFrame({"at": pd.DatetimeIndex(at[changes]).tz_localize("UTC"), **found}).astype({"at": TIME})


def _steps(at: NDArray[np.datetime64], start: NDArray[np.datetime64], end: NDArray[np.datetime64]) -> NDArray[np.int64]:
    change = np.zeros(len(at), dtype=np.int64)
    np.add.at(change, np.searchsorted(at, start), 1)
    np.add.at(change, np.searchsorted(at, end), -1)
    return np.cumsum(change)


def between(steps: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """The same from one moment to another: what counts at the first comes first, 0 and 0 last."""
    times = steps["at"]
    before = steps[times <= start].tail(1).assign(at=start)
    inside = steps[(times > start) & (times < end)]
    last = pd.DataFrame({"at": [end], **dict.fromkeys(COUNTED, 0)}).astype(steps.dtypes)
    return pd.concat([before, inside, last], ignore_index=True)


def most_between(steps: pd.DataFrame, column: str, edges: pd.DatetimeIndex) -> NDArray[np.int64]:
    """The most of a column of `concurrency` at once between each two edges."""
    if steps.empty:
        return np.zeros(len(edges) - 1, dtype=np.int64)
    counts = np.append(0, steps[column].to_numpy())
    at = steps["at"].to_numpy(dtype="datetime64[us]")
    moments = edges.tz_convert(None).to_numpy()
    first = np.searchsorted(at, moments[:-1], side="right")  # which count holds at the beginning of each stretch
    behind = np.searchsorted(at, moments[1:], side="left") + 1  # and which first holds only at or after its end
    ranges = np.column_stack([first, behind]).ravel()
    return np.asarray(np.maximum.reduceat(np.append(counts, 0), ranges)[::2], dtype=np.int64)


def peak(steps: pd.DataFrame, column: str) -> Peak | None:
    """The most of a column of `concurrency` at once; None if it was never more than 0."""
    most = int(steps[column].max()) if len(steps) else 0
    if not most:
        return None
    first = int(steps[column].to_numpy().argmax())
    return Peak(most, steps["at"].iloc[first], steps["at"].iloc[first + 1])
