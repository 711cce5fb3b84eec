"""Where the seconds of each node went: blocked, queue, run, retry, wall (design, section 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import repeat
from typing import Any

import numpy as np

from flowdag.model import FlowRun
from flowdag.prefect_api.columns import Array, State
from flowdag.prefect_api.edges import Edges
from flowdag.prefect_api.nodes import Nodes
from flowdag.prefect_api.tries import Try, running_seconds

SECOND = np.timedelta64(1, "s")


def durations(
    nodes: Nodes,
    edges: Edges,
    tries: Mapping[str, Sequence[Try]],
    run: FlowRun,
    histories: Mapping[str, Sequence[State]],
    as_of: datetime,
) -> dict[str, Array]:
    """blocked, queue, run, retry and wall seconds; see the design, section 2."""
    now, start = _utc(as_of), nodes["start"]
    over = _ends_of_flow_runs(nodes, run)
    bound = _first_told(over, now)
    # until when the node waited: its start; never started: when that was clear, or its flow run's end, or now
    until = _first_told(start, nodes["settled"], bound)
    # a deployment's run outlives its caller where it was only set going; nothing else outlives its flow run
    end = _first_told(nodes["end"], np.where(nodes["independent"], now, bound))
    created = _first_told(nodes["expected_start"], start)
    last_input = _last_inputs(edges, _first_told(nodes["settled"], np.where(np.isnat(start), bound, end)))
    ready = np.fmin(np.fmax(last_input, created), until)
    wall = _seconds(start, end)
    running = running_seconds(nodes, tries, histories, end)
    working = np.where(np.isnan(running), wall, running)
    return {
        "blocked_s": _seconds(created, ready),
        "queue_s": np.where(np.isnat(start) & ~np.isnat(over), np.nan, _seconds(ready, until)),
        "run_s": np.where(np.isnan(wall), np.nan, working),
        "retry_s": np.maximum(wall - working, 0),
        "wall_s": wall,
    }


def _ends_of_flow_runs(nodes: Nodes, run: FlowRun) -> Array:
    """For each node the end of the flow run that it belongs to; NaT while that runs.

    A subflow that told none, since its process died, ended with its caller.
    """
    subflows = np.flatnonzero(nodes["kind"] == "flow-run")
    size = len(nodes)
    places = {**dict(zip(nodes["id"][subflows], subflows.tolist(), strict=True)), run.id: size}
    ends: Array = np.append(nodes["end"], np.array([_utc(run.end), _utc(None)]))
    place = np.fromiter(map(places.get, nodes["flow_run_id"], repeat(size + 1)), "int64", size)
    for lost in subflows[np.isnat(ends[subflows]) & ~nodes["independent"][subflows]]:  # callers come before
        ends[lost] = ends[place[lost]]
    return np.asarray(ends[place])


def _last_inputs(edges: Edges, ended: Array) -> Array:
    """When the last input of each node ended, of those that were possible; NaT without inputs."""
    last = np.full(len(ended), np.datetime64("NaT", "us"))
    sound = edges.plausible
    np.fmax.at(last, edges.target[sound], ended[edges.source[sound]])
    return last


def _first_told(*times: Any) -> Array:
    """Of several times the first that is not NaT, one by one."""
    found = times[-1]
    for earlier in reversed(times[:-1]):
        found = np.where(np.isnat(earlier), found, earlier)
    return np.asarray(found)


def _seconds(begin: Array, end: Array) -> Array:
    """Seconds from one time to the other, NaN where one is NaT; nothing is shorter than 0."""
    return np.maximum((end - begin) / SECOND, 0)


def _utc(at: datetime | None) -> np.datetime64:
    return np.datetime64(at and at.astimezone(UTC).replace(tzinfo=None), "us")
