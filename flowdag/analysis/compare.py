"""Two runs of one flow, or a run and the median of many: what differs, and what makes one take longer than the other.

The segments of a critical path tile their run, so the difference of two durations is the sum, over parts of the graph
and kinds of time, of the time on the one path minus the time on the other. In whole microseconds: exact.
"""

from __future__ import annotations

import warnings
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flowdag.analysis.profile import FIGURES, Profile

ADDED, REMOVED, MOVED, SAME = "added", "removed", "moved", ""
SUMS: Final = ("count", "failures", "retries", "total_s", "path_s")  # figures that are 0 where there is no such task
TIMES: Final = ("start_s", "end_s")
SHARES: Final = ("row", "part", "this_us", "other_us", "diff_us")
STEPS: Final = ("row", "part", "diff_us", "of")
ELSE: Final = "else"  # in place of a part: many small ones
TELLS: Final = {"in": "around", "after": "after"}  # what tells namesakes apart
MOST, WORTH_A_STEP = 12, 0.01  # steps of a waterfall; the least one, as a part of all that went up or down

Figures = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """What differs between this run and another, or a median of several.

    tasks: one row a part that tasks play in either, in order of start: task (its name, with where it stands if others
        share the name), inside (the name of what is around it, or ""), change (`ADDED`: only in this run, `REMOVED`:
        only in the other, `MOVED`: in other surroundings, or `SAME`), node (id of a task run in this run, or None),
        start_s, end_s and the same with `_other` (see `Profile`; of the run that is the median), and for each of
        `profile.FIGURES` three columns: this run's, `_other`, `_diff` (this minus other; NaN where either is missing).
    shares: where the difference of the durations comes from, columns `SHARES`, the largest first; row: the place in
        `tasks`, -1 for the run itself; the others in microseconds. The sum of diff_us is exactly `diff_us`.
    this_us, other_us: the durations, microseconds.
    """

    tasks: pd.DataFrame
    shares: pd.DataFrame
    this_us: int
    other_us: int

    @property
    def diff_us(self) -> int:
        """How much longer this run took than the other; microseconds."""
        return self.this_us - self.other_us


class Pair(NamedTuple):
    """The key of a part in this run and in the other; None where it is missing."""

    this: str | None
    other: str | None


def compare(this: Profile, other: Profile) -> Comparison:
    """This run beside another one."""
    pairs = matched(this.tasks, other.tasks)
    return _comparison(this, other, pairs, _figures(other.tasks, [pair.other for pair in pairs]))


def compare_with_median(this: Profile, others: Sequence[Profile]) -> Comparison:
    """This run beside the medians of several (one at least).

    A figure of a task is compared with its median over the runs that have the task; it counts as added if less than
    half of them do. The durations, and what was when, are those of one run, `median_run`: medians would not add up.
    """
    middle = others[median_run(others)]
    pairs = matched(this.tasks, middle.tasks)
    own = _medians(this.tasks, others, [pair.this for pair in pairs])
    gone = _medians(middle.tasks, others, [pair.other if pair.this is None else None for pair in pairs])
    missing = np.array([pair.this is None for pair in pairs], dtype=bool)
    return _comparison(this, middle, pairs, np.where(missing[:, None], gone, own))


def median_run(others: Sequence[Profile]) -> int:
    """Which of the runs has the median duration; the shorter of the middle two."""
    order = sorted(range(len(others)), key=lambda at: others[at].whole_us)
    return order[(len(order) - 1) // 2]


def matched(this: pd.DataFrame, other: pd.DataFrame) -> list[Pair]:
    """The parts of two runs (`Profile.tasks`) in pairs, in order of start: those in the same place of the graph.

    What is left is paired by its name and the names around it, then by its name alone, each in order of start.
    """
    found: dict[str, str] = {}
    paired: set[str] = set()
    for mine, theirs in zip(_names(this), _names(other), strict=True):
        waiting: defaultdict[Any, deque[str]] = defaultdict(deque)
        for key, name in theirs.items():
            if key not in paired:
                waiting[name].append(key)
        for key, name in mine.items():
            if key not in found and waiting[name]:
                found[key] = waiting[name].popleft()
        paired = set(found.values())
    begin = dict(zip(this.index, this["start_s"], strict=True))
    pairs = [(begin[key], Pair(key, found.get(key))) for key in this.index]
    late = zip(other.index, other["start_s"], strict=True)
    pairs += [(start, Pair(None, key)) for key, start in late if key not in paired]
    return [pair for _, pair in sorted(pairs, key=lambda one: one[0] if one[0] == one[0] else np.inf)]


def _names(tasks: pd.DataFrame) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What each part is called in each of three ways: by its place, by its name within the names around it, by name."""
    keys = tasks.index.tolist()
    name = dict(zip(keys, tasks["name"], strict=True))
    inside = dict(zip(keys, tasks["inside"], strict=True))
    nested: dict[str, Any] = {}
    for key in keys:
        chain, at = [], key
        while at is not None:
            chain.append(name[at])
            at = inside[at]
        nested[key] = tuple(chain)
    return dict(zip(keys, keys, strict=True)), nested, name


def _figures(tasks: pd.DataFrame, keys: Sequence[str | None]) -> Figures:
    """Rows of `FIGURES` by key; all NaN where there is none."""
    return tasks[list(FIGURES)].reindex(pd.Index(list(keys), dtype="object")).to_numpy(dtype=np.float64)


def _medians(tasks: pd.DataFrame, others: Sequence[Profile], keys: Sequence[str | None]) -> Figures:
    """Rows of `FIGURES`, each the median over the runs that have the part; all NaN where less than half of them do."""
    found = []
    for other in others:
        partner = {pair.this: pair.other for pair in matched(tasks, other.tasks) if pair.this}
        found.append(_figures(other.tasks, [partner.get(key) if key else None for key in keys]))
    every = np.stack(found)
    have = np.isfinite(every[:, :, FIGURES.index("count")]).sum(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where all are NaN, so is the median
        medians = np.nanmedian(every, axis=0)
    return np.where((have * 2 >= len(others))[:, None], medians, np.nan)


def _comparison(this: Profile, other: Profile, pairs: Sequence[Pair], theirs: Figures) -> Comparison:
    """`theirs`: the figures of the other side, one row a pair."""
    mine = _figures(this.tasks, [pair.this for pair in pairs])
    here, there = _facts(this.tasks, [pair.this for pair in pairs]), _facts(other.tasks, [pair.other for pair in pairs])
    missing = here["name"].isna()
    told = here.where(~missing, there)
    columns = {
        "task": _labels(told),
        "inside": told["around"],
        "change": np.select(
            [missing, ~np.isfinite(theirs[:, 0]), there["name"].notna() & (here["around"] != there["around"])],
            [REMOVED, ADDED, MOVED],
            SAME,
        ),
        "node": here["node"].where(~missing, None),
        **{name: here[name] for name in TIMES},
        **{f"{name}_other": there[name] for name in TIMES},
    }
    for at, name in enumerate(FIGURES):
        one, two = (np.nan_to_num(side[:, at]) if name in SUMS else side[:, at] for side in (mine, theirs))
        columns |= {name: one, f"{name}_other": two, f"{name}_diff": one - two}
    return Comparison(pd.DataFrame(columns), _shares(this, other, pairs), this.whole_us, other.whole_us)


def _facts(tasks: pd.DataFrame, keys: Sequence[str | None]) -> pd.DataFrame:
    """Rows of what is told of a part, and `around`: the name of what is around it, or ""; NaN where there is none."""
    around = tasks["inside"].map(tasks["name"]).astype("object").fillna("")
    facts = tasks[["name", "after", "node", *TIMES]].assign(around=around)
    return facts.reindex(pd.Index(list(keys), dtype="object")).reset_index(drop=True)


def _labels(facts: pd.DataFrame) -> list[str]:
    """The names; of several that are the same, with what they are inside of or come after, or else numbered."""
    labels = [str(name) for name in facts["name"]]
    namesakes: defaultdict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(labels):
        namesakes[name].append(row)
    told = {how: [f"{how} {text}" if text else "" for text in facts[of]] for how, of in TELLS.items()}
    for name, rows in namesakes.items():
        if len(rows) > 1:
            ways = ([texts[row] for row in rows] for texts in told.values())
            numbers = [f"{number}" for number in range(1, len(rows) + 1)]
            tells = next((texts for texts in ways if len(set(texts)) == len(rows)), numbers)
            for row, tell in zip(rows, tells, strict=True):
                labels[row] = f"{name} ({tell})" if tell else name
    return labels


def _shares(this: Profile, other: Profile, pairs: Sequence[Pair]) -> pd.DataFrame:
    """Time on the path by row and part, the largest difference first."""
    found: defaultdict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
    for side, spent in enumerate((this.spent, other.spent)):
        row_of = {pair[side]: row for row, pair in enumerate(pairs) if pair[side]}
        for key, part, us in spent.itertuples(index=False, name=None):
            found[row_of[key] if key else -1, part][side] += us
    rows = [(row, part, mine, theirs, mine - theirs) for (row, part), (mine, theirs) in found.items()]
    rows.sort(key=lambda share: (-abs(share[4]), share[0], share[1]))
    dtypes = {name: "object" if name == "part" else "int64" for name in SHARES}
    return pd.DataFrame(rows, columns=list(SHARES)).astype(dtypes)


def steps(shares: pd.DataFrame, most: int = MOST) -> pd.DataFrame:
    """The steps from the other duration to this one: columns `STEPS`, the largest first, whose diff_us add up exactly.

    What is small, or beyond so many, is one step, the last: its part is `ELSE`, its row -1, `of` how many they are.
    """
    moved = shares[shares["diff_us"] != 0]
    size = moved["diff_us"].abs()
    shown = int((size.iloc[:most] >= WORTH_A_STEP * size.sum()).sum())
    shown += len(moved) == shown + 1
    found = moved.iloc[:shown][["row", "part", "diff_us"]].assign(of=1)
    if len(moved) > shown:
        rest = moved["diff_us"].iloc[shown:]
        others = pd.DataFrame([(-1, ELSE, int(rest.sum()), len(rest))], columns=list(STEPS))
        found = pd.concat([found, others]) if shown else others
    return found.reset_index(drop=True)[list(STEPS)]
