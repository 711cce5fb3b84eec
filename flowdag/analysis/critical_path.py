"""The critical path of a run, as it was observed: what the run was waiting for at each moment.

From the last to finish back through what each had waited for last, credited from hand-off to hand-off, so that the
segments tile the run exactly (as Flightpath does for Airflow, and Google's CPT, ACM Queue 2022; containers as Jaeger
and CRISP do). The longest sum of durations is something else: it leaves the waits out. Inside a subflow, or a task that
called tasks, the same again. Each node is visited once: linear in nodes and edges but for sorting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from flowdag.analysis.blocking import ORDER, blocking, needs
from flowdag.analysis.flow_order import flow_order
from flowdag.analysis.path_walk import (
    EARLIER_ATTEMPT,
    FLOW,
    NOT_SUBMITTED,
    PAUSED,
    PENDING,
    RETRY,
    RUN,
    Rest,
    Segment,
    Step,
    walk_back,
)
from flowdag.analysis.schedule import Schedule, place_of, schedule
from flowdag.analysis.slack import SECOND_US, slack_and_savings
from flowdag.model import TIME, FlowRunGraph, table

PARTS: Final = (RUN, PENDING, NOT_SUBMITTED, RETRY, FLOW, EARLIER_ATTEMPT, PAUSED)
SEGMENTS: Final = {"node": "object", "part": "object", "start": TIME, "end": TIME}
LINKS: Final = {"source": "object", "target": "object", "kind": "object"}
TASKS: Final = ("path_s", "share", "slack_s", "save_half_s", "save_all_s")
WAITING_DOMINATES = 0.1  # share of the path: below it simulated savings were right to 0.1 % of the run (peers, 2.4)


@dataclass(frozen=True)
class CriticalPath:
    """What a run was waiting for at each moment, and what would make it shorter.

    segments: columns `SEGMENTS`, in order of time; they tile the run from its start to its end, or to now, exactly.
        node: the id of what is to blame, None for the run's own flow. part: `run`, a task at work; `pending`, waiting
        for a free worker or a slot; `not_submitted`, its inputs were there, the flow had not created it yet; `retry`,
        the pause before another try; `flow`, the flow's own code before, between and after tasks; `earlier_attempt`
        of a flow run; `paused`.
    links: columns `LINKS`, the steps along the path, the first first: ids of two nodes, and `data`, `wait_for`, or
        `order` where only the order of the flow tells that one waited for the other, or for its slot.
    tasks: columns `TASKS`, index as the nodes'. path_s: seconds on the path, without those of what ran inside; share:
        the same as a part (0 to 1) of the run. slack_s: how much longer it could have taken without making the run
        longer; NaN where nothing waited for it. save_half_s, save_all_s: how much shorter the run would be had it
        worked half as long, or not at all; NaN for what contains others. All NaN for what never started, path_s 0.
    estimate: whether the savings are mere estimates, since waiting makes much of the path, or some on it got the slot
        of another: workers that become free serve others, and which ones nobody can tell.
    """

    segments: pd.DataFrame
    links: pd.DataFrame
    tasks: pd.DataFrame
    estimate: bool


def critical_path(graph: FlowRunGraph) -> CriticalPath:
    """The critical path of a run, or of one attempt of it (the graph that `attempts.of_attempt` gives).

    Without segments if the run has not started. Subflows whose contents were not read count as tasks.
    """
    times = schedule(graph)
    if times is None:
        nothing = dict.fromkeys(TASKS, np.nan) | {"path_s": 0.0, "share": 0.0}
        tasks = pd.DataFrame(nothing, index=graph.nodes.index, columns=list(TASKS), dtype="float64")
        return CriticalPath(_segments(graph, []), _links(graph, []), tasks, estimate=False)
    order = flow_order(times)
    needed = needs(times, graph.ends)
    found, steps = walk_back(times, blocking(times, needed, order), _rests(graph, times))
    length = np.array([segment.end - segment.start for segment in found], dtype=np.int64)
    node = np.array([segment.node for segment in found], dtype=np.int64)
    on_path = np.bincount(node, weights=length, minlength=times.size + 1)[:-1]
    whole = int(times.end[-1] - times.start[-1])
    columns = {"path_s": on_path / SECOND_US, "share": on_path / max(1, whole)}
    columns |= slack_and_savings(times, needed, order, graph.nodes["run_s"].to_numpy())
    waiting = sum(segment.end - segment.start for segment in found if segment.part == PENDING)
    by_slot = any(step.edge == ORDER and order.by_slot[step.target] for step in steps)
    return CriticalPath(
        segments=_segments(graph, found),
        links=_links(graph, steps),
        tasks=pd.DataFrame(columns, index=graph.nodes.index, columns=list(TASKS)),
        estimate=by_slot or waiting > WAITING_DOMINATES * whole,
    )


def _rests(graph: FlowRunGraph, times: Schedule) -> dict[int, list[Rest]]:
    """When nodes rested: tasks between two tries, flow runs between two attempts and while they were paused."""
    found: dict[int, list[Rest]] = {}
    tries, states = graph.tries, graph.states
    more = (tries["try"] > 1) | (tries["state_name"] == "AwaitingRetry")
    again = tries[tries["node"].isin(tries["node"][more]) & ~tries["node"].isin(states["flow_run_id"])]
    ended: dict[str, int] = {}
    for node, start, end in zip(again["node"], *_micro(again), strict=True):
        if node in ended and start > ended[node]:
            found.setdefault(place_of(graph, node), []).append(Rest(ended[node], start, RETRY))
        ended[node] = end
    told = again.drop_duplicates("node", keep="last")
    for node, end in zip(told["node"], _micro(told)[1], strict=True):  # a try that is still to come
        if end < (until := int(times.end[place := place_of(graph, node)])):
            found.setdefault(place, []).append(Rest(end, until, RETRY))
    paused = (states["state_type"] == "PAUSED") | (states["state_name"] == "Resuming")
    resting = states[paused | (states["attempt"] == 0)]
    for flow_run, is_pause, start, end in zip(
        resting["flow_run_id"], paused[resting.index], *_micro(resting), strict=True
    ):
        found.setdefault(place_of(graph, flow_run), []).append(Rest(start, end, PAUSED if is_pause else RETRY))
    return found


def _micro(spans: pd.DataFrame) -> tuple[list[int], list[int]]:
    """Starts and ends in microseconds; what has not ended ends at the end of time."""
    forever = pd.Timestamp("2200-01-01", tz="UTC")
    start, end = (spans[name].fillna(forever).astype("int64").tolist() for name in ("start", "end"))
    return start, end


def _segments(graph: FlowRunGraph, found: Sequence[Segment]) -> pd.DataFrame:
    ids = [*graph.nodes.index, None]
    columns = {
        "node": np.array([*(ids[segment.node] for segment in found), None], dtype="object")[:-1],
        "part": np.array([segment.part for segment in found], dtype="object"),
        "start": np.array([segment.start for segment in found], dtype="datetime64[us]"),
        "end": np.array([segment.end for segment in found], dtype="datetime64[us]"),
    }
    return table(columns, SEGMENTS)


def _links(graph: FlowRunGraph, steps: Sequence[Step]) -> pd.DataFrame:
    ids, kinds = graph.nodes.index, graph.edges["kind"].to_numpy()
    rows = [(ids[step.source], ids[step.target], "order" if step.edge == ORDER else kinds[step.edge]) for step in steps]
    return pd.DataFrame(rows, columns=list(LINKS), dtype="object")
