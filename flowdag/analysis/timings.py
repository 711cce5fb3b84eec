"""Timings of a run as two tables: by task run and by task name. Durations are seconds."""

from __future__ import annotations

import pandas as pd

from flowdag.model import FAILURES, FlowRunGraph, seconds

BY_RUN = (
    "task", "state", "start_s", "blocked_s", "queue_s", "run_s", "retry_s", "wall_s", "tries", "inside", "id"
)  # fmt: skip
BY_NAME = ("task", "count", "failures", "median_s", "p95_s", "max_s", "total_s", "share")


def by_task_run(graph: FlowRunGraph) -> pd.DataFrame:
    """One row a node, in order of start: see `BY_RUN`.

    `start_s` is the start, counted from the start of the run; `inside` the label of the container, or "".
    """
    nodes = graph.nodes
    begin = pd.Timestamp(graph.run.start) if graph.run.start else nodes["start"].min()
    return pd.DataFrame(
        {
            "task": nodes["label"],
            "state": nodes["state_name"],
            "start_s": seconds(nodes["start"] - begin),
            **{name: nodes[name] for name in ("blocked_s", "queue_s", "run_s", "retry_s", "wall_s", "tries")},
            "inside": nodes["container"].map(nodes["label"]).fillna(""),
            "id": nodes.index,
        },
        columns=list(BY_RUN),
    ).reset_index(drop=True)


def by_task_name(graph: FlowRunGraph) -> pd.DataFrame:
    """One row a task name, the largest total first: see `BY_NAME`.

    Median, 95th percentile (linear interpolation), maximum and total are of `run_s`, over the task runs that started.
    `share` is the total of all task runs of this name as a part (0 to 1) of the total of all that contain no others,
    so that a subflow and its tasks are not counted twice; NaN for names that are containers only.
    """
    nodes = graph.nodes
    leaf = ~nodes.index.isin(nodes["container"].dropna())
    failed = nodes["state_type"].isin(FAILURES)
    grouped = nodes.assign(failed=failed, own_s=nodes["run_s"].where(leaf)).groupby("task_name", sort=True)
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
        }
    )
    frame = frame.rename_axis("task").reset_index()[list(BY_NAME)]
    return frame.sort_values(["total_s", "task"], ascending=[False, True], ignore_index=True)
