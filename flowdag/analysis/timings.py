"""Timings of a run as two tables: by task run and by task name. Durations are seconds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from flowdag.analysis.critical_path import CriticalPath
from flowdag.model import FAILURES, FlowRunGraph, seconds

BY_RUN = (
    "task", "state", "start_s", "blocked_s", "queue_s", "run_s", "retry_s", "wall_s", "tries",
    "path_s", "path_share", "slack_s", "save_half_s", "save_all_s", "inside", "id",
)  # fmt: skip
BY_NAME = ("task", "count", "failures", "median_s", "p95_s", "max_s", "total_s", "share", "path_s", "path_share")


def by_task_run(graph: FlowRunGraph, path: CriticalPath) -> pd.DataFrame:
    """One row a node, in order of start: see `BY_RUN`.

    `start_s` is the start, counted from the start of the run; `inside` the label of the container, or "". From
    `path_s` to `save_all_s`: of the critical path, as in `CriticalPath.tasks`; path_s and path_share are NaN off it.
    """
    nodes = graph.nodes
    begin = pd.Timestamp(graph.run.start) if graph.run.start else nodes["start"].min()
    return pd.DataFrame(
        {
            "task": nodes["label"],
            "state": nodes["state_name"],
            "start_s": seconds(nodes["start"] - begin),
            **{name: nodes[name] for name in ("blocked_s", "queue_s", "run_s", "retry_s", "wall_s", "tries")},
            **_on_path(path.tasks),
            **{name: path.tasks[name] for name in ("slack_s", "save_half_s", "save_all_s")},
            "inside": nodes["container"].map(nodes["label"]).fillna(""),
            "id": nodes.index,
        },
        columns=list(BY_RUN),
    ).reset_index(drop=True)


def _on_path(tasks: pd.DataFrame) -> dict[str, pd.Series]:
    """Seconds on the path, and their share of the run; NaN for what is not on it."""
    on_path = tasks["path_s"] > 0
    return {"path_s": tasks["path_s"].where(on_path), "path_share": tasks["share"].where(on_path)}


def by_task_name(graph: FlowRunGraph, path: CriticalPath) -> pd.DataFrame:
    """One row a task name, the largest total first: see `BY_NAME`.

    Median, 95th percentile (linear interpolation), maximum and total are of `run_s`, over the task runs that started.
    `share` is their own work (`_own_work`) as a part (0 to 1) of that of all; NaN for subflows, whose work is that of
    their tasks. path_s and path_share
    are added up over the task runs on the critical path; NaN where there are none.
    """
    nodes = graph.nodes
    failed = nodes["state_type"].isin(FAILURES)
    grouped = nodes.assign(failed=failed, own_s=_own_work(nodes)).groupby("task_name", sort=True)
    run_s = grouped["run_s"]
    own = grouped["own_s"].sum(min_count=1)
    frame = pd.DataFrame(
        {
            "count": grouped.size(),
            "failures": grouped["failed"].sum(),
            "median_s": run_s.median(),
            "p95_s": run_s.quantile(0.95),
            "max_s": run_s.max(),
            "total_s": run_s.sum(),
            "share": own / own.sum() if own.sum() > 0 else own,
            **{
                name: on_path.groupby(nodes["task_name"]).sum(min_count=1)
                for name, on_path in _on_path(path.tasks).items()
            },
        }
    )
    frame = frame.rename_axis("task").reset_index()[list(BY_NAME)]
    return frame.sort_values(["total_s", "task"], ascending=[False, True], ignore_index=True)


def _own_work(nodes: pd.DataFrame) -> pd.Series:
    """The run_s of each node; of a task that called others without the time in which any of these took; else twice."""
    inside = nodes[nodes["container"].notna() & nodes["start"].notna()].sort_values(["container", "start"])
    start = seconds(inside["start"] - nodes["start"].min())
    end = start + inside["wall_s"]
    before = end.groupby(inside["container"]).cummax().groupby(inside["container"]).shift()
    fresh = (end - np.fmax(start, before)).clip(lower=0).groupby(inside["container"]).sum()
    own = (nodes["run_s"] - fresh.reindex(nodes.index, fill_value=0)).clip(lower=0)
    return own.where((nodes["kind"] == "task-run") | ~nodes.index.isin(nodes["container"].dropna()))
