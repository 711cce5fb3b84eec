"""Classes to colour by: of durations, on a log scale with steps that people count in, and of tags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

CLASSES = 5
# seconds: 1, 2, 5 and so on of milliseconds, seconds, minutes and hours
STEPS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1.0, 2.0, 5.0, 10.0, 20.0),
    *(60.0, 120.0, 300.0, 600.0, 1200.0),
    *(3600.0, 7200.0, 18000.0, 36000.0, 72000.0, 180000.0, 360000.0),
)


def duration_classes(values: pd.Series, among: pd.Series | None = None) -> tuple[pd.Series, tuple[float, ...]]:
    """The class of each duration (seconds), and the four breaks between the five classes, taken from `STEPS`.

    A value is in the class of how many breaks it reaches: 0 below the first, 4 from the last on; -1 is NaN. The breaks
    leave as few classes empty as they can, and part the range of the values as evenly as they can on the log scale; of
    the values `among`, if given: those of all nodes, so that the medians of groups keep their classes as groups open.
    """
    known = (values if among is None else among).dropna()
    breaks = _breaks(np.searchsorted(STEPS, known.to_numpy(dtype="float64"), side="right"))
    classes = np.searchsorted(breaks, values.to_numpy(dtype="float64"), side="right")
    return pd.Series(np.where(values.isna(), -1, classes), index=values.index, dtype="int64"), breaks


def _breaks(cells: npt.NDArray[np.intp]) -> tuple[float, ...]:
    """The best four breaks for values that lie in these cells of `STEPS`: cell `i` ends before step `i`."""
    low, high = (int(cells.min()), int(cells.max())) if len(cells) else (STEPS.index(1.0), STEPS.index(20.0))
    while high - low < CLASSES - 1:  # too few steps between the values: take more on both sides
        low, high = max(0, low - 1), min(len(STEPS), high + 1)
    filled = np.concatenate(([0], np.cumsum(np.bincount(cells, minlength=len(STEPS) + 1) > 0)))
    choices = low + _choices(high - low)
    ends = np.pad(choices, ((0, 0), (1, 1)), constant_values=0)
    ends[:, 0], ends[:, -1] = low - 1, high
    populated = (np.diff(filled[ends + 1], axis=1) > 0).sum(axis=1)
    uneven = (np.diff(ends, axis=1) ** 2).sum(axis=1)
    best = np.lexsort((uneven, -populated))[0]
    return tuple(STEPS[at] for at in choices[best])


@cache
def _choices(steps: int) -> npt.NDArray[np.intp]:
    """Every way to choose the breaks among so many steps."""
    return np.array(list(combinations(range(steps), CLASSES - 1)), dtype=np.intp)


def tag_classes(tags: pd.Series, most: int = 7) -> tuple[pd.Series, tuple[str, ...]]:
    """The class of each node by its tags (tuples of strings), and the tags that make the classes.

    These are the `most` frequent ones, the most frequent first, then by name. A node with several of them is in the
    class of the rarest, which tells most about it; one with none of them in -1.
    """
    often = Counter(tag for some in tags.tolist() for tag in set(some))
    chosen = tuple(sorted(often, key=lambda tag: (-often[tag], tag))[:most])
    number = {tag: at for at, tag in enumerate(chosen)}
    classes = [max((number.get(tag, -1) for tag in some), default=-1) for some in tags.tolist()]
    return pd.Series(classes, index=tags.index, dtype="int64"), chosen


def shared_classes(classes: pd.Series, box_of: Mapping[str, str]) -> pd.Series:
    """The class of each box: that of most of its nodes; of equally many the first, and -1 last.

    box_of: node id -> box; nodes that are not in it are left out. The result's index are the boxes, sorted.
    """
    shown = classes[classes.index.isin(box_of)]
    counted = pd.DataFrame({"box": shown.index.map(box_of), "number": shown.to_numpy()}).value_counts(sort=False)
    table = counted.reset_index(name="count").assign(none=lambda rows: rows["number"] < 0)
    table = table.sort_values(["box", "count", "none", "number"], ascending=[True, False, True, True])
    return table.drop_duplicates("box").set_index("box")["number"]
