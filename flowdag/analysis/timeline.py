"""When each task waited, ran, was paused and was tried again: the bars of a timeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flowdag.analysis.concurrency import concurrency
from flowdag.analysis.time_axis import Stretch, idle_stretches
from flowdag.model import TIME, FlowRunGraph, seconds

PARTS: Final = ("blocked", "queue", "run", "retry", "paused")
COLUMNS: Final = ("node", "part", "try", "state_type", "start", "end")
SECOND = np.timedelta64(1, "s")

Times = NDArray[np.datetime64]


@dataclass(frozen=True)
class _Nodes:
    """When each node was created, had its inputs, stopped waiting, started and ended; NaT where it never did."""

    created: Times
    ready: Times
    until: Times
    start: Times
    end: Times


@dataclass(frozen=True)
class Timeline:
    """A run over time, whatever of it is looked at.

    zero: the run's start (UTC), from which seconds are counted. span: from when to when it took. bars: those of `bars`,
    with start_s and end_s, seconds from zero. idle: the stretches in which no task ran. steps: how many ran and waited
    (`concurrency.concurrency`) of `workers`.
    """

    zero: pd.Timestamp
    span: Stretch
    bars: pd.DataFrame
    idle: tuple[Stretch, ...]
    steps: pd.DataFrame


def timeline(graph: FlowRunGraph) -> Timeline:
    """The timeline of a run, or of one attempt of it (the graph that `attempts.of_attempt` gives)."""
    found = bars(graph)
    begin, end = span(graph)
    zero = pd.Timestamp(graph.run.start) if graph.run.start else begin
    found = found.assign(start_s=seconds(found["start"] - zero), end_s=seconds(found["end"] - zero))
    within = ((begin - zero).total_seconds(), (end - zero).total_seconds())
    working = workers(graph)
    ran = found[(found["part"] == "run") & found["node"].isin(working)]
    idle = idle_stretches(ran["start_s"].to_numpy(), ran["end_s"].to_numpy(), within)
    return Timeline(zero, within, found, tuple(idle), concurrency(found, working))


def bars(graph: FlowRunGraph) -> pd.DataFrame:
    """What each node did from its creation to its end: `COLUMNS`, in the nodes' order, then in order of time.

    `part` is one of `PARTS`; `try` the number of the try and `state_type` how it ended (or stands), both of `run` only
    (else 0 and ""). The bars of a node tile its time, to `as_of` where it has not ended; what never started has only
    waited. Only `run` may be empty, of what took no time. Times are UTC. Pauses are known of subflows only.
    """
    told = _times(graph)
    pieces = [
        _pieces("blocked", told.created, told.ready),
        _pieces("queue", told.ready, told.until),
        *_tried(graph, told),
        *_subflows(graph, told),
        _untold(graph, told),
    ]
    place, part, number, state, start, end = (np.concatenate(columns) for columns in zip(*pieces, strict=True))
    kept = np.flatnonzero((end > start) | ((part == PARTS.index("run")) & ~np.isnat(start)))
    kept = kept[np.lexsort((part[kept], start[kept], place[kept]))]
    states = graph.nodes["state_type"].to_numpy(dtype=object)
    return pd.DataFrame(
        {
            "node": graph.nodes.index.to_numpy(dtype=object)[place[kept]],
            "part": np.array(PARTS, dtype=object)[part[kept]],
            "try": number[kept],
            "state_type": np.where(state[kept] < 0, "", np.where(state[kept], "FAILED", states[place[kept]])),
            "start": pd.DatetimeIndex(start[kept]).tz_localize("UTC"),
            "end": pd.DatetimeIndex(end[kept]).tz_localize("UTC"),
        }
    ).astype({"start": TIME, "end": TIME, "state_type": "object"})


def span(graph: FlowRunGraph) -> tuple[pd.Timestamp, pd.Timestamp]:
    """From when to when the run, or the attempt of it that the graph is of, took: to `as_of` while it goes on. UTC.

    What outlived it (a deployment's run that was only set going) makes it longer.
    """
    own = graph.states[graph.states["flow_run_id"] == graph.run.id]
    told = _times(graph)
    begin = own["start"].min() if len(own) else pd.Timestamp(graph.run.start or graph.as_of)
    now = pd.Timestamp(graph.run.end or graph.as_of)
    ends = [own["end"].fillna(now).max() if len(own) else now]
    if not np.isnat(told.end).all():
        ends.append(pd.Timestamp(np.nanmax(told.end)).tz_localize("UTC"))
    return begin, max(begin, *ends)


def workers(graph: FlowRunGraph) -> pd.Index:
    """The task runs, and of the subflows those whose contents are not known: the others do their work in tasks."""
    nodes = graph.nodes
    return nodes.index[(nodes["kind"] == "task-run") | ~nodes.index.isin(nodes["container"].dropna())]


def _times(graph: FlowRunGraph) -> _Nodes:
    nodes = graph.nodes
    start = _naive(nodes["start"])
    created = np.fmin(_first_told(_naive(nodes["expected_start"]), start), start)
    ready = np.fmin(created + _span(nodes["blocked_s"]), start)
    until = np.where(np.isnat(start), ready + _span(nodes["queue_s"].fillna(0.0)), start)
    return _Nodes(created, ready, until, start, start + _span(nodes["wall_s"]))


def _naive(column: pd.Series) -> Times:
    return np.asarray(column.dt.tz_localize(None).to_numpy(), dtype="datetime64[us]")


def _span(seconds: pd.Series) -> NDArray[np.timedelta64]:
    return pd.to_timedelta((seconds * 1e6).round(), unit="us").to_numpy().astype("timedelta64[us]")


def _first_told(times: Times, others: Times) -> Times:
    return np.where(np.isnat(times), others, times)


Pieces = tuple[Any, ...]  # arrays of one length: place of the node, part, try, failed (-1: no state), start, end


def _pieces(part: str, start: Times, end: Times, place: Any = None, number: Any = 0, failed: Any = -1) -> Pieces:
    size = len(start)
    place = np.arange(size) if place is None else place
    return (
        place,
        np.full(size, PARTS.index(part)),
        np.broadcast_to(number, size),
        np.broadcast_to(failed, size),
        start,
        end,
    )


def _tried(graph: FlowRunGraph, told: _Nodes) -> list[Pieces]:
    """The tries, and the time between them. What follows the last try of what has not ended is a delay too."""
    tries = graph.tries[~graph.tries["node"].isin(graph.states["flow_run_id"])]
    place = graph.nodes.index.get_indexer(pd.Index(tries["node"]))
    if not len(place):
        return []
    first, last = _ends_of_runs(place)
    over = ~np.isnat(_naive(graph.nodes["end"])[place])
    awaiting = tries["state_name"].isin(("AwaitingRetry", "Retrying")).to_numpy()
    start = np.where(first, told.start[place], _naive(tries["start"]))
    end = _first_told(np.where(last & over, told.end[place], _naive(tries["end"])), told.end[place])
    start, end = _within(start, told, place), _within(end, told, place)
    until = np.where(last, told.end[place], np.append(start[1:], start[:1]))
    failed = (~last | (awaiting & ~over)).astype(np.int64)
    return [
        _pieces("run", start, end, place, tries["try"].to_numpy(), failed),
        _pieces("retry", end, until, place),
    ]


def _untold(graph: FlowRunGraph, told: _Nodes) -> Pieces:
    """What started, though no state tells of a try: its whole time as one."""
    known = graph.nodes.index.isin(graph.tries["node"]) | graph.nodes.index.isin(graph.states["flow_run_id"])
    place = np.flatnonzero(~np.isnat(told.start) & ~known)
    return _pieces("run", told.start[place], told.end[place], place, 1, 0)


def _subflows(graph: FlowRunGraph, told: _Nodes) -> list[Pieces]:
    """The states of the subflows whose states are known: attempts, pauses, and what lies between."""
    found = graph.nodes.index.get_indexer(pd.Index(graph.states["flow_run_id"]))
    known = np.flatnonzero(found >= 0)
    known = known[~np.isnat(told.start[found[known]])]
    states, place = graph.states.iloc[known], found[known]
    if not len(place):
        return []
    first, last = _ends_of_runs(place)
    start = np.where(first, told.start[place], _naive(states["start"]))
    end = np.where(last, told.end[place], _first_told(_naive(states["end"]), told.end[place]))
    start, end = _within(start, told, place), _within(end, told, place)
    paused = (states["state_type"] == "PAUSED").to_numpy()
    attempt = states["attempt"].to_numpy()
    failed = (attempt != states.groupby("flow_run_id")["attempt"].transform("max").to_numpy()).astype(np.int64)
    parts = {"run": (attempt > 0) & ~paused, "paused": paused, "retry": (attempt == 0) & ~paused}
    return [
        _pieces(part, start[of], end[of], place[of], *((attempt[of], failed[of]) if part == "run" else ()))
        for part, of in parts.items()
    ]


def _ends_of_runs(place: NDArray[np.intp]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows are the first of their node, and which the last."""
    change = place[1:] != place[:-1]
    return np.append(True, change), np.append(change, True)


def _within(times: Times, told: _Nodes, place: NDArray[np.intp]) -> Times:
    return np.asarray(np.minimum(np.maximum(times, told.start[place]), told.end[place]))
