"""Two runs of one flow, or a run and the median of many: what differs, and what makes one take longer than the other.

The segments of a critical path tile their run, so the difference of two durations is the sum, over parts of the graph
and kinds of time, of the time on the one path minus the time on the other. In whole microseconds: exact.
"""

from __future__ import annotations

import warnings
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flowdag.analysis.profile import FACTS, FIGURES, Profile

ADDED, REMOVED, MOVED, SAME = "added", "removed", "moved", ""
SUMS: Final = ("count", "failures", "retries", "total_s", "path_s")  # figures that are 0 where there is no such task
TIMES: Final = ("start_s", "end_s")
SHARES: Final = ("row", "part", "this_us", "other_us", "diff_us")
STEPS: Final = (*SHARES, "of")
ELSE: Final = "else"  # in place of a part: many small ones
TELLS: Final = {"in": "around", "after": "after"}  # what tells namesakes apart
MOST, WORTH_A_STEP = 12, 0.01  # steps of a waterfall; the least one, as a part of all that went up or down
FEW = 3  # steps where all are smaller

Figures = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """What differs between this run and another, or a median of several.

    tasks: one row a part that tasks play in either, index its key, in order of start: task (its name, with where it
        stands if others share the name), inside (the name of what is around it, or ""), change (`ADDED`: only in this
        run, `REMOVED`: only in the other, `MOVED`: in other surroundings, or `SAME`), node (id of a task run, or None),
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


def compare(this: Profile, others: Sequence[Profile]) -> Comparison:
    """This run beside another one, or beside the medians of several.

    A figure of a task is compared with its median over the runs that have the task; where less than half of them do, it
    counts as missing there. The durations, and what was when, are those of one run, `median_run`: medians of parts
    would not add up.
    """
    middle = median_run(others)
    rows, found = _rows(this, others)
    theirs = _medians([other.tasks for other in others], found)
    here, there = rows.index.isin(this.tasks.index), ~pd.isna(found[middle])
    kept = np.flatnonzero(here | there | np.isfinite(theirs[:, 0]))
    kept = kept[np.argsort(rows["start_s"].to_numpy()[kept], kind="stable")]  # NaN comes last
    tasks = _tasks(this.tasks, others[middle].tasks, rows.iloc[kept], found[middle][kept], theirs[kept])
    sides = (this, rows.index[kept]), (others[middle], found[middle][kept])
    return Comparison(tasks, _shares(*sides), this.whole_us, others[middle].whole_us)


def median_run(others: Sequence[Profile]) -> int:
    """Which of the runs has the median duration; the shorter of the middle two."""
    order = sorted(range(len(others)), key=lambda at: others[at].whole_us)
    return order[(len(order) - 1) // 2]


def _rows(this: Profile, others: Sequence[Profile]) -> tuple[pd.DataFrame, list[NDArray[np.object_]]]:
    """The parts of all runs (`FACTS`, by key; those of this run first), and for each other run their keys there."""
    rows = this.tasks[list(FACTS)]
    partners = []
    for other in others:
        partner = matched(rows, other.tasks)
        row_of = {theirs: row for row, theirs in partner.items()}
        new = other.tasks[~other.tasks.index.isin(row_of)][list(FACTS)]
        if len(new):  # keys that are left are in no row: the same keys are paired first
            inside = [row_of.get(key, key) for key in new["inside"]]
            rows = pd.concat([rows, new.assign(inside=pd.Series(inside, new.index, dtype="object"))])
        partners.append(partner | {key: key for key in new.index})
    return rows, [np.array([partner.get(row) for row in rows.index], dtype=object) for partner in partners]


def matched(this: pd.DataFrame, other: pd.DataFrame) -> dict[str, str]:
    """Parts of one run and the same in another, by key (`Profile.tasks`): those in the same place of the graph.

    What is left is paired by its name, the names around it and those it comes after; then without the last; then by its
    name alone; each in order of start.
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
    return found


def _names(tasks: pd.DataFrame) -> tuple[dict[str, Any], ...]:
    """What each part is called in each of the ways that `matched` names."""
    keys = tasks.index.tolist()
    name = dict(zip(keys, tasks["name"], strict=True))
    inside = dict(zip(keys, tasks["inside"], strict=True))
    after = dict(zip(keys, tasks["after"], strict=True))
    nested: dict[str, Any] = {}
    for key in keys:
        chain, at = [], key
        while at is not None:
            chain.append(name[at])
            at = inside[at]
        nested[key] = tuple(chain)
    return dict(zip(keys, keys, strict=True)), {key: (nested[key], after[key]) for key in keys}, nested, name


def _at(tasks: pd.DataFrame, keys: NDArray[np.object_] | pd.Index) -> pd.DataFrame:
    """Rows by key; all NaN where there is none."""
    return tasks.reindex(pd.Index(keys, dtype="object")).reset_index(drop=True)


def _medians(tasks: Sequence[pd.DataFrame], keys: Sequence[NDArray[np.object_]]) -> Figures:
    """Rows of `FIGURES`, each the median over the runs that have the part; all NaN where less than half of them do."""
    pairs = zip(tasks, keys, strict=True)
    every = np.stack([_at(run[list(FIGURES)], known).to_numpy(dtype=np.float64) for run, known in pairs])
    have = np.isfinite(every[:, :, FIGURES.index("count")]).sum(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where all are NaN, so is the median
        medians = np.nanmedian(every, axis=0)
    return np.where((have * 2 >= len(tasks))[:, None], medians, np.nan)


def _tasks(
    this: pd.DataFrame, other: pd.DataFrame, rows: pd.DataFrame, keys: NDArray[np.object_], theirs: Figures
) -> pd.DataFrame:
    """keys: of the rows in the other run; theirs: the figures of the other side."""
    here, there, facts = _at(this, rows.index), _at(other, keys), rows.reset_index(drop=True)
    around = _around(rows, rows)
    missing, both = here["name"].isna(), here["name"].notna() & there["name"].notna()
    added = ~np.isfinite(theirs[:, 0]) & there["name"].isna()
    moved = both & np.not_equal(_around(here, this), _around(there, other))
    columns = {
        "task": _labels(facts.assign(around=around)),
        "inside": around,
        "change": np.select([missing, added, moved], [REMOVED, ADDED, MOVED], SAME),
        "node": None,
        **{name: here[name] for name in TIMES},
        **{f"{name}_other": there[name] for name in TIMES},
    }
    for at, name in enumerate(FIGURES):
        one, two = here[name].to_numpy(dtype=np.float64), theirs[:, at]
        if name in SUMS:
            one, two = np.nan_to_num(one), np.nan_to_num(two)
        columns |= {name: one, f"{name}_other": two, f"{name}_diff": one - two}
    found = pd.DataFrame({name: np.asarray(values) for name, values in columns.items()}, rows.index)
    nodes = [None if gone else node for gone, node in zip(missing, here["node"], strict=True)]
    return found.assign(node=pd.Series(nodes, rows.index, dtype="object"))


def _around(rows: pd.DataFrame, tasks: pd.DataFrame) -> NDArray[np.object_]:
    """The name of what is around each row, "" for none."""
    names = dict(zip(tasks.index, tasks["name"], strict=True))
    return np.array([names.get(key, "") for key in rows["inside"]], dtype=object)


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


def _shares(*sides: tuple[Profile, NDArray[np.object_] | pd.Index]) -> pd.DataFrame:
    """Time on the path by row and part, the largest difference first; of each run, the keys of the rows."""
    found: defaultdict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
    for side, (run, keys) in enumerate(sides):
        row_of = {key: row for row, key in enumerate(keys) if key is not None}
        for key, part, us in run.spent.itertuples(index=False, name=None):
            found[-1 if key is None else row_of[key], part][side] += us
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
    shown = shown or min(FEW, len(moved))
    shown += len(moved) == shown + 1
    found = moved.iloc[:shown].assign(of=1)
    if len(moved) > shown:
        rest = moved.iloc[shown:]
        sums = (int(rest[name].sum()) for name in SHARES[2:])
        others = pd.DataFrame([(-1, ELSE, *sums, len(rest))], columns=list(STEPS))
        found = pd.concat([found, others]) if shown else others
    return found.reset_index(drop=True)[list(STEPS)]
