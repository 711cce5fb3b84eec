"""Addresses of runs in Prefect's own pages. An API's address holds no credentials (`tenants`), so neither do they."""

from __future__ import annotations

import re
from urllib.parse import quote

from flowdag.tenants import Tenant

CLOUD = re.compile(r"https://api\.prefect\.cloud/api/accounts/([\w-]+)/workspaces/([\w-]+)")


def pages_url(tenant: Tenant) -> str | None:
    """Where Prefect's pages begin: as configured, of a Cloud workspace, or beside a server's /api; None if unknown."""
    if tenant.ui_url:
        return tenant.ui_url
    if workspace := CLOUD.fullmatch(tenant.api_url):
        return f"https://app.prefect.cloud/account/{workspace[1]}/workspace/{workspace[2]}"
    return tenant.api_url.removesuffix("/api") if tenant.api_url.endswith("/api") else None


def flow_run_url(tenant: Tenant, flow_run_id: str) -> str | None:
    """The page of a flow run."""
    begin = pages_url(tenant)
    return begin and f"{begin}/runs/flow-run/{quote(flow_run_id, safe='')}"


def task_run_url(tenant: Tenant, task_run_id: str) -> str | None:
    """The page of a task run."""
    begin = pages_url(tenant)
    return begin and f"{begin}/runs/task-run/{quote(task_run_id, safe='')}"
