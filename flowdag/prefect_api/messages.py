"""What states say of themselves: the messages of task runs and flow runs. Callers have passed the scope gate."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.client.orchestration import PrefectClient

from flowdag.prefect_api.client import request
from flowdag.prefect_api.columns import OBJECT, TEXT, require
from flowdag.prefect_api.reading import each
from flowdag.prefect_api.task_runs import PAGE, PATIENCE_S


async def read_messages(
    client: PrefectClient, task_runs: Sequence[str], flow_runs: Sequence[str] = ()
) -> dict[str, str | None]:
    """The message of the latest state of each of these runs, by id; what is unknown is missing."""
    found: dict[str, str | None] = {}

    async def read(which: tuple[str, Sequence[str]]) -> None:
        kind, ids = which
        body = {kind: {"id": {"any_": list(ids)}}, "limit": PAGE}
        for row in await request(client, "POST", f"/{kind}/filter", json=body, patience_s=PATIENCE_S):
            require(type(row.get("state")) in OBJECT, "states")
            message = (row.get("state") or {}).get("message")
            require(type(message) in TEXT, "states")
            found[row["id"]] = message

    kinds = (("task_runs", task_runs), ("flow_runs", flow_runs))
    await each(read, [(kind, ids[at : at + PAGE]) for kind, ids in kinds for at in range(0, len(ids), PAGE)])
    return found
