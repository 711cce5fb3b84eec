"""All task runs of a run, page by page: none lost and none twice, however many share one moment."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowdag.analysis.critical_path import critical_path
from flowdag.analysis.timeline import bars
from flowdag.errors import ApiAnswerInvalid
from flowdag.prefect_api import task_runs
from flowdag.prefect_api.read_run import read_run
from flowdag.prefect_api.reading import Reached
from flowdag.prefect_api.task_runs import count_by_state, count_task_runs, read_histories, read_task_runs
from tests.misbehaving import Answer, Request, answering, as_json, without_csrf
from tests.prefect_api.made import DONE, Maker
from tests.truth import Truth, ask, tenant

RUNNING = {"type": "RUNNING", "name": "Running"}
PAGE = 3  # instead of 200, against the little server


def scheduled(moment: str) -> dict[str, Any]:
    return {"type": "SCHEDULED", "name": "Scheduled", "state_details": {"scheduled_time": moment}}


def test_more_than_two_pages_in_one_instant(prefect_server: str) -> None:
    make = Maker(prefect_server)
    run = make.run("one-instant")
    moments = ["2026-03-01T00:00:00Z"] * 3 + ["2026-03-01T00:00:01.5Z"] * 412 + ["2026-03-01T00:00:02Z"] * 5
    made = {make.task_run(run, state=scheduled(moment)): moment for moment in moments}
    seen: list[Reached] = []
    whom = tenant(prefect_server)
    rows = ask(whom, lambda client: read_task_runs(client, [run], seen.append))
    assert len(rows) == 420
    assert {row["id"] for row in rows} == set(made)
    assert [row["expected_start_time"] for row in rows] == sorted(row["expected_start_time"] for row in rows)
    assert (seen[-1].what, seen[-1].done) == ("task runs", 420)
    assert [reached.done for reached in seen] == sorted(reached.done for reached in seen)
    assert {reached.in_all for reached in seen} == {420}
    assert len(seen) <= 5
    assert ask(whom, lambda client: count_task_runs(client, [run])) == 420
    assert ask(whom, lambda client: count_by_state(client, [run])) == {run: {"SCHEDULED": 420}}
    graph = ask(whom, lambda client: read_run(client, run))
    assert set(graph.nodes.index) == set(made)


def test_counts_by_state(truth: Truth) -> None:
    truth.graph("failing")
    run = truth.run_id("failing")
    counts = ask(tenant(truth.api_url), lambda client: count_by_state(client, [run]))
    assert counts == {run: {"COMPLETED": 15, "FAILED": 1, "PENDING": 4}}


def test_several_flow_runs_at_once(prefect_server: str) -> None:
    make = Maker(prefect_server)
    runs = [make.run("several") for _ in range(3)]
    made = {make.task_run(run) for run in runs[:2] for _ in range(4)}
    make.task_run(runs[2])
    rows = ask(tenant(prefect_server), lambda client: read_task_runs(client, runs[:2]))
    assert {row["id"] for row in rows} == made
    assert ask(tenant(prefect_server), lambda client: read_task_runs(client, [])) == []


# --- any mixture of moments ------------------------------------------------------------------------------------------


def lies_in(window: dict[str, str], moment: str | None) -> bool:
    """Both bounds are inclusive, and what has no moment passes no bound."""
    if not window or moment is None:
        return not window
    at = datetime.fromisoformat(moment)
    return all(
        datetime.fromisoformat(bound) <= at if name == "after_" else at <= datetime.fromisoformat(bound)
        for name, bound in window.items()
    )


class Table:
    """Answers `/task_runs/filter` and `/count` as Prefect does; rows without a moment sort first, as on SQLite, or
    last, as on PostgreSQL."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.nulls_first = True
        self.hidden = 0
        self.stretches: set[str | None] = set()

    def answer(self, request: Request) -> Answer:
        asked = request.json or {}
        if request.path.endswith("/count"):
            return as_json(len(self.rows) + self.hidden)
        window = asked["task_runs"].get("expected_start_time", {})
        self.stretches.add(window.get("before_"))
        rows = [row for row in self.rows if lies_in(window, row["expected_start_time"])]
        if asked["sort"] == "EXPECTED_START_TIME_ASC":
            none = "" if self.nulls_first else "9999"
            rows.sort(key=lambda row: row["expected_start_time"] or none)
        else:
            rows.sort(key=lambda row: row["id"], reverse=True)
        return as_json(rows[asked["offset"] : asked["offset"] + asked["limit"]])


@pytest.fixture(scope="module")
def table() -> Any:
    held = Table()
    with answering(without_csrf(held.answer)) as api_url:
        yield held, api_url


moments = st.lists(st.one_of(st.none(), st.integers(0, 5)), max_size=45)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moments=moments, nulls_first=st.booleans())
def test_no_page_loses_a_task_run(table: tuple[Table, str], moments: Sequence[int | None], nulls_first: bool) -> None:
    held, api_url = table
    held.rows = [
        {"id": f"id-{at:02d}", "expected_start_time": None if m is None else f"2026-01-01T00:00:0{m}Z"}
        for at, m in enumerate(moments)
    ]
    held.nulls_first, held.hidden = nulls_first, 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task_runs, "PAGE", PAGE)
        rows = ask(tenant(api_url), lambda client: read_task_runs(client, ["run"]))
    assert sorted(row["id"] for row in rows) == [row["id"] for row in held.rows]


def test_a_long_run_is_read_in_four_stretches(table: tuple[Table, str], monkeypatch: pytest.MonkeyPatch) -> None:
    held, api_url = table
    held.rows = [{"id": f"id-{at:02d}", "expected_start_time": f"2026-01-01T00:00:{at:02d}Z"} for at in range(40)]
    held.nulls_first, held.hidden = True, 0
    held.stretches.clear()
    monkeypatch.setattr(task_runs, "PAGE", PAGE)
    rows = ask(tenant(api_url), lambda client: read_task_runs(client, ["run"]))
    assert [row["id"] for row in rows] == [row["id"] for row in held.rows]
    assert held.stretches == {None, *(f"2026-01-01T00:00:{at:02d}.999999+00:00" for at in (9, 19, 29))}


def test_a_server_whose_pages_never_end() -> None:
    """It pays no heed to what it is asked for: every page is full, and always the same."""
    page = [{"id": f"id-{at}", "expected_start_time": "2026-01-01T00:00:00Z"} for at in range(200)]

    def answer(request: Request) -> Answer:
        return as_json(700 if request.path.endswith("/count") else page)

    with (
        answering(without_csrf(answer)) as api_url,
        pytest.raises(ApiAnswerInvalid, match="only 200 of 700"),
    ):
        ask(tenant(api_url), lambda client: read_task_runs(client, ["run"]))


def test_progress_of_histories() -> None:
    seen: list[Reached] = []
    state = {"id": "a", "timestamp": "2026-01-01T00:00:00Z"}
    with answering(without_csrf(lambda _: as_json([state]))) as api_url:
        ask(tenant(api_url), lambda client: read_histories(client, "task_run", ["a", "b", "c"], seen.append))
    assert [reached.words for reached in seen] == [f"Reading tries of retried tasks: {done} of 3" for done in (1, 2, 3)]


def test_words_of_progress() -> None:
    assert Reached("task runs", 4200, 50_000, 12.3).words == "Reading task runs: 4,200 of 50,000, about 12 s left"


def test_a_server_that_holds_back_rows(table: tuple[Table, str]) -> None:
    held, api_url = table
    held.rows = [{"id": "a", "expected_start_time": None}]
    held.hidden = 2
    with pytest.raises(ApiAnswerInvalid, match="only 1 of 3"):
        ask(tenant(api_url), lambda client: read_task_runs(client, ["run"]))


# --- links that cannot be ---------------------------------------------------------------------------------------------


def test_a_link_against_the_clock_is_dashed_and_told(prefect_server: str) -> None:
    """`late` names `early` as its input, which started and ended long after it: Prefect took one value for another."""
    make = Maker(prefect_server)
    run = make.run("against-the-clock")
    early = make.task_run(run, "early")
    running = make.task_run(run, "running", state={"type": "RUNNING", "name": "Running"})
    given_to = {"x": [{"input_type": "task_run", "id": source} for source in (early, running)]}
    late = make.task_run(run, "late", DONE, task_inputs=given_to)
    graph = ask(tenant(prefect_server), lambda client: read_run(client, run))
    plausible = {(e.source, e.target): e.plausible for e in graph.edges.itertuples()}
    assert plausible == {(early, late): True, (running, late): False}
    assert any("1 link is dashed" in note for note in graph.notes)
    assert graph.nodes.at[late, "blocked_s"] == 0


def test_the_first_pause_before_another_try_is_no_work(prefect_server: str) -> None:
    """A task and a subflow fail after a moment and wait: while they do, the run waits for their next try."""
    make = Maker(prefect_server)
    run = make.run("waiting-retry", state=RUNNING)
    task, subflow = make.task_run(run, "shaky", RUNNING), make.subflow(run, "shaky-flow")
    make.set_state(f"/flow_runs/{subflow}", RUNNING)
    failed = datetime.now(UTC)
    for path in (f"/task_runs/{task}", f"/flow_runs/{subflow}"):
        make.set_state(path, {"type": "SCHEDULED", "name": "AwaitingRetry"})
    time.sleep(2)
    graph = ask(tenant(prefect_server), lambda client: read_run(client, run))
    found = bars(graph).set_index(["node", "part"])
    path = critical_path(graph).segments
    for node in (task, subflow):
        assert list(found.loc[node].index)[-2:] == ["run", "retry"]
        assert abs((found.at[(node, "run"), "end"] - failed).total_seconds()) < 1
    resting = path[path["part"] == "retry"]
    assert (resting["end"] - resting["start"]).sum().total_seconds() > 1.5
