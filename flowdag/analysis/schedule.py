"""When everything of a run happened, in whole microseconds, each thing within what it lies in.

The run itself is one more node, the last: the container of all that lies in no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flowdag.analysis.nesting import Places, containers, depths
from flowdag.model import NOT_STARTED, TERMINAL, FlowRunGraph

Flags = NDArray[np.bool_]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NEVER: Final = np.int64(2**62)
SKEW_US, SKEW_SHARE = 1_000_000, 0.01
INTERRUPTED: Final = frozenset({"CANCELLED", "CRASHED"})


@dataclass(frozen=True)
class Schedule:
    """Times in microseconds since 1970, UTC; nodes by place, the run itself at place `size`.

    created, start, end: within the container's interval; what has not ended ends now, or with its flow run.
    began: whether it started, and before its container ended. waiting: it has not started yet and still may: it starts
    and ends now. awaited: its container may have waited for it: it ended no later, or the container was cut short.
    container: -1 for the run itself. depth: 0 for the run itself. is_flow: whether it is a flow run.
    last_attempt: when the last attempt of a flow run began; of all others the start.
    skew_us: by how much clocks of different machines may differ: CRISP (Uber, USENIX ATC '22) allows 1 %, too.
    """

    created: Places
    start: Places
    end: Places
    began: Flags
    waiting: Flags
    awaited: Flags
    container: Places
    depth: Places
    is_flow: Flags
    last_attempt: Places
    skew_us: int

    @property
    def size(self) -> int:
        """How many nodes there are, the run itself not counted."""
        return len(self.start) - 1


def schedule(graph: FlowRunGraph) -> Schedule | None:
    """The schedule of a run, or of one attempt of it (`attempts.of_attempt`); None where it has not started."""
    interval = _interval(graph)
    if interval is None:
        return None
    container, depth = _nesting(graph.nodes)
    created, start, end = _told(graph.nodes, interval)
    _give_containers_times(start, end, container, depth)
    began, over, cut_short = start != NEVER, *_fates(graph)
    waiting = _still_waiting(graph.nodes, created) & ~began & ~over[container]
    start, end = np.where(waiting, NEVER, start), np.where(waiting, NEVER, end)
    began[:-1] &= start[:-1] < end[container[:-1]]
    skew_us = min(SKEW_US, int(SKEW_SHARE * (interval[1] - interval[0])))
    told = np.append(graph.nodes["end"].notna().to_numpy(), True)
    awaited = cut_short[container] | (told & (end <= end[container] + skew_us))
    _clip(created, start, end, container, depth)
    is_flow = np.append((graph.nodes["kind"] == "flow-run").to_numpy(), True)
    last_attempt = _last_attempts(graph, start, end)
    return Schedule(created, start, end, began, waiting, awaited, container, depth, is_flow, last_attempt, skew_us)


def microseconds(at: datetime) -> int:
    """A time in microseconds since 1970."""
    return (at - EPOCH) // timedelta(microseconds=1)


def own_states(graph: FlowRunGraph, flow_run_id: str) -> pd.DataFrame:
    """The states of one flow run of the graph (`model.STATES`)."""
    return graph.states[graph.states["flow_run_id"] == flow_run_id]


def _interval(graph: FlowRunGraph) -> tuple[int, int] | None:
    """From when to when the run took, or the attempt of it that the graph is of."""
    run, states = graph.run, own_states(graph, graph.run.id)
    attempts = set(states["attempt"]) - {0} or {1}
    begin = run.start if 1 in attempts else states["start"].iloc[0]
    end = run.end or graph.as_of
    if max(attempts) < run.attempts and pd.notna(told := states["end"].iloc[-1] if len(states) else None):
        end = told
    begin = graph.nodes["start"].min() if begin is None else begin
    return None if pd.isna(begin) else (microseconds(begin), max(microseconds(begin), microseconds(end)))


def _nesting(nodes: pd.DataFrame) -> tuple[Places, Places]:
    container = np.append(containers(nodes), -1)
    container[:-1][container[:-1] < 0] = len(nodes)
    return container, depths(container)


def _told(nodes: pd.DataFrame, interval: tuple[int, int]) -> tuple[Places, Places, Places]:
    """When each node was created, started and ended, the run itself last; NEVER (for the end 0) where it did not."""
    created, start, end = (_or_never(nodes[name]) for name in ("expected_start", "start", "end"))
    lasted = (nodes["wall_s"].fillna(0.0).to_numpy() * 1e6).round().astype("int64")
    end = np.where(end == NEVER, start + lasted, np.maximum(start, end))
    end = np.where(start == NEVER, 0, end)
    created = np.where(created == NEVER, start, created)
    begin, finish = interval
    return np.append(created, begin), np.append(start, begin), np.append(end, finish)


def _or_never(times: pd.Series) -> Places:
    return np.where(times.isna(), NEVER, times.astype("int64")).astype("int64")


def _give_containers_times(start: Places, end: Places, container: Places, depth: Places) -> None:
    """A container that tells no start lasts as long as what ran inside it."""
    untold = start == NEVER
    for level in range(int(depth.max()), 1, -1):
        inside = np.flatnonzero((depth == level) & (start != NEVER) & untold[container])
        np.minimum.at(start, container[inside], start[inside])
        np.maximum.at(end, container[inside], end[inside])


def _fates(graph: FlowRunGraph) -> tuple[Flags, Flags]:
    """Whether each node is over; whether it was cut short, or goes on."""
    types = [*graph.nodes["state_type"], graph.run.state_type]
    over = np.array([kind in TERMINAL for kind in types])
    return over, np.array([kind in INTERRUPTED or kind not in TERMINAL for kind in types])


def _still_waiting(nodes: pd.DataFrame, created: Places) -> Flags:
    states = nodes["state_type"].isin(NOT_STARTED) & (nodes["state_name"] != "NotReady")
    found: Flags = np.append(states.to_numpy(), False) & (created != NEVER)
    return found


def _clip(created: Places, start: Places, end: Places, container: Places, depth: Places) -> None:
    for level in range(1, int(depth.max()) + 1):
        here = np.flatnonzero(depth == level)
        low, high = start[container[here]], end[container[here]]
        start[here] = np.clip(start[here], low, high)
        end[here] = np.clip(end[here], start[here], high)
        created[here] = np.clip(created[here], low, start[here])


def _last_attempts(graph: FlowRunGraph, start: Places, end: Places) -> Places:
    """When the last attempt of each flow run began; the start where there was one only, and of tasks."""
    found = start.copy()
    begun = graph.states[graph.states["attempt"] > 0].drop_duplicates(["flow_run_id", "attempt"])
    several = begun["flow_run_id"][begun.duplicated("flow_run_id")]
    last = begun[begun["flow_run_id"].isin(several)].drop_duplicates("flow_run_id", keep="last")
    for flow_run, began in zip(last["flow_run_id"], last["start"], strict=True):
        at = place_of(graph, str(flow_run))
        found[at] = np.clip(microseconds(began), start[at], end[at])
    return found


def place_of(graph: FlowRunGraph, flow_run_id: str) -> int:
    """Where a flow run of the graph stands among its nodes; the run itself comes after the last."""
    own = flow_run_id == graph.run.id
    return len(graph.nodes) if own else int(graph.nodes.index.get_indexer(pd.Index([flow_run_id]))[0])
