"""Runs built by hand, second by second, and put together by the code that puts real ones together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flowdag.model import FlowRun, FlowRunGraph
from flowdag.prefect_api.assemble import Raw, assemble
from tests.hostile import AS_OF, BEGIN, RUN


def at(second: float | None) -> datetime | None:
    return None if second is None else BEGIN + timedelta(seconds=second)


def said(second: float | None) -> str | None:
    return None if second is None else BEGIN.__add__(timedelta(seconds=second)).isoformat()


@dataclass(frozen=True)
class Ran:
    """A task run: created, started and ended at these seconds of the run; its name is its id without digits.

    inside: the task run or subflow that called it. subflow: it is one, and ran what names it as `inside`. tries: when
    each try began and ended, where there were several.
    """

    id: str
    created: float
    start: float | None
    end: float | None
    needs: Sequence[str] = ()
    waits_for: Sequence[str] = ()
    inside: str | None = None
    subflow: bool = False
    state: str = "COMPLETED"
    name: str | None = None
    tries: Sequence[tuple[float, float]] = ()
    attempt: int = 1


@dataclass(frozen=True)
class Flow:
    """The run itself. states: (second, type, name) of its history, for what was retried or paused."""

    end: float | None
    state: str = "COMPLETED"
    states: Sequence[tuple[float, str, str]] = field(default_factory=tuple)


def built(flow: Flow, *ran: Ran, as_of: float = 600) -> FlowRunGraph:
    """The graph of a run that began at second 0."""
    subflows = {one.id for one in ran if one.subflow}
    histories = {one.id: _history(one) for one in ran if one.tries}
    attempts = 1
    if flow.states:
        histories[RUN] = [{"type": kind, "name": name, "timestamp": said(when)} for when, kind, name in flow.states]
        attempts = 2
    run = FlowRun(
        RUN, "run", "f", "flow", flow.state, flow.state.title(), start=at(0), end=at(flow.end), attempts=attempts
    )
    rows = [_row(one, subflows) for one in ran]
    called = [_subflow(one) for one in ran if one.subflow]
    as_of_at = at(as_of)
    assert as_of_at is not None
    return assemble(Raw(run, called, rows, {one.id: one.id for one in ran}, histories), as_of_at)


def _row(one: Ran, subflows: set[str]) -> dict[str, Any]:
    inputs: dict[str, Any] = {}
    if one.needs:
        inputs["x"] = [{"input_type": "task_run", "id": source} for source in one.needs]
    if one.waits_for:
        inputs["wait_for"] = [{"input_type": "task_run", "id": source} for source in one.waits_for]
    if one.inside and one.inside not in subflows:
        inputs["__parents__"] = [{"input_type": "task_run", "id": one.inside}]
    name = one.name or one.id.rstrip("0123456789")
    return {
        "id": f"w-{one.id}" if one.subflow else one.id,
        "name": one.id,
        "flow_run_id": one.inside if one.inside in subflows else RUN,
        "task_key": f"{name}-0a1b2c3d",
        "dynamic_key": one.id,
        "task_inputs": inputs,
        "flow_run_run_count": one.attempt,
        **_times(one),
    }


def _subflow(one: Ran) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.id,
        "flow_id": one.id,
        "parent_task_run_id": f"w-{one.id}",
        **_times(one),
    }


def _times(one: Ran) -> dict[str, Any]:
    return {
        "state_type": one.state,
        "state_name": one.state.title(),
        "expected_start_time": said(one.created),
        "start_time": said(one.start),
        "end_time": said(one.end),
        "run_count": max(1, len(one.tries)) if one.start is not None else 0,
        "total_run_time": sum(end - begin for begin, end in one.tries) or 0.0,
    }


def _history(one: Ran) -> list[dict[str, Any]]:
    states = [{"type": "PENDING", "name": "Pending", "timestamp": said(one.created)}]
    for number, (begin, end) in enumerate(one.tries):
        last = number == len(one.tries) - 1
        states.append({"type": "RUNNING", "name": "Retrying" if number else "Running", "timestamp": said(begin)})
        done = (one.state, one.state.title()) if last else ("SCHEDULED", "AwaitingRetry")
        states.append({"type": done[0], "name": done[1], "timestamp": said(end)})
    return states


__all__ = ["AS_OF", "RUN", "Flow", "Ran", "at", "built"]
