"""Task runs: all of a run by keyset pages, counts by state, and the state histories that tell tries apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from prefect.client.orchestration import PrefectClient

from flowdag.errors import ApiAnswerInvalid, ApiRefused
from flowdag.model import FlowRun
from flowdag.prefect_api.client import NotFound, request
from flowdag.prefect_api.guard import AT_ONCE
from flowdag.prefect_api.reading import Progress, counting, each

PAGE = 200  # the server's own limit
WORTH_SPLITTING = 3  # pages in a stretch, at least: to find where it begins costs a request
PATIENCE_S = 30.0  # for each page: whoever waits sees how far it is


@dataclass(frozen=True)
class _Stretch:
    """Some flow runs' task runs that are expected to start from `after` on and until `before`; `pages` at most."""

    flow_run_ids: Sequence[str]
    pages: int
    after: str | None = None
    before: str | None = None


async def read_task_runs(
    client: PrefectClient, flow_run_ids: Sequence[str], progress: Progress | None = None
) -> list[dict[str, Any]]:
    """All task runs of these flow runs, as Prefect's rows, by expected start.

    `progress` is called after each page. Raises ApiAnswerInvalid if the server holds back some.
    """
    chunks = [tuple(flow_run_ids[at : at + PAGE]) for at in range(0, len(flow_run_ids), PAGE)]
    counts: dict[tuple[str, ...], int] = {}
    stretches: list[_Stretch] = []
    rows: dict[str, dict[str, Any]] = {}

    async def divide(chunk: tuple[str, ...]) -> None:
        counts[chunk] = await count_task_runs(client, chunk)
        stretches.extend(await _stretches(client, chunk, counts[chunk]))

    await each(divide, chunks)
    in_all = sum(counts.values())
    tell = counting("task runs", in_all, progress)
    await each(lambda stretch: _read_by_key(client, stretch, rows, tell), stretches)
    if len(rows) < in_all:  # rows without an expected start stand outside the key's order
        await each(lambda chunk: _read_by_offset(client, chunk, counts[chunk], rows, tell), chunks)
    if len(rows) < in_all:
        raise ApiAnswerInvalid(
            f"The Prefect server gave only {len(rows)} of {in_all} task runs.", "Refresh; if it stays, see its log."
        )
    return sorted(rows.values(), key=lambda row: (str(row.get("expected_start_time") or ""), row["id"]))


async def count_task_runs(client: PrefectClient, flow_run_ids: Sequence[str]) -> int:
    """How many task runs these flow runs have, subflow wrappers included."""
    return int(await request(client, "POST", "/task_runs/count", json=_of(flow_run_ids)))


async def _stretches(client: PrefectClient, flow_run_ids: Sequence[str], count: int) -> list[_Stretch]:
    """What can be read at once: as many stretches as requests, of about the same length."""
    parts = min(AT_ONCE, count // (WORTH_SPLITTING * PAGE))
    begins: list[str] = []

    async def find(part: int) -> None:
        page = _page(flow_run_ids, offset=count * part // parts) | {"limit": 1}
        for row in await request(client, "POST", "/task_runs/filter", json=page, patience_s=PATIENCE_S):
            begins.append(row.get("expected_start_time"))

    await each(find, range(1, parts))
    ends: dict[str, str] = {}
    for begin in sorted(filter(None, map(str, begins))):
        with suppress(ValueError, OverflowError):
            # both bounds of the server's filter are inclusive, and a whole stretch may lie in one instant
            ends[begin] = (datetime.fromisoformat(begin) - timedelta(microseconds=1)).isoformat()
    pages = 3 + 2 * count // PAGE  # each page begins with some rows of the one before
    bounds = zip([None, *ends], [*ends.values(), None], strict=True)
    return [_Stretch(flow_run_ids, pages, after, before) for after, before in bounds]


async def _read_by_key(
    client: PrefectClient, stretch: _Stretch, rows: dict[str, dict[str, Any]], tell: Callable[[int], None]
) -> None:
    """Pages that each begin at the last page's last expected start: deep offsets cost the server more and more."""
    after, offset = stretch.after, 0
    for _ in range(stretch.pages):
        body = _page(stretch.flow_run_ids, offset, after_=after, before_=stretch.before)
        try:
            page = await request(client, "POST", "/task_runs/filter", json=body, patience_s=PATIENCE_S)
        except ApiRefused as refused:
            if refused.status == 422 and (after or stretch.before):
                return  # before 3.0 there is no filter by expected start: what is missing is read by offset
            raise
        rows.update({row["id"]: row for row in page})
        tell(len(rows))
        if len(page) < PAGE:
            return
        last = page[-1].get("expected_start_time")
        # a whole page of one instant: step over it by offset, within the instant only
        offset = offset + PAGE if last == after or last is None else 0
        after = after if last is None else last


async def _read_by_offset(
    client: PrefectClient,
    flow_run_ids: Sequence[str],
    count: int,
    rows: dict[str, dict[str, Any]],
    tell: Callable[[int], None],
) -> None:
    for offset in range(0, count + PAGE, PAGE):
        body = _page(flow_run_ids, offset) | {"sort": "ID_DESC"}
        page = await request(client, "POST", "/task_runs/filter", json=body, patience_s=PATIENCE_S)
        rows.update({row["id"]: row for row in page})
        tell(len(rows))
        if len(page) < PAGE:
            return


def _page(flow_run_ids: Sequence[str], offset: int = 0, **expected_start: str | None) -> dict[str, Any]:
    body = _of(flow_run_ids) | {"sort": "EXPECTED_START_TIME_ASC", "limit": PAGE, "offset": offset}
    if window := {bound: at for bound, at in expected_start.items() if at}:
        body["task_runs"]["expected_start_time"] = window
    return body


def _of(flow_run_ids: Sequence[str]) -> dict[str, Any]:
    return {"task_runs": {"flow_run_id": {"any_": list(flow_run_ids)}}}


def has_history(row: Mapping[str, Any] | FlowRun) -> bool:
    """Whether the states of a task run or flow run tell more than its row: it is tried again, or is paused."""
    if isinstance(row, FlowRun):
        row = {"run_count": row.attempts, "state_type": row.state_type, "state_name": row.state_name}
    count = row.get("run_count")
    again = isinstance(count, int) and count > 1
    return again or row.get("state_type") == "PAUSED" or row.get("state_name") == "AwaitingRetry"


async def read_histories(
    client: PrefectClient, kind: str, ids: Sequence[str], progress: Progress | None = None
) -> dict[str, list[dict[str, Any]]]:
    """The states that each task run (`kind` = `task_run`) or flow run (`flow_run`) went through, the earliest first.

    One request a run; `progress` is called after each.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    tell = counting("tries of retried tasks" if kind == "task_run" else "attempts of flow runs", len(ids), progress)

    async def read(run_id: str) -> None:
        params = {f"{kind}_id": run_id}
        states = await request(client, "GET", f"/{kind}_states/", params=params, patience_s=PATIENCE_S)
        found[run_id] = sorted(states, key=lambda state: str(state.get("timestamp")))
        tell(len(found))

    await each(read, ids)
    return found


async def count_by_state(client: PrefectClient, flow_run_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """For each flow run its task runs by state type, e.g. `{"COMPLETED": 12, "FAILED": 1}`; subflows count as one.

    One request a run (`/ui/task_runs/count`, which the server's own pages use). Where the API has no such path the
    answer is empty.
    """
    found: dict[str, dict[str, int]] = {}

    async def count(run_id: str) -> None:
        try:
            counts = await request(client, "POST", "/ui/task_runs/count", json=_of([run_id]))
        except NotFound:
            return
        found[run_id] = {state: int(number) for state, number in counts.items() if number}

    await each(count, flow_run_ids)
    return found
