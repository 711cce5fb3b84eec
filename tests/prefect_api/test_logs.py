"""Log lines of a run with subflows on a real server: whole, in order, by level, words and task, at any number."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from flowdag.model import FlowRun, FlowRunGraph
from flowdag.prefect_api import log_pages, logs
from flowdag.prefect_api.assemble import Raw, assemble
from flowdag.prefect_api.client import Client
from flowdag.prefect_api.log_pages import LogLine, LogQuery, Owners, readable
from flowdag.prefect_api.logs import excerpt, owners, read_lines
from flowdag.prefect_api.reading import Reached
from tests.misbehaving import Answer, Request, answering, as_json, without_csrf
from tests.prefect_api.made import Maker
from tests.truth import ask, tenant

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
COUNT, BURST = 1234, range(300, 750)  # lines, and those of one instant
LEVELS = {7: logging.WARNING, 111: logging.ERROR}  # every 7th line, every 111th


@dataclass(frozen=True)
class Written:
    """A run, a subflow of it, and their lines in the order of time; `task` wrote every 10th line of the run."""

    api_url: str
    run: str
    sub: str
    task: str
    rows: list[dict[str, Any]]

    @property
    def whole(self) -> Owners:
        return Owners((self.run, self.sub))

    def read(self, query: LogQuery, wanted: int, **how: Any) -> logs.Lines:
        return ask(tenant(self.api_url), lambda client: read_lines(client, query, wanted, **how))

    def messages(self, **which: Any) -> list[str]:
        """Of the lines whose fields have these values."""
        return [row["message"] for row in self.rows if all(row.get(name) == value for name, value in which.items())]


def level(number: int) -> int:
    return next((value for every, value in reversed(LEVELS.items()) if number % every == 0), logging.INFO)


def row(number: int, at: datetime, **more: Any) -> dict[str, Any]:
    return {
        "name": "prefect.flow_runs",
        "level": level(number),
        "message": f"Line {number} of Ärger, {'odd' if number % 2 else 'even'}",
        "timestamp": at.isoformat(),
        **more,
    }


@pytest.fixture(scope="module")
def written(prefect_server: str) -> Written:
    make = Maker(prefect_server)
    run = make.run("logs-flow")
    sub = make.subflow(run, "logs-subflow")
    task = make.task_run(run, "logs-task")
    rows = []
    for number in range(COUNT):
        at = BEGIN + timedelta(seconds=BURST[0] if number in BURST else number)
        owner = {"flow_run_id": sub} if number % 3 == 0 else {"flow_run_id": run}
        if number % 10 == 0:
            owner = {"flow_run_id": run, "task_run_id": task}
        rows.append(row(number, at, **owner))
    for start in range(0, COUNT, 400):
        answer = make.http.post("/logs/", json=rows[start : start + 400])
        assert answer.is_success, answer.text
    foreign = make.http.post("/logs/", json=[row(1, BEGIN, flow_run_id=make.run("logs-flow"))])
    assert foreign.is_success
    return Written(prefect_server, run, sub, task, rows)


def test_the_last_lines(written: Written) -> None:
    found = written.read(LogQuery(written.whole), 300)
    assert [line.message for line in found.lines] == written.messages()[-300:]
    assert found.more
    assert found.lines[-1].at == BEGIN + timedelta(seconds=COUNT - 1)
    assert {line.flow_run_id for line in found.lines} == {written.run, written.sub}
    assert {line.task_run_id for line in found.lines} == {written.task, None}


def test_all_lines_each_once_though_many_share_an_instant(written: Written) -> None:
    told: list[Reached] = []
    for newest_first in (True, False):
        found = written.read(LogQuery(written.whole), 10_000, newest_first=newest_first, progress=told.append)
        assert sorted(line.message for line in found.lines) == sorted(written.messages())
        assert [line.at for line in found.lines] == sorted(line.at for line in found.lines)
        assert not found.more
        assert found.scanned == COUNT
    assert told[-1].words == "Reading log lines: 1,234 so far"


def test_earlier_lines_follow_on_without_a_gap_or_a_repetition(written: Written) -> None:
    held: tuple[LogLine, ...] = ()
    query, more = LogQuery(written.whole), True
    while more:
        known = {line.id for line in held}
        found = written.read(replace(query, before=held[0].at if held else None), 150, known=known)
        held, more = (*found.lines, *held), found.more
    assert sorted(line.message for line in held) == sorted(written.messages())
    assert [line.at for line in held] == sorted(line.at for line in held)


def test_lines_of_many_owners_come_in_the_order_of_time(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as need several requests."""
    monkeypatch.setattr(log_pages, "AT_ONCE", 1)
    for newest_first in (True, False):
        found = written.read(LogQuery(written.whole), 10_000, newest_first=newest_first)
        assert sorted(line.message for line in found.lines) == sorted(written.messages())
        assert [line.at for line in found.lines] == sorted(line.at for line in found.lines)
    some = written.read(LogQuery(written.whole), 7)
    assert [line.message for line in some.lines] == written.messages()[-7:]


def test_lines_of_a_level_of_a_task_and_of_a_time(written: Written) -> None:
    warnings = written.read(LogQuery(written.whole, at_least=logging.WARNING), 10_000).lines
    expected = [row["message"] for row in written.rows if row["level"] >= logging.WARNING]
    assert sorted(line.message for line in warnings) == sorted(expected)
    assert {line.level for line in warnings} == {"WARNING", "ERROR"}

    first = written.read(LogQuery(written.whole, at_least=logging.ERROR), 1, newest_first=False)
    assert [line.message for line in first.lines] == ["Line 0 of Ärger, even"]
    assert first.more

    of_task = written.read(LogQuery(Owners((), (written.task,))), 10_000).lines
    assert sorted(line.message for line in of_task) == sorted(written.messages(task_run_id=written.task))

    span = LogQuery(written.whole, after=BEGIN + timedelta(seconds=10), before=BEGIN + timedelta(seconds=12))
    assert [line.message.split(",")[0] for line in written.read(span, 99).lines] == [
        f"Line {number} of Ärger" for number in (10, 11, 12)
    ]
    assert written.read(LogQuery(Owners()), 99) == logs.Lines((), False, 0)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("LINE 77 of", [77, *range(770, 780), 177, 277, 377, 477, 577, 677, 877, 977, 1077, 1177]),
     ("odd ärger 1001", [1001]), ("77-", []), ('"77', []), ("+Line -77 1233", []), ("%", []), ("1233 ärger,", [1233])],
)  # fmt: skip
def test_every_word_in_any_order_and_case(text: str, numbers: list[int], written: Written) -> None:
    """Nothing in a word has a meaning of its own, whatever the server's search makes of it."""
    found = written.read(LogQuery(written.whole, text=text), 10_000).lines
    assert sorted(line.message for line in found) == sorted(written.messages()[number] for number in numbers)


# --- servers that search no text, or do not go on --------------------------------------------------------------------


@pytest.fixture
def old_server() -> Iterator[str]:
    """As before 3.4.20: a filter by text is refused. 500 lines, of which each 100th has the word."""
    lines = [row(at, BEGIN + timedelta(seconds=at), id=str(at)) for at in range(500)]

    def answer(request: Request) -> Answer:
        asked = request.json
        if "text" in asked["logs"]:
            return as_json({"detail": "Extra inputs are not permitted"}, 422)
        before = asked["logs"].get("timestamp", {}).get("before_", "9")
        found = [line for line in reversed(lines) if line["timestamp"] <= before]
        return as_json(found[asked["offset"] :][: asked["limit"]])

    with answering(without_csrf(answer)) as url:
        yield url


def test_a_server_that_searches_no_text(old_server: str) -> None:
    query = LogQuery(Owners(("any",)), text="line 00")
    found = ask(tenant(old_server), lambda client: read_lines(client, query, 3))
    assert [line.id for line in found.lines] == ["200", "300", "400"]
    rest = replace(query, before=found.lines[0].at)
    earlier = ask(tenant(old_server), lambda client: read_lines(client, rest, 3, known={"200"}))
    assert ([line.id for line in earlier.lines], earlier.more) == (["100"], False)


def test_a_server_that_always_gives_the_same_page() -> None:
    same = as_json([row(at, BEGIN, id=str(at)) for at in range(200)])
    with answering(without_csrf(lambda _: same)) as url:

        async def read(client: Client) -> logs.Lines:
            with anyio.fail_after(20):
                return await read_lines(client, LogQuery(Owners(("any",))), 10_000)

        assert len(ask(tenant(url), read).lines) == 200


# --- what is made of the lines ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "read"),
    [
        ("\x1b[31;1mred\x1b[0m and \x1b]0;title\x07plain", "red and plain"),
        ("\x1b]8;;https://evil.test\x1b\\link\x1b]8;;\x1b\\ \x9b2Jend", "link end"),
        ("a\x00b\x08c\x1b", "abc"),
        ("\x1b]never ended: all is kept", "]never ended: all is kept"),
        ("10 %\r50 %\r100 %\r\ndone\n\n", "10 %\n50 %\n100 %\ndone"),
        ("safe\u202egnp.exe \u200bx", "safegnp.exe x"),
        ("tab\tand <b>&amp; 👩\u200d🔬 مرحبا", "tab\tand <b>&amp; 👩\u200d🔬 مرحبا"),
    ],
)
def test_what_a_terminal_would_obey_is_left_out(message: str, read: str) -> None:
    assert readable(message) == read


def line(number: int, message: str = "", level: int = logging.INFO) -> LogLine:
    return LogLine(BEGIN + timedelta(seconds=number), logging.getLevelName(level), message, level, str(number))


def test_the_lines_around_a_failure() -> None:
    """The traceback, not the sentence about it that follows; nothing of an earlier try but what stands next to it."""
    trace = "Task run failed with exception\nTraceback (most recent call last):\n  ...\nValueError: no"
    lines = [line(at, f"line {at}") for at in range(20)]
    lines[5] = line(5, trace, logging.ERROR)
    lines[15] = line(15, trace, logging.ERROR)
    lines[16] = line(16, "Finished in state Failed", logging.ERROR)
    assert [found.id for found in excerpt(lines)] == ["11", "12", "13", "14", "15", "16", "17"]
    assert [found.id for found in excerpt([line(at) for at in range(20)])] == [str(at) for at in range(14, 20)]
    bare = [line(at, level=logging.ERROR if at in (2, 8, 9) else logging.INFO) for at in range(20)]
    assert [found.id for found in excerpt(bare)] == ["4", "5", "6", "7", "8", "9", "10"]


def nested() -> FlowRunGraph:
    """`caller` (a task) calls `inner` (a task) and the subflow `sub`, where `deep` runs; `other` stands beside."""
    common = {"task_key": "t-0a1b2c3d", "state_type": "COMPLETED", "run_count": 1, "start_time": BEGIN.isoformat()}
    inside = {"task_inputs": {"__parents__": [{"input_type": "task_run", "id": "caller"}]}}
    task_runs = [
        {"id": "caller", "name": "caller", "flow_run_id": "run", **common},
        {"id": "inner", "name": "inner", "flow_run_id": "run", **common, **inside},
        {"id": "wrapper", "name": "sub", "flow_run_id": "run", **common, **inside},
        {"id": "deep", "name": "deep", "flow_run_id": "sub", **common},
        {"id": "other", "name": "other", "flow_run_id": "run", **common},
    ]
    subflow = {"id": "sub", "name": "sub", "flow_id": "f", "parent_task_run_id": "wrapper", **common}
    run = FlowRun("run", "run", "f", "flow", "COMPLETED", "Completed", start=BEGIN, end=BEGIN)
    return assemble(Raw(run, [subflow], task_runs, {}), BEGIN)


def test_whose_lines_are_those_of_a_task() -> None:
    """Also of what it called, at any depth."""
    graph = nested()
    assert set(owners(graph).flow_runs) == {"run", "sub"}
    assert owners(graph).task_runs == ()
    assert owners(graph, ["other"]) == Owners((), ("other",))
    of_caller = owners(graph, ["caller"])
    assert (of_caller.flow_runs, set(of_caller.task_runs)) == (("sub",), {"caller", "inner"})
    assert owners(graph, ["sub"]) == Owners(("sub",), ())
    assert owners(graph, ["deep", "of another run"]) == Owners((), ("deep",))
