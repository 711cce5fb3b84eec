"""Where the seconds of each node went: blocked, queue, run, retry, wall (design, section 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from flowdag.model import TIME, FlowRun, seconds
from flowdag.prefect_api.tries import running_seconds

Row = Mapping[str, Any]


def with_durations(
    nodes: pd.DataFrame,
    edges: pd.DataFrame,
    tries: pd.DataFrame,
    run: FlowRun,
    histories: Mapping[str, Sequence[Row]],
    as_of: datetime,
) -> pd.DataFrame:
    """blocked, queue, run, retry and wall seconds; see the design, section 2."""
    over = _ends_of_flow_runs(nodes, run)
    bound = over.fillna(pd.Timestamp(as_of))
    # until when the node waited: its start; never started: its end, or its flow run's, or now
    until = nodes["start"].fillna(nodes["end"]).fillna(bound)
    # a subflow outlives its caller where it was only set going; a task does not outlive its flow run
    end = nodes["end"].fillna(bound.mask(nodes["kind"] == "flow-run", pd.Timestamp(as_of)))
    inputs = edges[edges["plausible"]]
    ended = end.where(nodes["start"].notna(), bound).reindex(inputs["source"])
    last_input = (
        pd.Series(ended.to_numpy(), index=inputs["target"].to_numpy()).groupby(level=0).max().reindex(nodes.index)
    )
    created = nodes["expected_start"].fillna(nodes["start"])
    ready = _utc(last_input).fillna(created)
    ready = ready.mask(ready < created, created).where(lambda at: at <= until, until)
    wall = seconds(end - nodes["start"]).clip(lower=0)
    working = running_seconds(nodes, tries, histories, end).reindex(nodes.index).fillna(wall)
    stuck = nodes["start"].isna() & over.notna()
    return nodes.assign(
        blocked_s=seconds(ready - created).clip(lower=0),
        queue_s=seconds(until - ready).clip(lower=0).mask(stuck),
        run_s=working.where(wall.notna()),
        retry_s=(wall - working).clip(lower=0),
        wall_s=wall,
        tries=nodes["tries"].astype("int64"),
    )


def _ends_of_flow_runs(nodes: pd.DataFrame, run: FlowRun) -> pd.Series:
    """For each node the end of the flow run that it belongs to; NaT while that runs."""
    ends = nodes.loc[nodes["kind"] == "flow-run", "end"].to_dict() | {
        run.id: pd.Timestamp(run.end) if run.end else pd.NaT
    }
    return _utc(nodes["flow_run_id"].map(ends))


def _utc(values: pd.Series) -> pd.Series:
    return pd.Series(pd.to_datetime(values, utc=True).astype(TIME))
