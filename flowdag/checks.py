"""What `flowdag check` finds out about each tenant: whether its API answers, its version, and what it ran lately."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import anyio

from flowdag.errors import FlowdagError
from flowdag.prefect_api.client import connect, server_version
from flowdag.prefect_api.flow_runs import RunQuery, count_runs
from flowdag.prefect_api.versions import too_old
from flowdag.tenants import Tenant

LATELY = timedelta(hours=24)


@dataclass(frozen=True)
class Check:
    """One tenant's answer: the server's version and the scope's runs of the last 24 hours, or the problem in words."""

    tenant: Tenant
    version: str = ""
    runs: int = 0
    problem: str | None = None


async def check_tenants(tenants: Sequence[Tenant]) -> list[Check]:
    """All tenants, asked at the same time; answers in their order. Problems are answers, not errors."""
    found: dict[str, Check] = {}

    async def ask(tenant: Tenant) -> None:
        found[tenant.slug] = await _check(tenant)

    async with anyio.create_task_group() as group:
        for tenant in tenants:
            group.start_soon(ask, tenant)
    return [found[tenant.slug] for tenant in tenants]


async def _check(tenant: Tenant) -> Check:
    try:
        async with connect(tenant) as client:
            version = await server_version(client)
            if refused := too_old(version, client.api_url.host):
                raise refused
            lately = RunQuery(since=datetime.now(UTC) - LATELY, until=datetime.now(UTC))
            return Check(tenant, version, await count_runs(client, tenant.scope, lately))
    except FlowdagError as error:
        return Check(tenant, problem=str(error))


def lines(checks: Sequence[Check]) -> list[str]:
    """One line a tenant: slug, address, `reachable` with version and runs, or why not; the columns aligned."""
    slugs = max((len(check.tenant.slug) for check in checks), default=0)
    urls = max((len(check.tenant.api_url) for check in checks), default=0)
    versions = max((len(check.version) for check in checks), default=0)
    return [
        f"{check.tenant.slug:<{slugs}}  {check.tenant.api_url:<{urls}}  "
        + (check.problem or f"reachable  Prefect {check.version:<{versions}}  {_runs(check.runs)} in the last 24 h")
        for check in checks
    ]


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
