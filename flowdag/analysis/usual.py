"""Whether a run is usual: where its durations and waits stand among those of the runs before it.

The rule: against the last `LAST` completed runs, at least `AT_LEAST`, a value is unusual where it lies outside
median ± 3.5 x 1.4826 MAD (the MAD as an estimate of sigma; Iglewicz and Hoaglin 1993), and is away from the median by
more than 10 % of it and by more than 1 s. Where the MAD is 0, outside means beyond the least or the greatest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowdag.model import FlowRun, FlowRunGraph, seconds

LAST, AT_LEAST = 50, 10
MADS, TO_SIGMA = 3.5, 1.4826
SHARE, SECONDS = 0.1, 1.0
LONGER, SHORTER, USUAL = "longer", "shorter", "usual"
STANDINGS = ("value", "n", "percentile", "median", "p95", "flag")

Array = npt.NDArray[Any]


class Standing(NamedTuple):
    """Where a value stands among `n` others; seconds.

    percentile: the part of the others that are less (0 to 1), those that are equal counted half. p95: by linear
    interpolation. flag: `LONGER`, `SHORTER`, `USUAL`, or None where there is too little to tell. NaN without others.
    """

    value: float
    n: int
    percentile: float
    median: float
    p95: float
    flag: str | None


@dataclass(frozen=True)
class History:
    """The runs before a run.

    runs: the latest first: columns name, start (UTC), wall_s, lateness_s. tasks: one row a task run of the first `read`
    of them: `run` (which of them), task_name, run_s, queue_s, end_s (from the run's start to the task's end, NaN
    without), completed, compared (completed, and not only fetched from a cache), many (task runs of this name in its
    run), place (which of them, from 0, in order of creation).
    """

    runs: pd.DataFrame
    tasks: pd.DataFrame
    read: int


@dataclass(frozen=True)
class Usual:
    """Where a run and its tasks stand.

    run, lateness: of the run itself. work, wait: one row a node, in the nodes' order, columns `STANDINGS`: its `run_s`
    and `queue_s` among those of its task name. by_place: whether that was among those in the same place only. names:
    one row a task name (index): `STANDINGS` of the total of its `run_s`; `each`, the flag of their median; `last`, the
    totals of the runs before, the earliest first, and its own. runs, read: how many runs were compared, and for how
    many of them the tasks too.
    """

    run: Standing
    lateness: Standing
    work: pd.DataFrame
    wait: pd.DataFrame
    by_place: pd.Series
    names: pd.DataFrame
    runs: int
    read: int


def history(runs: pd.DataFrame, tasks: pd.DataFrame, read: int) -> History:
    """The history from the rows of `prefect_api.recent.Recent`."""
    tasks = tasks.reset_index(drop=True)
    began = runs["start"].iloc[tasks["run"]].reset_index(drop=True)
    return History(runs, _facts(tasks, tasks["run"].to_numpy(), began), read)


def usual(graph: FlowRunGraph, before: History) -> Usual:
    """Where the run, or the attempt whose graph this is, stands among the runs before it."""
    run, runs = graph.run, before.runs
    tasks = _facts(graph.nodes, np.zeros(len(graph.nodes), "int64"), graph.nodes["start"])
    work, wait, by_place = _of_tasks(tasks, graph.nodes, before.tasks)
    done = run.state_type == "COMPLETED"
    return Usual(
        run=standing(_wall_s(run, graph.as_of), runs["wall_s"].to_numpy(), can_be_shorter=done),
        lateness=standing(run.lateness_s if run.start else np.nan, runs["lateness_s"].to_numpy()),
        work=work,
        wait=wait,
        by_place=by_place,
        names=_of_names(tasks, before, all_called=done),
        runs=len(runs),
        read=before.read,
    )


def earlier_work(graph: FlowRunGraph, node: str, before: History, *, by_place: bool) -> list[float]:
    """The `run_s` of a node's task name in each run before that had it (their median), the earliest first.

    by_place: of those in the node's place only.
    """
    nodes = graph.nodes
    tasks = _facts(nodes, np.zeros(len(nodes), "int64"), nodes["start"])
    own = tasks.loc[node]
    same = before.tasks[before.tasks["compared"] & (before.tasks["task_name"] == own["task_name"])]
    if by_place:
        same = same[(same["many"] == own["many"]) & (same["place"] == own["place"])]
    by_run: list[float] = same.groupby("run")["run_s"].median().sort_index(ascending=False).tolist()
    return by_run


def standing(value: float, others: Array, *, can_be_shorter: bool = True) -> Standing:
    """Where one value stands. What has not completed cannot be called shorter: it may just not be done."""
    one = np.zeros(1, "int64")
    enough = np.array([np.isfinite(others).sum() >= AT_LEAST])
    found = standings(
        np.array([value]), one, others, np.zeros(len(others), "int64"), enough, np.array([can_be_shorter])
    )
    row = found.iloc[0]
    return Standing(**{name: row[name] for name in STANDINGS})


def standings(
    values: Array, group: Array, others: Array, other_group: Array, enough: Array, can_be_shorter: Array
) -> pd.DataFrame:
    """Where each value stands among the others of its group: columns `STANDINGS`.

    group, other_group: numbers from 0; enough: for each group, whether there are enough others to tell.
    """
    told = ~np.isnan(others)
    others, other_group = others[told], other_group[told]
    of = _of_groups(others, other_group, len(enough)).iloc[group].reset_index(drop=True)
    median, away = of["median"].to_numpy(), np.abs(values - of["median"].to_numpy())
    mad = of["mad"].to_numpy()
    beyond = (values < of["least"].to_numpy()) | (values > of["most"].to_numpy())
    outside = np.where(mad > 0, away > MADS * TO_SIGMA * mad, beyond)
    unusual = outside & (away > SHARE * median) & (away > SECONDS)
    flag = np.where(unusual, np.where(values > median, LONGER, SHORTER), USUAL).astype("object")
    flag[~enough[group] | np.isnan(values) | ((flag == SHORTER) & ~can_be_shorter)] = None
    n = of["n"].to_numpy()
    return pd.DataFrame(
        {
            "value": values,
            "n": n,
            "percentile": _percentile(values, group, others, other_group, n),
            "median": median,
            "p95": of["p95"].to_numpy(),
            "flag": pd.Series(flag, dtype="object"),
        }
    )


def _of_groups(others: Array, group: Array, groups: int) -> pd.DataFrame:
    by = pd.Series(others).groupby(group)
    every = np.arange(groups)
    median = by.median().reindex(every)
    off = pd.Series(np.abs(others - median.to_numpy()[group])).groupby(group)
    return pd.DataFrame(
        {
            "n": by.size().reindex(every, fill_value=0),
            "median": median,
            "p95": by.quantile(0.95).reindex(every),
            "least": by.min().reindex(every),
            "most": by.max().reindex(every),
            "mad": off.median().reindex(every),
        }
    )


def _percentile(values: Array, group: Array, others: Array, other_group: Array, n: Array) -> Array:
    """The mid-rank of each value: searched among keys that sort by group, then by value."""
    ranked, rank = np.unique(np.concatenate([others, values]), return_inverse=True)
    keys = np.sort(other_group * len(ranked) + rank[: len(others)])
    own = group * len(ranked) + rank[len(others) :]
    begin = np.searchsorted(keys, group * len(ranked))
    less, upto = (np.searchsorted(keys, own, side) - begin for side in ("left", "right"))
    known = (n > 0) & ~np.isnan(values)
    return np.where(known, (less + upto) / 2 / np.maximum(n, 1), np.nan)


def _wall_s(run: FlowRun, as_of: datetime) -> float:
    wall = run.wall_s(as_of)
    return np.nan if wall is None else wall


def _facts(nodes: pd.DataFrame, run: Array, began: pd.Series) -> pd.DataFrame:
    """What is compared of task runs: the columns of `History.tasks`; `began`: when their runs did."""
    mine = nodes.assign(run=run)
    by_name = mine.sort_values("expected_start", kind="stable").groupby(["run", "task_name"], sort=False)
    return pd.DataFrame(
        {
            "run": run,
            "task_name": nodes["task_name"],
            "run_s": nodes["run_s"],
            "queue_s": nodes["queue_s"],
            "end_s": seconds(nodes["end"] - began),
            "completed": nodes["state_type"] == "COMPLETED",
            "compared": (nodes["state_type"] == "COMPLETED") & (nodes["state_name"] != "Cached"),
            "many": mine.groupby(["run", "task_name"])["run"].transform("size"),
            "place": by_name.cumcount(),
        },
        index=nodes.index,
    )


def _of_tasks(
    tasks: pd.DataFrame, nodes: pd.DataFrame, before: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """Work, wait, by_place: see `Usual`.

    Where at least `AT_LEAST` runs had as many task runs of the name, only those in the same place are compared: of the
    calls in a loop one may always be the long one.
    """
    known = before[before["compared"]]
    both = pd.concat([tasks, known])
    name, names = _numbered(both["task_name"])
    many, place = both["many"].to_numpy(), both["place"].to_numpy()
    size = int(many.max(initial=0)) + 1
    spot, spots = _numbered((name * size + many) * size + place)
    own, runs = len(tasks), known["run"].to_numpy()
    enough = np.concatenate([_enough(name[own:], runs, names), _enough(spot[own:], runs, spots)])
    by_place = enough[names + spot[:own]]
    group = np.where(by_place, names + spot[:own], name[:own])
    other_group = np.concatenate([name[own:], names + spot[own:]])
    asked = (tasks["compared"] | ~tasks["completed"]).to_numpy()
    found = []
    for column in ("run_s", "queue_s"):
        values = np.where(asked, nodes[column].to_numpy(), np.nan)
        others = np.tile(known[column].to_numpy(), 2)
        frame = standings(values, group, others, other_group, enough, tasks["completed"].to_numpy())
        found.append(frame.set_index(nodes.index))
    return found[0], found[1], pd.Series(by_place & (many[:own] > 1), nodes.index)


def _numbered(values: Any) -> tuple[Array, int]:
    """Each value's number, from 0, and how many there are."""
    numbers, found = pd.factorize(values)
    return numbers.astype("int64"), len(found)


def _enough(group: Array, run: Array, groups: int) -> Array:
    """For each group, whether enough runs have a part in it."""
    width = int(run.max(initial=0)) + 1
    pairs = np.unique(group * width + run)
    return np.bincount(pairs // width, minlength=groups) >= AT_LEAST


def _of_names(tasks: pd.DataFrame, before: History, *, all_called: bool) -> pd.DataFrame:
    """One row a task name of the run: see `Usual`. all_called: the run will call no more tasks than it has."""
    now, then = _totals(tasks).reset_index("run", drop=True), _totals(before.tasks).dropna()
    then = then[then.index.get_level_values("task_name").isin(now.index)]
    group = np.arange(len(now))
    other_group = now.index.get_indexer(then.index.get_level_values("task_name"))
    enough = np.bincount(other_group, minlength=len(now)) >= AT_LEAST
    done = now["completed"].to_numpy()
    total, each = (
        standings(now[part].to_numpy(), group, then[part].to_numpy(), other_group, enough, can_be_shorter)
        for part, can_be_shorter in (("total", done & all_called), ("each", done))
    )
    order = np.lexsort((-then.index.get_level_values("run"), other_group))  # the latest run comes first in `before`
    ends = np.bincount(other_group, minlength=len(now)).cumsum()
    past = np.split(then["total"].to_numpy()[order], ends[:-1]) if len(now) else []
    last = [[*earlier.tolist(), own] for earlier, own in zip(past, now["total"].tolist(), strict=True)]
    return total.assign(each=each["flag"], last=pd.Series(last, dtype="object")).set_index(now.index)


def _totals(tasks: pd.DataFrame) -> pd.DataFrame:
    """By task name and run: total and median of `run_s`, NaN where nothing ran, and whether all have completed."""
    by = tasks.groupby(["task_name", "run"])
    return pd.DataFrame(
        {"total": by["run_s"].sum(min_count=1), "each": by["run_s"].median(), "completed": by["completed"].all()}
    )
