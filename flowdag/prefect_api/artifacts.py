"""Artifacts of a flow run or a task run. Callers have passed the scope gate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prefect.client.orchestration import PrefectClient

from flowdag.prefect_api.client import request
from flowdag.prefect_api.flow_runs import moment


@dataclass(frozen=True)
class Artifact:
    """One artifact: `kind` is table, progress, markdown, link, image...; `data` as Prefect stores it."""

    key: str | None
    kind: str
    description: str | None
    data: Any
    updated: datetime | None


async def read_artifacts(
    client: PrefectClient, flow_run_id: str, task_run_id: str | None = None, limit: int = 50
) -> tuple[Artifact, ...]:
    """The artifacts of a task run, or of a flow run if no task run is named; the newest first, results left out."""
    which: dict[str, Any] = {"flow_run_id": {"any_": [flow_run_id]}, "type": {"not_any_": ["result"]}}
    if task_run_id:
        which["task_run_id"] = {"any_": [task_run_id]}
    body = {"artifacts": which, "sort": "UPDATED_DESC", "limit": limit}
    rows = await request(client, "POST", "/artifacts/filter", json=body)
    return tuple(
        Artifact(
            row.get("key"),
            row.get("type") or "unknown",
            row.get("description"),
            row.get("data"),
            moment(row["updated"]),
        )
        for row in rows
    )
