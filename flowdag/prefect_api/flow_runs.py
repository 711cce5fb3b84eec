"""Flow runs: one by id, lists and counts within a scope, subflows of a run, and their state histories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
from prefect.client.orchestration import PrefectClient

from flowdag.errors import ApiRefused, RunNotFound
from flowdag.model import FlowRun
from flowdag.prefect_api.client import NotFound, request
from flowdag.prefect_api.columns import ID, LIST, OBJECT, TEXT, TYPES, require
from flowdag.prefect_api.reading import each
from flowdag.prefect_api.scope import scope_filter

if TYPE_CHECKING:
    from flowdag.tenants import Scope

PAGE = 200  # the server's own limit
ROW = {  # of what facts are made
    **dict.fromkeys(("id", "name", "flow_id"), ID),
    **dict.fromkeys(("state_type", "state_name", "deployment_id", "parent_task_run_id", "flow_version"), TEXT),
    **dict.fromkeys(("expected_start_time", "start_time", "end_time", "updated"), TEXT),
    **dict.fromkeys(("work_pool_name", "work_queue_name"), TEXT),
    **dict.fromkeys(("state", "parameters", "created_by"), OBJECT),
    **dict.fromkeys(("estimated_run_time", "total_run_time", "estimated_start_time_delta"), TYPES["seconds"]),
    "run_count": TYPES["count"],
    "tags": LIST,
}


@dataclass(frozen=True)
class RunQuery:
    """A viewer's choice of runs; empty means any. Names of flows and deployments, state types or names, all tags."""

    flows: tuple[str, ...] = ()
    deployments: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def body(self, scope: Scope, **more: Any) -> dict[str, Any]:
        """The request body: top-level runs in the scope that this query lets through."""
        runs: dict[str, Any] = {"parent_task_run_id": {"is_null_": True}, **more}
        if self.states:
            runs["state"] = {"type": {"any_": list(self.states)}}
        if self.tags:
            runs["tags"] = {"all_": list(self.tags)}
        if self.since or self.until:
            # both ends are inclusive: without this the run at the edge would count in two neighbouring periods
            until = self.until and self.until - timedelta(microseconds=1)
            window = {"after_": self.since, "before_": until}
            runs["expected_start_time"] = {key: at.isoformat() for key, at in window.items() if at}
        return scope_filter(scope, flows=self.flows, deployments=self.deployments, flow_runs=runs)


ANY = RunQuery()


async def list_runs(
    client: PrefectClient, scope: Scope, query: RunQuery = ANY, *, limit: int = PAGE, offset: int = 0
) -> tuple[FlowRun, ...]:
    """Top-level flow runs within the scope, the latest first; at most `limit`, in pages of 200."""
    rows: dict[str, dict[str, Any]] = {}
    while len(rows) < limit:
        size = min(PAGE, limit - len(rows))
        page = {"sort": "EXPECTED_START_TIME_DESC", "limit": size, "offset": offset + len(rows)}
        answer = await request(client, "POST", "/flow_runs/filter", json=query.body(scope) | page)
        before = len(rows)
        rows |= {row["id"]: row for row in answer}  # new runs shift the pages: the same row may come twice
        if len(answer) < size or len(rows) == before:
            break
    return await with_names(client, list(rows.values()))


async def count_runs(client: PrefectClient, scope: Scope, query: RunQuery = ANY) -> int:
    """How many top-level flow runs the query lets through within the scope."""
    return int(await request(client, "POST", "/flow_runs/count", json=query.body(scope)))


async def count_running_at(client: PrefectClient, scope: Scope, query: RunQuery, at: datetime) -> int | None:
    """How many top-level flow runs had started by `at`, and ended later or not yet; the query's window is not used.

    None where the server cannot be asked for runs by their end (before 3.0.4).
    """
    anytime = replace(query, since=None, until=None)
    # is_null_: what never started has an expected start, which the server takes for the start
    began = {"start_time": {"before_": at.isoformat(), "is_null_": False}}
    bodies = [anytime.body(scope, **began, end_time={"after_": at.isoformat()})]
    if not query.states or "RUNNING" in query.states:
        bodies.append(replace(anytime, states=("RUNNING",)).body(scope, **began))
    try:
        return sum([int(await request(client, "POST", "/flow_runs/count", json=body)) for body in bodies])
    except ApiRefused as refused:
        if refused.status == 422:
            return None
        raise


async def list_flow_names(client: PrefectClient, scope: Scope) -> tuple[str, ...]:
    """The names of the flows that have runs within the scope, sorted (the first 200, or those of the last 200 runs)."""
    if scope.work_queues or scope.work_pools or scope.deployments:
        # `/flows/filter` would tell of a flow that has a deployment there and a run anywhere
        return tuple(sorted({run.flow_name for run in await list_runs(client, scope)}))
    body = RunQuery().body(scope) | {"limit": PAGE, "sort": "NAME_ASC"}
    return tuple(sorted({row["name"] for row in await request(client, "POST", "/flows/filter", json=body)}))


async def list_deployment_names(client: PrefectClient, scope: Scope) -> tuple[str, ...]:
    """The names of the deployments that have runs within the scope, sorted (the first 200)."""
    body = RunQuery().body(scope) | {"limit": PAGE, "sort": "NAME_ASC"}
    return tuple(sorted({row["name"] for row in await request(client, "POST", "/deployments/filter", json=body)}))


async def read_flow_run(client: PrefectClient, run_id: str) -> FlowRun:
    """The facts of one flow run. Raises RunNotFound."""
    try:
        row = await request(client, "GET", f"/flow_runs/{run_id}")
    except NotFound:
        raise RunNotFound from None
    return (await with_names(client, [row]))[0]


async def read_subflow_runs(client: PrefectClient, run_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The flow runs that these flow runs called directly, as Prefect's rows, the earliest first."""
    rows: dict[str, dict[str, Any]] = {}

    async def read(start: int) -> None:
        parents = {"flow_runs": {"parent_flow_run_id": {"any_": list(run_ids[start : start + PAGE])}}}
        for offset in range(0, 1_000_000, PAGE):
            page = {"sort": "EXPECTED_START_TIME_ASC", "limit": PAGE, "offset": offset}
            answer = await request(client, "POST", "/flow_runs/filter", json=parents | page)
            rows.update({row["id"]: row for row in answer})
            if len(answer) < PAGE:
                break

    await each(read, range(0, len(run_ids), PAGE))
    return sorted(rows.values(), key=lambda row: (row.get("expected_start_time") or "", row["id"]))


async def with_names(client: PrefectClient, rows: Sequence[dict[str, Any]]) -> tuple[FlowRun, ...]:
    """Prefect's rows as facts, with the names of their flows and deployments looked up at once.

    Raises ApiAnswerInvalid if they have another shape.
    """
    for row in rows:
        require(all(type(row.get(name)) in types for name, types in ROW.items()), "flow runs")
    flows = await names(client, "flows", {row["flow_id"] for row in rows})
    deployments = await names(client, "deployments", {row["deployment_id"] for row in rows if row.get("deployment_id")})
    try:
        return tuple(flow_run(row, flows, deployments) for row in rows)
    except (ValueError, TypeError, AttributeError):  # times and numbers that are none
        require(False, "flow runs")
        raise


async def names(client: PrefectClient, kind: str, ids: Iterable[str]) -> dict[str, str]:
    """Names by id; `kind` is `flows` or `deployments`. What was deleted is missing."""
    wanted = sorted(ids)
    found: dict[str, str] = {}
    for start in range(0, len(wanted), PAGE):
        body = {kind: {"id": {"any_": wanted[start : start + PAGE]}}, "limit": PAGE}
        rows = await request(client, "POST", f"/{kind}/filter", json=body)
        require(all(isinstance(row.get("name"), str) for row in rows), kind)
        found |= {row["id"]: row["name"] for row in rows}
    return found


def flow_run(row: dict[str, Any], flows: dict[str, str], deployments: dict[str, str]) -> FlowRun:
    """One row of Prefect's as facts."""
    deployment_id = row.get("deployment_id")
    return FlowRun(
        id=row["id"],
        name=row["name"],
        flow_id=row["flow_id"],
        flow_name=flows.get(row["flow_id"], "(deleted flow)"),
        state_type=row.get("state_type") or "PENDING",
        state_name=row.get("state_name") or "Not set",
        state_message=(row.get("state") or {}).get("message"),
        expected_start=moment(row.get("expected_start_time")),
        start=moment(row.get("start_time")),
        end=moment(row.get("end_time")),
        updated=moment(row.get("updated")),
        run_s=float(row.get("estimated_run_time") or row.get("total_run_time") or 0.0),
        lateness_s=max(0.0, float(row.get("estimated_start_time_delta") or 0.0)),
        attempts=int(row.get("run_count") or 0),
        tags=tuple(row.get("tags") or ()),
        parameters=row.get("parameters") or {},
        flow_version=row.get("flow_version"),
        deployment_id=deployment_id,
        deployment_name=deployments.get(deployment_id, "(deleted deployment)") if deployment_id else None,
        work_pool=row.get("work_pool_name"),
        work_queue=row.get("work_queue_name"),
        started_by=started_by(row),
        parent_task_run_id=row.get("parent_task_run_id"),
    )


def started_by(row: dict[str, Any]) -> str | None:
    """Who or what created the run, in words; None where Prefect has not recorded it."""
    creator = row.get("created_by") or {}
    if creator.get("display_value"):
        return f"{creator['display_value']} ({str(creator.get('type') or 'unknown').lower()})"
    if row.get("auto_scheduled"):
        return "its schedule"
    if row.get("parent_task_run_id"):
        return "another flow run"
    return None


def moment(text: str | None) -> datetime | None:
    """An ISO 8601 time as UTC datetime. Raises ValueError or TypeError if it is none."""
    if text is None:
        return None
    if pd.isna(at := pd.Timestamp(text)):
        raise ValueError(f"no time: {text!r}")
    return at.tz_convert("UTC").to_pydatetime()
