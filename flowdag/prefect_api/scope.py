"""The scope gate: which flow runs a tenant may see, as Prefect's own filters, and the climb that applies it to any id.

A tag is not a wall: on a shared server any credential reads any run, and a run's tags do not reach its subflow runs.
So a run is visible when the top-level run above it is, and that is asked of the server with the same filter as lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient

from flowdag.errors import RunNotFound
from flowdag.prefect_api.client import NotFound, request

if TYPE_CHECKING:
    from flowdag.tenants import Scope

MAX_DEPTH = 100  # a chain of subflows deeper than this is a cycle or an attack


def scope_filter(
    scope: Scope,
    *,
    flows: Sequence[str] = (),
    deployments: Sequence[str] = (),
    flow_runs: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The body of a `/filter` or `/count` request: the scope, narrowed (never widened) by a viewer's choice.

    `flows` and `deployments` are names; where the scope names some too, only those in both remain. `flow_runs` are
    further criteria on the run; its `tags.all_` stand beside the scope's `tags.any_`.
    """
    runs = dict(flow_runs or {})
    if scope.tags:
        # one tag: `all_`, which servers before 3.1.5 know as well
        mine = {"all_": list(scope.tags)} if len(scope.tags) == 1 else {"any_": list(scope.tags)}
        chosen = runs.get("tags", {}).get("all_", [])
        runs["tags"] = {**mine, "all_": [*mine.get("all_", []), *chosen]} if chosen else mine
    body: dict[str, Any] = {"flow_runs": runs}
    for key, allowed, wanted in (("flows", scope.flows, flows), ("deployments", scope.deployments, deployments)):
        names = [name for name in wanted if not allowed or name in allowed] if wanted else list(allowed)
        if wanted or allowed:
            body[key] = {"name": {"any_": names}}
    if scope.work_pools:
        body["work_pools"] = {"name": {"any_": list(scope.work_pools)}}
    if scope.work_queues:
        # not flow_runs.work_queue_name: that is empty for runs in a pool's default queue, though answers show its name
        body["work_pool_queues"] = {"name": {"any_": list(scope.work_queues)}}
    return body


async def require_visible(client: PrefectClient, scope: Scope, run_id: str) -> None:
    """Pass if the flow run exists and its top-level run lies in the scope; raise RunNotFound otherwise."""
    try:
        top = await top_level_run(client, str(UUID(run_id)))
    except (ValueError, NotFound):
        raise RunNotFound from None
    body = scope_filter(scope, flow_runs={"id": {"any_": [top]}})
    if not await request(client, "POST", "/flow_runs/filter", json=body | {"limit": 1}):
        raise RunNotFound


async def top_level_run(client: PrefectClient, run_id: str) -> str:
    """The id of the run at the top of this run's chain of parents. Raises NotFound where a link is missing."""
    for _ in range(MAX_DEPTH):
        run = await request(client, "GET", f"/flow_runs/{run_id}")
        parent = run.get("parent_task_run_id")
        if parent is None:
            return run_id
        task_run = await request(client, "GET", f"/task_runs/{parent}")
        if not task_run.get("flow_run_id"):
            return run_id
        run_id = task_run["flow_run_id"]
    raise RunNotFound
