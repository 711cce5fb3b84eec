"""Log lines of a flow run or a task run. Callers have passed the scope gate."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from prefect.client.orchestration import PrefectClient

from flowdag.prefect_api.client import request
from flowdag.prefect_api.flow_runs import moment


@dataclass(frozen=True)
class LogLine:
    """One log line; `at` is UTC, `level` a name such as INFO."""

    at: datetime | None
    level: str
    message: str


async def last_log_lines(
    client: PrefectClient, flow_run_id: str, task_run_id: str | None = None, limit: int = 12
) -> tuple[LogLine, ...]:
    """The last lines of a task run, or of a flow run (with its tasks') if no task run is named; the earliest first."""
    logs = {"flow_run_id": {"any_": [flow_run_id]}}
    if task_run_id:
        logs["task_run_id"] = {"any_": [task_run_id]}
    rows = await request(client, "POST", "/logs/filter", json={"logs": logs, "sort": "TIMESTAMP_DESC", "limit": limit})
    lines = [LogLine(moment(row["timestamp"]), logging.getLevelName(row["level"]), row["message"]) for row in rows]
    return tuple(reversed(lines))
