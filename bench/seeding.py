"""Flow runs of any size, written straight into the SQLite database of a real Prefect server, running or not.

The rows are what the server would have written had the flow run: through Prefect's own tables, with all states of each
task run. A `Planned` tells what each task is given, so that tests know the graph that must come out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from prefect._internal.uuid7 import uuid7
from prefect.server.database import orm_models as orm

from flowdag.demo.server import embedded_server

NAMES = ("fetch", "parse", "clean", "join", "enrich", "score", "check", "load", "export", "report")
LONG_AGO = timedelta(minutes=10)  # since the run's end: nothing more is expected of it
STEP, TOOK = timedelta(milliseconds=1), timedelta(milliseconds=40)


@dataclass(frozen=True)
class Planned:
    """One task run to be: the places in the plan of the tasks whose results it was given, and how it ended."""

    name: str
    inputs: tuple[int, ...] = ()
    state: str = "COMPLETED"


@dataclass(frozen=True)
class Seeded:
    """A flow run in the database, and its task runs by their place in the plan."""

    flow_run_id: str
    task_run_ids: tuple[str, ...]


def layered(count: int, names: int = 20, inputs: int = 3) -> list[Planned]:
    """As many layers as names, all tasks of a layer by one name; each is given tasks spread over the layer before."""
    begins = [layer * count // names for layer in range(names + 1)]
    plan = []
    for layer in range(names):
        before = range(begins[max(0, layer - 1)], begins[layer])
        name = f"{NAMES[layer % len(NAMES)]}_{layer:02d}"
        for place in range(begins[layer + 1] - begins[layer]):
            given = {before[(place + nth * 7) % len(before)] for nth in range(inputs)} if before else set()
            plan.append(Planned(name, tuple(sorted(given))))
    return plan


def mapped(count: int) -> list[Planned]:
    """One task, mapped over, and one that is given all."""
    middle = [Planned("score", (0,))] * (count - 2)
    return [Planned("load"), *middle, Planned("rank", tuple(range(1, count - 1)))]


def dense(layers: int = 4, width: int = 40) -> list[Planned]:
    """Layers of which each task is given all of the layer before."""
    return [
        Planned(f"layer_{layer}", tuple(range((layer - 1) * width, layer * width)) if layer else ())
        for layer in range(layers)
        for _ in range(width)
    ]


def with_failures(plan: Sequence[Planned], failed: int) -> list[Planned]:
    """The plan with its last tasks failed: nothing was waiting for them."""
    return [*plan[: len(plan) - failed], *(replace(task, state="FAILED") for task in plan[len(plan) - failed :])]


@contextmanager
def seeded_server(home: Path) -> Iterator[tuple[str, Path]]:
    """A running server with everything in `home`; yields its API URL and its database."""
    with embedded_server(home) as api_url:
        yield api_url, home.resolve() / "prefect" / "prefect.db"


def seed(database: Path, plan: Sequence[Planned], flow: str = "seeded-flow") -> Seeded:
    """A new flow run that ended ten minutes ago, with the plan's task runs, one after the other submitted."""
    end = datetime.now(UTC) - LONG_AGO
    run_id = uuid7()
    ids = [uuid7() for _ in plan]
    histories = _histories(plan, end)
    state = "FAILED" if any(task.state == "FAILED" for task in plan) else "COMPLETED"
    own = _states(state, histories[0][0].at - TOOK, histories[0][0].at - STEP, end)
    engine = sa.create_engine(f"sqlite:///{database}", connect_args={"timeout": 60})
    try:
        with engine.begin() as connection:
            flow_id = _flow(connection, flow)
            run = _run(run_id, f"seeded {len(plan)}", own, flow_id=flow_id)
            connection.execute(_table(orm.FlowRun).insert(), [run])
            connection.execute(_table(orm.FlowRunState).insert(), list(_state_rows(own, flow_run_id=run_id)))
            rows = [_task_run(run_id, ids, plan, histories, place) for place in range(len(plan))]
            connection.execute(_table(orm.TaskRun).insert(), rows)
            states = zip(ids, histories, strict=True)
            connection.execute(
                _table(orm.TaskRunState).insert(),
                [row for task_run_id, history in states for row in _state_rows(history, task_run_id=task_run_id)],
            )
    finally:
        engine.dispose()
    return Seeded(str(run_id), tuple(map(str, ids)))


@dataclass(frozen=True)
class _State:
    id: UUID
    type: str
    at: datetime


def _states(last: str, *at: datetime) -> tuple[_State, ...]:
    return tuple(_State(uuid7(), kind, moment) for kind, moment in zip(("PENDING", "RUNNING", last), at, strict=True))


def _histories(plan: Sequence[Planned], run_end: datetime) -> list[tuple[_State, ...]]:
    """The states of each task: submitted one after the other, started when its inputs had ended."""
    ends: list[timedelta] = []
    for place, task in enumerate(plan):
        ends.append(max([place * STEP, *(ends[given] for given in task.inputs)]) + STEP + TOOK)
    begin = run_end - max(ends) - STEP
    return [
        _states(task.state, begin + place * STEP, begin + end - TOOK, begin + end)
        for place, (task, end) in enumerate(zip(plan, ends, strict=True))
    ]


def _table(model: Any) -> sa.Table:
    return model.__table__


def _flow(connection: sa.Connection, name: str) -> UUID:
    flows = _table(orm.Flow)
    known = connection.execute(sa.select(flows.c.id).where(flows.c.name == name)).scalar()
    if known is None:
        known = uuid4()
        connection.execute(flows.insert(), [{"id": known, "name": name}])
    return known


def _run(run_id: UUID, name: str, states: Sequence[_State], **more: Any) -> dict[str, Any]:
    """What flow runs and task runs have in common."""
    pending, running, last = states
    return {
        "id": run_id,
        "created": pending.at,
        "updated": last.at,
        "name": name,
        "state_id": last.id,
        "state_type": last.type,
        "state_name": last.type.capitalize(),
        "state_timestamp": last.at,
        "run_count": 1,
        "expected_start_time": pending.at,
        "start_time": running.at,
        "end_time": last.at,
        "total_run_time": last.at - running.at,
        **more,
    }


def _task_run(
    run_id: UUID, ids: Sequence[UUID], plan: Sequence[Planned], histories: Sequence[Sequence[_State]], place: int
) -> dict[str, Any]:
    task, dynamic_key = plan[place], str(uuid4())
    return _run(
        ids[place],
        f"{task.name}-{dynamic_key[:3]}",
        histories[place],
        flow_run_id=run_id,
        flow_run_run_count=1,
        task_key=f"{task.name}-5eed5eed",
        dynamic_key=dynamic_key,
        task_inputs={"given": [{"input_type": "task_run", "id": ids[given]} for given in task.inputs]},
        labels={},
    )


def _state_rows(states: Sequence[_State], **owner: UUID) -> Iterator[dict[str, Any]]:
    for state in states:
        yield {
            "id": state.id,
            "created": state.at,
            "updated": state.at,
            "type": state.type,
            "name": state.type.capitalize(),
            "timestamp": state.at,
            "state_details": owner,
            **owner,
        }
