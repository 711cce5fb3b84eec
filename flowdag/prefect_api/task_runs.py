"""Task runs: all of a run by keyset pages, counts by state, and the state histories that tell tries apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import anyio
from prefect.client.orchestration import PrefectClient

from flowdag.errors import ApiAnswerInvalid
from flowdag.prefect_api.client import NotFound, request

PAGE = 200
AT_ONCE = 4  # on SQLite more requests at once gain nothing (measured)

Progress = Callable[[int, int], None]


async def read_task_runs(
    client: PrefectClient, flow_run_ids: Sequence[str], progress: Progress | None = None
) -> list[dict[str, Any]]:
    """All task runs of these flow runs, as Prefect's rows, by expected start.

    `progress(read, in_all)` is called after each page. Raises ApiAnswerInvalid if the server holds back some.
    """
    chunks = [list(flow_run_ids[at : at + PAGE]) for at in range(0, len(flow_run_ids), PAGE)]
    in_all = sum([await count_task_runs(client, chunk) for chunk in chunks])
    rows: dict[str, dict[str, Any]] = {}
    for chunk in chunks:
        await _read_by_key(client, chunk, rows, lambda: progress and progress(len(rows), in_all))
    if len(rows) < in_all:  # rows without an expected start stand outside the key's order
        for chunk in chunks:
            await _read_by_offset(client, chunk, rows)
    if len(rows) < in_all:
        raise ApiAnswerInvalid(
            f"The Prefect server gave only {len(rows)} of {in_all} task runs.", "Refresh; if it stays, see its log."
        )
    return sorted(rows.values(), key=lambda row: (row.get("expected_start_time") or "", row["id"]))


async def count_task_runs(client: PrefectClient, flow_run_ids: Sequence[str]) -> int:
    """How many task runs these flow runs have, subflow wrappers included."""
    return int(await request(client, "POST", "/task_runs/count", json=_of(flow_run_ids)))


async def _read_by_key(
    client: PrefectClient, flow_run_ids: Sequence[str], rows: dict[str, dict[str, Any]], report: Callable[[], object]
) -> None:
    """Pages that each begin at the last page's last expected start: deep offsets cost the server more and more."""
    after, offset = None, 0
    while True:
        body = _of(flow_run_ids) | {"sort": "EXPECTED_START_TIME_ASC", "limit": PAGE, "offset": offset}
        if after:
            body["task_runs"]["expected_start_time"] = {"after_": after}
        page = await request(client, "POST", "/task_runs/filter", json=body)
        rows |= {row["id"]: row for row in page}
        report()
        if len(page) < PAGE:
            return
        last = page[-1].get("expected_start_time")
        # a whole page of one instant: step over it by offset, within the instant only
        offset = offset + PAGE if last == after or last is None else 0
        after = after if last is None else last


async def _read_by_offset(client: PrefectClient, flow_run_ids: Sequence[str], rows: dict[str, dict[str, Any]]) -> None:
    offset = 0
    while True:
        body = _of(flow_run_ids) | {"sort": "ID_DESC", "limit": PAGE, "offset": offset}
        page = await request(client, "POST", "/task_runs/filter", json=body)
        rows |= {row["id"]: row for row in page}
        if len(page) < PAGE:
            return
        offset += PAGE


def _of(flow_run_ids: Sequence[str]) -> dict[str, Any]:
    return {"task_runs": {"flow_run_id": {"any_": list(flow_run_ids)}}}


async def read_histories(client: PrefectClient, kind: str, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The states that each task run (`kind` = `task_run`) or flow run (`flow_run`) went through, the earliest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    limit = anyio.CapacityLimiter(AT_ONCE)

    async def read(run_id: str) -> None:
        async with limit:
            states = await request(client, "GET", f"/{kind}_states/", params={f"{kind}_id": run_id})
        found[run_id] = sorted(states, key=lambda state: state["timestamp"])

    await _each(read, ids)
    return found


async def count_by_state(client: PrefectClient, flow_run_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """For each flow run its task runs by state type, e.g. `{"COMPLETED": 12, "FAILED": 1}`; subflows count as one.

    One request a run (`/ui/task_runs/count`, which the server's own pages use), four at once. Where the API has no such
    path the answer is empty.
    """
    found: dict[str, dict[str, int]] = {}
    limit = anyio.CapacityLimiter(AT_ONCE)

    async def count(run_id: str) -> None:
        try:
            async with limit:
                counts = await request(client, "POST", "/ui/task_runs/count", json=_of([run_id]))
        except NotFound:
            return
        found[run_id] = {state: int(number) for state, number in counts.items() if number}

    await _each(count, flow_run_ids)
    return found


async def _each(work: Callable[[str], Any], ids: Sequence[str]) -> None:
    """Run `work` for every id; the first failure ends all, and is raised as it was."""
    try:
        async with anyio.create_task_group() as group:
            for run_id in ids:
                group.start_soon(work, run_id)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
