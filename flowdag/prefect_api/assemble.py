"""From Prefect's rows to the model: nodes with their containers and times, true edges, tries. Pure; no requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from flowdag.model import FAILURES, NODES, NOT_STARTED, TERMINAL, FlowRun, FlowRunGraph, table
from flowdag.prefect_api.columns import SUBFLOW, TASK_RUN, Array, among, columns, states_by_run
from flowdag.prefect_api.columns import Row as Row
from flowdag.prefect_api.durations import durations
from flowdag.prefect_api.edges import inputs_of, true_edges
from flowdag.prefect_api.flow_states import states_table
from flowdag.prefect_api.nodes import nodes_of
from flowdag.prefect_api.tries import begins, tries_known, tries_table

SETTLED_AFTER = timedelta(seconds=10)
GIVEN_UP_AFTER = timedelta(seconds=60)
ARRIVING = "The run has ended, but some of its task runs may still arrive."
MISSING = "The run ended more than a minute ago, and some of its task runs may be missing."
KNOWN_STATES = TERMINAL | NOT_STARTED | {"RUNNING", "PAUSED", "CANCELLING"}


@dataclass(frozen=True)
class Raw:
    """What was read of one run. `subflows`: flow-run rows of all levels; `task_runs`: rows of the run and its subflows.

    `flow_names`: by flow id. `histories`: states by task run id or flow run id, for those tried more than once, or
    paused.
    """

    run: FlowRun
    subflows: Sequence[Row]
    task_runs: Sequence[Row]
    flow_names: Mapping[str, str]
    histories: Mapping[str, Sequence[Row]] = field(default_factory=dict)


def assemble(raw: Raw, as_of: datetime, notes: Iterable[str] = ()) -> FlowRunGraph:
    """The graph of one flow run from what was read of it. Raises ApiAnswerInvalid if rows have not Prefect's shape."""
    run = raw.run
    task_runs, subflows = columns(raw.task_runs, TASK_RUN, "task runs"), columns(raw.subflows, SUBFLOW, "flow runs")
    histories, undated = states_by_run(raw.histories)
    if run.id in histories:  # Prefect counts a run that goes on after a pause as another attempt
        run = replace(run, attempts=len(begins(histories[run.id])))
    inputs = inputs_of(task_runs["task_inputs"])
    nodes = nodes_of(run.id, task_runs, subflows, raw.flow_names, histories)
    edges = true_edges(task_runs["id"], inputs, nodes, task_runs["state"])
    tries = tries_known(nodes, histories)
    found = {**nodes.of, **durations(nodes, edges, tries, run, histories, as_of)}
    frame = table(found, NODES, pd.Index(nodes["id"], dtype="object", name="id"))
    settling = frame.assign(independent=nodes["independent"])
    complete = is_settled(run, settling, _last_recorded(task_runs["updated"]), as_of)
    remarks = [
        *_doubts(frame, task_runs.unreadable + subflows.unreadable + nodes.unreadable + undated, nodes.mended),
        *_remarks(run, frame, edges.plausible, complete, as_of),
    ]
    return FlowRunGraph(
        run=run,
        nodes=frame,
        edges=edges.frame(nodes),
        ends=(edges.source, edges.target),
        tries=tries_table(nodes, tries),
        states=states_table(run, nodes, histories),
        as_of=as_of,
        complete=complete,
        notes=(*notes, *remarks),
    )


def _last_recorded(updated: Array) -> pd.Timestamp | None:
    """When the server last wrote one of these rows: Prefect records task runs one by one, seconds late or minutes."""
    written = updated[~np.isnat(updated)]
    return pd.Timestamp(written.max(), tz="UTC") if len(written) else None


def is_settled(run: FlowRun, nodes: pd.DataFrame, last_recorded: datetime | None, as_of: datetime) -> bool:
    """Whether all is told: the flow run has ended, and nothing more has been recorded of it for a while.

    nodes: columns state_type, state_name, and `independent`: whether it has a process of its own.
    """
    if not run.is_over:
        return False
    age = as_of - (run.end or run.updated or as_of)
    quiet = as_of - last_recorded if last_recorded else age
    running = ~among(nodes["state_type"], TERMINAL | NOT_STARTED)
    waiting = among(nodes["state_type"], NOT_STARTED) & ~among(nodes["state_name"], {"NotReady"})
    late = (running | waiting) & (nodes["independent"].to_numpy(dtype="bool") | (age < GIVEN_UP_AFTER))
    return bool(min(age, quiet) >= SETTLED_AFTER and not late.any())


def _remarks(run: FlowRun, nodes: pd.DataFrame, plausible: Array, complete: bool, as_of: datetime) -> list[str]:
    """What people should know about this graph."""
    remarks = []
    if doubtful := int((~plausible).sum()):
        remarks.append(
            f"{doubtful} link{'s are' if doubtful > 1 else ' is'} dashed: the later task started before the earlier "
            "one had ended, so Prefect may have mistaken one value for another, or the earlier one hands on results "
            "while it runs."
        )
    never = int((nodes["start"].isna() & among(nodes["state_type"], NOT_STARTED)).sum()) if run.is_over else 0
    if never:
        because = " because of a failure" if run.state_type in FAILURES else ""
        remarks.append(f"{never} task{'s' if never > 1 else ''} never started{because}.")
    lost = int((~among(nodes["state_type"], TERMINAL | NOT_STARTED)).sum()) if complete else 0
    if lost:
        remarks.append(
            f"{lost} task{'s' if lost > 1 else ''} never told of an end, and may have been lost with the run: "
            "counted up to its end."
        )
    if run.is_over and not complete:
        long_ago = run.end is not None and as_of - run.end >= GIVEN_UP_AFTER
        remarks.append(MISSING if long_ago else ARRIVING)
    return remarks


def _doubts(nodes: pd.DataFrame, unreadable: int, mended: int) -> list[str]:
    """What was not as a server should tell it."""
    doubts = []
    if unreadable:
        doubts.append(f"{unreadable} time{'s' if unreadable > 1 else ''} could not be read: shown as not told.")
    if mended:
        doubts.append(f"{mended} tasks were told to have run inside themselves: shown outside.")
    if backwards := int((nodes["end"] < nodes["start"]).sum()):
        doubts.append(f"{backwards} task{'s' if backwards > 1 else ''} ended before the start: counted as 0 s.")
    if strange := sorted(set(nodes["state_type"]) - KNOWN_STATES):
        doubts.append(f"States that flowdag does not know, taken as not ended: {', '.join(strange)}.")
    return doubts
