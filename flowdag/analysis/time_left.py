"""How long a running run will go on: as long as the runs before it did, from where they had got as far.

An earlier run had got as far once as many task runs of each name had ended in it. Runs that were over sooner after
that than this one has already lasted are left out, as in survival analysis (the distribution of the rest, given that it
is not over yet). While nothing has ended this is the rest of the total durations.

How wrong it is in simulated flows (tests/analysis/test_time_left.py) after 30, 60 and 90 % of a run, on average and as
a part of the whole run: steps one after the other that vary by a quarter: 10, 8 and 2 %; where the number of task runs
varies from day to day 13, 13 and 8 %; two branches of very uneven steps 24, 10 and 1 %; all steps longer or shorter
together 31, 26 and 7 %. About 8 of 10 runs ended within the range. Near the end the total durations alone are wrong by
more than twice as much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from flowdag.analysis.attempts import is_one_of_several, of_attempt
from flowdag.analysis.usual import AT_LEAST, History
from flowdag.model import FlowRunGraph, seconds

ALIKE = 5  # fewer runs that went on for longer do not make a range


@dataclass(frozen=True)
class TimeLeft:
    """Seconds that are left: the median, and from the 10th to the 90th percentile, of `n` earlier runs.

    All are NaN without an estimate: `runs` tells how many there were to ask, and `n` how many went on for longer.
    """

    median_s: float
    low_s: float
    high_s: float
    n: int
    runs: int


def time_left(graph: FlowRunGraph, before: History) -> TimeLeft | None:
    """How long the run will go on after `as_of`; None unless it is running, and for an attempt before its last.

    A run that was tried again has got as far as its last attempt has: what the others did is done anew.
    """
    run, runs = graph.run, len(before.runs)
    if run.is_over or run.start is None or run.state_type != "RUNNING":
        return None
    number, began = _last_attempt(graph)
    if number < run.attempts and is_one_of_several(graph):
        return None
    if runs < AT_LEAST:
        return TimeLeft(np.nan, np.nan, np.nan, runs, runs)
    reached_s = (graph.as_of - began).total_seconds()
    nodes = of_attempt(graph, number).nodes if number > 1 else graph.nodes
    ended, rest = _ended(nodes, began), before.runs["wall_s"].to_numpy()
    if before.read >= AT_LEAST and len(ended):
        rest = rest[: before.read] - _as_far(ended["task_name"].value_counts(), before)
        reached_s -= float(ended["end_s"].max())
    rest = rest[rest > reached_s] - reached_s
    if len(rest) < ALIKE:
        return TimeLeft(np.nan, np.nan, np.nan, len(rest), runs)
    low, median, high = np.quantile(rest, [0.1, 0.5, 0.9])
    return TimeLeft(median, low, high, len(rest), runs)


def _last_attempt(graph: FlowRunGraph) -> tuple[int, pd.Timestamp]:
    """The number of the last attempt, and when it began (UTC)."""
    states = graph.states
    own = states[(states["flow_run_id"] == graph.run.id) & (states["attempt"] > 0)]
    number = int(own["attempt"].max()) if len(own) else 1
    start = (
        own.loc[own["attempt"] == number, "start"].min() if len(own) else pd.Timestamp(graph.run.start or graph.as_of)
    )
    return number, start


def _ended(nodes: pd.DataFrame, began: pd.Timestamp) -> pd.DataFrame:
    """What has ended: task names, and seconds from the attempt's start to the end."""
    done = nodes[nodes["end"].notna()]
    return pd.DataFrame({"task_name": done["task_name"], "end_s": seconds(done["end"] - began).clip(lower=0)})


def _as_far(done: pd.Series, before: History) -> np.ndarray:
    """For each earlier run, after how many seconds as many of each task name had ended, or all that it had."""
    tasks = before.tasks[before.tasks["end_s"].notna() & before.tasks["task_name"].isin(done.index)]
    tasks = tasks.sort_values("end_s", kind="stable")
    number = tasks.groupby(["run", "task_name"], sort=False).cumcount().to_numpy() + 1
    reached = tasks[number <= tasks["task_name"].map(done).to_numpy()]
    found: np.ndarray = reached.groupby("run")["end_s"].max().reindex(range(before.read), fill_value=0.0).to_numpy()
    return found
