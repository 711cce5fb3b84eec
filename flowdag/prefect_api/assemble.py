"""From Prefect's rows to the model: nodes with their containers and times, true edges, tries. Pure; no requests.

The repairs (what graph-v2 does not tell, or tells wrong) are one small function each; see the design, 3.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from flowdag.model import FAILURES, NODES, NOT_STARTED, TERMINAL, FlowRun, FlowRunGraph, table, times
from flowdag.prefect_api.durations import with_durations
from flowdag.prefect_api.edges import true_edges
from flowdag.prefect_api.tries import begins, tries_table

Row = Mapping[str, Any]
SETTLED_AFTER = timedelta(seconds=10)
GIVEN_UP_AFTER = timedelta(seconds=60)
KEY_HASH = re.compile(r"-[0-9a-f]{8}$")


@dataclass(frozen=True)
class Raw:
    """What was read of one run. `subflows`: flow-run rows of all levels; `task_runs`: rows of the run and its subflows.

    `flow_names`: by flow id. `histories`: states by task run id or flow run id, for those tried more than once.
    """

    run: FlowRun
    subflows: Sequence[Row]
    task_runs: Sequence[Row]
    flow_names: Mapping[str, str]
    histories: Mapping[str, Sequence[Row]] = field(default_factory=dict)


def assemble(raw: Raw, as_of: datetime, notes: Iterable[str] = ()) -> FlowRunGraph:
    """The graph of one flow run from what was read of it."""
    called_by = _children_of_wrappers(raw.subflows)
    nodes = _nodes(raw, called_by)
    tries = tries_table(nodes, raw.histories)
    nodes = nodes.assign(attempt=_attempts(nodes, raw))
    edges = true_edges(raw.task_runs, called_by, nodes)
    nodes = with_durations(nodes, edges, tries, raw.run, raw.histories, as_of)
    complete = is_settled(raw.run, nodes, _last_recorded(raw.task_runs), as_of)
    nodes = table({name: nodes[name] for name in NODES}, NODES, nodes.index)
    return FlowRunGraph(
        raw.run, nodes, edges, tries, as_of, complete, (*notes, *_remarks(raw.run, nodes, edges, complete))
    )


def _children_of_wrappers(subflows: Sequence[Row]) -> dict[str, list[Row]]:
    """Subflow runs by the task run that stands for them in the caller, in order; a retried caller has several."""
    found: dict[str, list[Row]] = {}
    for row in subflows:
        if row.get("parent_task_run_id"):
            found.setdefault(row["parent_task_run_id"], []).append(row)
    for runs in found.values():
        runs.sort(key=lambda row: row.get("expected_start_time") or "")
    return found


def _nodes(raw: Raw, called_by: Mapping[str, Sequence[Row]]) -> pd.DataFrame:
    """One row a task run or subflow; a wrapper task run becomes its subflow runs."""
    names = _task_names(raw.task_runs)
    container_of = _containers(raw)
    rows = []
    for task_run in raw.task_runs:
        for at, subflow in enumerate(called_by.get(task_run["id"], ())):
            # a retried caller keeps its wrapper: when later calls were made only the subflow runs themselves tell
            created = (at == 0 and task_run.get("expected_start_time")) or subflow.get("expected_start_time")
            rows.append(_subflow_node(task_run, subflow, created, raw.flow_names, container_of))
        if task_run["id"] not in called_by:
            rows.append(_task_node(task_run, names, container_of))
    frame = pd.DataFrame(rows, columns=[*_COLUMNS_READ], dtype="object").set_index("id")
    for name in ("expected_start", "start", "end"):
        frame[name] = times(frame[name].to_numpy()).array
    frame = frame[~frame.index.duplicated()]
    inside = dict(zip(frame.index, frame["container"], strict=True))
    # a subflow whose wrapper was deleted is no node, and nothing is inside itself
    sound = [container in inside and not _returns(node, inside) for node, container in inside.items()]
    return _order(frame.assign(container=frame["container"].where(np.array(sound, dtype=bool), None)))


def _returns(node: str, container_of: Mapping[str, str | None]) -> bool:
    """Whether the containers around a node lead back to it."""
    seen: set[str] = set()
    around = container_of[node]
    while around is not None and around not in seen:
        seen.add(around)
        around = container_of.get(around)
    return node in seen


_COLUMNS_READ = (
    "id", "kind", "flow_run_id", "task_run_id", "label", "task_name", "task_key", "state_type", "state_name",
    "expected_start", "start", "end", "total_s", "tries", "attempt", "container", "tags",
)  # fmt: skip


def _order(nodes: pd.DataFrame) -> pd.DataFrame:
    """By start (expected start where there is none), then id: the order of tables and exports."""
    key = nodes["start"].fillna(nodes["expected_start"])
    return nodes.loc[key.sort_index().sort_values(kind="stable").index]


def _task_node(row: Row, names: Mapping[str, str], container_of: Mapping[str, str | None]) -> tuple[Any, ...]:
    start, end = _span(row)
    return (
        row["id"], "task-run", row.get("flow_run_id"), row["id"], row.get("name") or row["id"],
        names[row["id"]], row.get("task_key"), row.get("state_type") or "PENDING",
        row.get("state_name") or "Pending", row.get("expected_start_time"), start, end,
        row.get("total_run_time") or 0.0, row.get("run_count") or 0, row.get("flow_run_run_count") or 0,
        container_of.get(row["id"]), tuple(row.get("tags") or ()),
    )  # fmt: skip


def _subflow_node(
    wrapper: Row,
    run: Row,
    created: str | None,
    flow_names: Mapping[str, str],
    container_of: Mapping[str, str | None],
) -> tuple[Any, ...]:
    flow_name = flow_names.get(run["flow_id"], "(deleted flow)")
    start, end = _span(run)
    return (
        run["id"], "flow-run", wrapper.get("flow_run_id"), wrapper["id"], f"{flow_name} / {run['name']}", flow_name,
        wrapper.get("task_key"), run.get("state_type") or "PENDING", run.get("state_name") or "Pending",
        created, start, end,
        run.get("total_run_time") or 0.0, run.get("run_count") or 0, 0,
        container_of.get(wrapper["id"]), tuple(run.get("tags") or ()),
    )  # fmt: skip


def _span(row: Row) -> tuple[str | None, str | None]:
    """Start and end; old servers leave them out for cached tasks, whose one state then tells both."""
    start, end = row.get("start_time"), row.get("end_time")
    if row.get("state_type") in TERMINAL and end is None:
        end = (row.get("state") or {}).get("timestamp") or row.get("expected_start_time")
    if row.get("state_type") == "COMPLETED" and start is None:
        start = end
    return start, end


def _task_names(task_runs: Sequence[Row]) -> dict[str, str]:
    """The task's own name by task run: see `_default_name`; with a run name of its own, that of others of its key."""
    own = {row["id"]: name for row in task_runs if (name := _default_name(row))}
    of_key = {row.get("task_key") or "": own[row["id"]] for row in task_runs if row["id"] in own}
    return {
        row["id"]: own.get(row["id"]) or of_key.get(row.get("task_key") or "") or _key_name(row) for row in task_runs
    }


def _default_name(row: Row) -> str | None:
    """The task's name in a default run name, `<name>-<start of the dynamic key>`; None for other run names."""
    named = str(row.get("name") or "")
    suffix = f"-{str(row.get('dynamic_key') or '')[:3]}"
    return named.removesuffix(suffix) if named.endswith(suffix) and len(named) > len(suffix) > 1 else None


def _key_name(row: Row) -> str:
    """The function's name in a task key, `<module>.<name>` or `<name>-<hash>`."""
    return KEY_HASH.sub("", str(row.get("task_key") or "").rpartition(".")[2]) or str(row.get("name") or row["id"])


def _containers(raw: Raw) -> dict[str, str | None]:
    """What each task run ran inside: the task that called it, else the subflow it belongs to, else nothing."""
    known = {row["id"] for row in raw.task_runs}
    parents = {row["id"]: [caller for caller in _callers(row) if caller in known] for row in raw.task_runs}
    found: dict[str, str | None] = {}
    for row in raw.task_runs:
        callers = [caller for caller in parents[row["id"]] if caller != row["id"]]
        # several callers are a chain: the innermost is the one that the others contain
        inner = [c for c in callers if not any(c in parents[other] for other in callers)]
        owner = None if row.get("flow_run_id") == raw.run.id else row.get("flow_run_id")
        found[row["id"]] = (inner or callers)[0] if callers else owner
    return found


def _callers(row: Row) -> list[str]:
    """The task runs that this one was called in.

    Prefect's `__parents__` also names an input that happened to be running when this one was submitted (meant for
    generator tasks, `_infer_parent_task_runs`); a task cannot wait for the result of what it runs inside.
    """
    inputs = {key: [given.get("id") for given in inputs] for key, inputs in (row.get("task_inputs") or {}).items()}
    callers = inputs.pop("__parents__", [])
    needed = {source for sources in inputs.values() for source in sources}
    return [caller for caller in callers if caller and caller not in needed]


def _attempts(nodes: pd.DataFrame, raw: Raw) -> pd.Series:
    """The attempt of the owning flow run; where Prefect tells none, the one whose time contains the expected start."""
    found = nodes["attempt"].astype("int64").copy()
    for owner, mine in found[found == 0].groupby(nodes["flow_run_id"], dropna=False):
        starts = times([state["timestamp"] for state in begins(raw.histories.get(str(owner), ()))]).to_numpy()
        created = nodes.loc[mine.index, "expected_start"].to_numpy(dtype=starts.dtype)
        found[mine.index] = np.maximum(1, np.searchsorted(starts, created, side="right"))
    return found


def _last_recorded(task_runs: Sequence[Row]) -> pd.Timestamp | None:
    """When the server last wrote one of these rows: Prefect records task runs one by one, seconds late or minutes."""
    written = times([row.get("updated") for row in task_runs]).max()
    return None if pd.isna(written) else written


def is_settled(run: FlowRun, nodes: pd.DataFrame, last_recorded: datetime | None, as_of: datetime) -> bool:
    """Whether all is told: the flow run has ended, and nothing more has been recorded of it for a while."""
    if not run.is_over:
        return False
    age = as_of - (run.end or run.updated or as_of)
    quiet = as_of - last_recorded if last_recorded else age
    running = ~nodes["state_type"].isin(TERMINAL | NOT_STARTED)
    waiting = nodes["state_type"].isin(NOT_STARTED) & (nodes["state_name"] != "NotReady")
    late = (running | waiting) & ((nodes["kind"] == "flow-run") | (age < GIVEN_UP_AFTER))
    return bool(min(age, quiet) >= SETTLED_AFTER and not late.any())


def _remarks(run: FlowRun, nodes: pd.DataFrame, edges: pd.DataFrame, complete: bool) -> list[str]:
    """What people should know about this graph."""
    remarks = []
    if doubtful := int((~edges["plausible"]).sum()):
        remarks.append(
            f"{doubtful} link{'s are' if doubtful > 1 else ' is'} dashed: the later task started before the earlier "
            "one had ended, so Prefect may have mistaken one value for another."
        )
    never = int((nodes["start"].isna() & nodes["state_type"].isin(NOT_STARTED)).sum()) if run.is_over else 0
    if never:
        because = " because of a failure before them" if run.state_type in FAILURES else ""
        remarks.append(f"{never} task{'s' if never > 1 else ''} never started{because}.")
    lost = int((~nodes["state_type"].isin(TERMINAL | NOT_STARTED)).sum()) if complete else 0
    if lost:
        remarks.append(
            f"{lost} task{'s' if lost > 1 else ''} never told of an end, and may have been lost with the run: "
            "counted up to its end."
        )
    if run.is_over and not complete:
        remarks.append("The run has ended, but some of its task runs may still arrive: refresh in a moment.")
    return remarks
