"""What the critical path says of a run, the costliest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import pandas as pd

from flowdag.analysis.critical_path import CriticalPath
from flowdag.analysis.path_walk import EARLIER_ATTEMPT, FLOW, NOT_SUBMITTED, PAUSED, PENDING, RETRY, RUN
from flowdag.model import FlowRunGraph

Kind = Literal["work", "pending", "subflow", "not_submitted", "retry", "flow", "earlier_attempt", "paused"]
WORTH_SAYING = 0.01  # of the run
PARTS: dict[str, Kind] = {
    PENDING: "pending", NOT_SUBMITTED: "not_submitted", RETRY: "retry", FLOW: "flow",
    EARLIER_ATTEMPT: "earlier_attempt", PAUSED: "paused",
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """What made a part of the run. seconds: on the path; share: of the run, 0 to 1.

    kind: `work` of tasks, `subflow` for what is pending before a subflow starts, else the part of the path.

    task: the task name, of `work`; of `flow` the subflow's; else that with most of the part; None for the run itself,
        and where that has more of the part than any task.
    node: the task run or subflow of that name with most of it. of: how many task runs have a part in it.
    """

    kind: Kind
    seconds: float
    share: float
    task: str | None
    node: str | None
    of: int


@dataclass(frozen=True)
class Saving:
    """The one task run that would make the run shorter by most, had it taken half as long."""

    node: str
    label: str
    seconds: float


def findings(graph: FlowRunGraph, path: CriticalPath) -> list[Finding]:
    """What makes at least 1 % of the run: work by task name, code by flow, and the other parts; the costliest first."""
    segments = path.segments
    if segments.empty:
        return []
    length = (segments["end"] - segments["start"]).dt.total_seconds()
    whole = float(length.sum())
    names = segments["node"].map(graph.nodes["task_name"]).astype("object").fillna("")
    parts = segments["part"].map({**PARTS, RUN: "work"})
    calls = segments["node"].map(graph.nodes["kind"]) == "flow-run"
    parts = parts.mask((parts == "pending") & calls, "subflow")  # for no slot: Prefect sets up its run
    parts = parts.mask((parts == "work") & segments["node"].isna(), "flow")  # a run without tasks
    found = []
    for key, rows in length.groupby([parts, names.where(parts.isin(["work", "flow"]), "")]):
        kind, seconds = cast(tuple[Kind, str], key)[0], float(rows.sum())
        if seconds >= WORTH_SAYING * whole:
            by_node = rows.groupby(segments["node"]).sum()
            by_name = by_node.groupby(graph.nodes["task_name"].reindex(by_node.index)).transform("sum")
            most = float(by_name.max()) if len(by_node) else 0.0
            node = str(by_node[by_name == most].idxmax()) if most > seconds - float(by_node.sum()) else None
            task = None if node is None else str(graph.nodes.at[node, "task_name"])
            found.append(Finding(kind, seconds, seconds / whole, task, node, len(by_node)))
    return sorted(found, key=lambda finding: (-finding.seconds, finding.kind, finding.task or ""))


def own_work_s(graph: FlowRunGraph, path: CriticalPath) -> float:
    """The longest time on the path that is the own work of one task run that calls others; seconds."""
    containers = graph.nodes.index.isin(graph.nodes["container"].dropna()) & (graph.nodes["kind"] == "task-run")
    segments = path.segments[path.segments["node"].isin(graph.nodes.index[containers])]
    own = segments[segments["part"].isin([RUN, FLOW])]
    return float((own["end"] - own["start"]).dt.total_seconds().groupby(own["node"]).sum().max()) if len(own) else 0.0


def best_saving(graph: FlowRunGraph, path: CriticalPath) -> Saving | None:
    """The task run to make faster first; None where that would not make the run 1 % shorter."""
    saved = path.tasks["save_half_s"].dropna()
    whole = float((path.segments["end"] - path.segments["start"]).dt.total_seconds().sum())
    if saved.empty or saved.max() < WORTH_SAYING * whole or pd.isna(saved.max()) or saved.max() <= 0:
        return None
    node = str(saved.idxmax())
    return Saving(node, str(graph.nodes.at[node, "label"]), float(saved.max()))


def along(path: CriticalPath) -> list[str]:
    """The ids of the nodes that the path goes through, each once, in order of time."""
    return list(dict.fromkeys(str(node) for node in path.segments["node"].dropna()))
