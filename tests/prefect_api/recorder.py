"""A Prefect server as a little model: what it answers at any moment of a run whose task runs it records late.

Written from what is documented of Prefect, not from how flowdag reads it: a task run's row shows the latest state that
has been recorded, and graph-v2 tells what has not ended, or ended at or after `since`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from tests.misbehaving import Answer, Request, as_json

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENDS = ("COMPLETED", "FAILED")


@dataclass(frozen=True)
class State:
    """A state at a moment, and when the server knew of it: seconds since START."""

    at: float
    recorded: float
    type: str
    name: str


@dataclass(frozen=True)
class Task:
    id: str
    owner: str
    name: str
    states: tuple[State, ...]
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Flow:
    id: str
    name: str
    states: tuple[State, ...]
    wrapper: str | None = None


def moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return (START + timedelta(seconds=seconds)).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass
class Recorder:
    """`now` is in seconds since START; `refused` are endings of paths that the server refuses, and how.

    `deployed` are the flow runs that have a process of their own; `asked` is what was asked for, in order.
    """

    tasks: Sequence[Task]
    flows: Sequence[Flow]
    now: float = 0.0
    refused: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    deployed: set[str] = field(default_factory=set)

    def answer(self, request: Request) -> Answer:
        self.asked.append(request.path)
        refusal = next((answer for end, answer in self.refused.items() if request.path.endswith(end)), None)
        answer = refusal or self._answer(request)
        date = format_datetime(START + timedelta(seconds=int(self.now)), usegmt=True)
        return Answer(answer.status, answer.body, {**answer.headers, "Date": date})

    def _answer(self, request: Request) -> Answer:
        path = request.path.removeprefix("/api")
        what = path.strip("/").split("/")
        if path == "/health":
            return as_json(True)
        if path == "/flows/filter":
            return as_json([{"id": f"flow of {flow.name}", "name": flow.name} for flow in self.flows])
        if path == "/task_runs/count":
            return as_json(len(self._task_rows(request.json)))
        if path == "/task_runs/filter":
            return as_json(self._page(self._task_rows(request.json), request.json))
        if path == "/flow_runs/filter":
            return as_json(self._page(self._flow_rows(request.json), request.json))
        if what[0] in ("task_run_states", "flow_run_states"):
            (run_id,) = next(iter(request.query.values()))
            return as_json(self.history(run_id))
        if what[-1] == "graph-v2":
            return as_json(self._graph(what[1], request.query["since"][0]))
        rows = [row for flow in self.flows if flow.id == what[1] and (row := self._flow_row(flow))]
        return as_json(rows[0]) if rows else as_json({"detail": "Not Found"}, 404)

    def rows(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """All task runs and all subflow runs as they are recorded now, by id."""
        tasks = {task.id: row for task in self.tasks if (row := self._task_row(task))}
        flows = {flow.id: row for flow in self.flows if flow.wrapper in tasks and (row := self._flow_row(flow))}
        return tasks, flows

    # rows

    def _recorded(self, states: Sequence[State]) -> list[State]:
        return sorted((s for s in states if s.recorded <= self.now), key=lambda s: s.at)

    def _facts(self, states: Sequence[State]) -> dict[str, Any] | None:
        """What a row shows of these states; None before one was recorded. A row ignores older states that come late."""
        known = self._recorded(states)
        if not known:
            return None
        last = known[-1]
        so_far = [s for s in states if s.at <= last.at]
        runs = [s.at for s in so_far if s.type == "RUNNING"]
        written = [s for s in known if not any(o.at > s.at and o.recorded <= s.recorded for o in known)]
        return {
            "expected_start_time": moment(states[0].at),
            "start_time": moment(runs[0] if runs else None),
            "end_time": moment(last.at if last.type in ENDS else None),
            "state_type": last.type,
            "state_name": last.name,
            "run_count": len(runs),
            "updated": moment(max(s.recorded for s in written)),
            "tags": [],
        }

    def _task_row(self, task: Task) -> dict[str, Any] | None:
        facts = self._facts(task.states)
        return facts and {
            "id": task.id,
            "name": task.name,
            "flow_run_id": task.owner,
            "task_key": task.name,
            "dynamic_key": task.id,
            "flow_run_run_count": 1,
            "task_inputs": {"x": [{"input_type": "task_run", "id": one} for one in task.inputs]},
            **facts,
        }

    def _flow_row(self, flow: Flow) -> dict[str, Any] | None:
        facts = self._facts(flow.states)
        return facts and {
            "id": flow.id,
            "name": flow.name,
            "flow_id": f"flow of {flow.name}",
            "parent_task_run_id": flow.wrapper,
            "deployment_id": "deployment" if flow.id in self.deployed else None,
            **facts,
        }

    def _task_rows(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        wanted = asked["task_runs"]
        ids, owners = wanted.get("id", {}).get("any_"), wanted.get("flow_run_id", {}).get("any_")
        window = wanted.get("expected_start_time", {})
        after, before = (window.get(key) and datetime.fromisoformat(window[key]) for key in ("after_", "before_"))
        rows = [
            row
            for task in self.tasks
            if (ids is None or task.id in ids) and (owners is None or task.owner in owners)
            if (row := self._task_row(task))
        ]
        expected = {row["id"]: datetime.fromisoformat(row["expected_start_time"]) for row in rows}
        rows = [row for row in rows if not after or expected[row["id"]] >= after]
        return [row for row in rows if not before or expected[row["id"]] <= before]

    def _flow_rows(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        wanted = asked["flow_runs"]
        ids, callers = wanted.get("id", {}).get("any_"), wanted.get("parent_flow_run_id", {}).get("any_")
        owner = {task.id: task.owner for task in self.tasks if self._task_row(task)}
        return [
            row
            for flow in self.flows
            if (ids is None or flow.id in ids) and (callers is None or owner.get(flow.wrapper or "") in callers)
            if (row := self._flow_row(flow))
        ]

    def _page(self, rows: list[dict[str, Any]], asked: dict[str, Any]) -> list[dict[str, Any]]:
        rows = sorted(rows, key=lambda row: row["id"], reverse=True)
        if asked.get("sort") == "EXPECTED_START_TIME_ASC":
            rows = sorted(rows, key=lambda row: row["expected_start_time"])
        start = asked.get("offset", 0)
        return rows[start : start + asked.get("limit", 200)]

    def history(self, run_id: str) -> list[dict[str, Any]]:
        states = next(one.states for one in (*self.tasks, *self.flows) if one.id == run_id)
        return [
            {"id": f"{run_id} {s.at}", "timestamp": moment(s.at), "type": s.type, "name": s.name}
            for s in self._recorded(states)
        ]

    # graph-v2

    def _graph(self, flow_run_id: str, since: str) -> dict[str, Any]:
        nodes: list[Any] = []
        for task in self.tasks:
            row = self._task_row(task) if task.owner == flow_run_id else None
            if not row:
                continue
            called = [r for flow in self.flows if flow.wrapper == task.id and (r := self._flow_row(flow))]
            for shown in called or [row]:
                end = shown["end_time"] or row["end_time"]
                if end is None or datetime.fromisoformat(end) >= datetime.fromisoformat(since):
                    nodes.append(self._node("flow-run" if called else "task-run", shown, end))
        return {"start_time": None, "end_time": None, "root_node_ids": [], "nodes": nodes}

    def _node(self, kind: str, row: dict[str, Any], end: str | None) -> list[Any]:
        node = {
            "id": row["id"],
            "kind": kind,
            "label": row["name"],
            "state_type": row["state_type"],
            "start_time": row["start_time"] or row["expected_start_time"],
            "end_time": end,
            "parents": [],
            "children": [],
        }
        return [row["id"], node]
