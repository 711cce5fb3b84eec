"""A real flow, polled while it runs through a server that fails on demand: nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import pandas as pd
import pytest
from anyio.from_thread import start_blocking_portal

from flowdag.demo.processes import clean_env, stop
from flowdag.errors import FlowdagError
from flowdag.model import TERMINAL, FlowRunGraph
from flowdag.prefect_api import live
from flowdag.prefect_api.client import Client, connect
from flowdag.prefect_api.live_read import begin, poll
from flowdag.prefect_api.live_watch import Watch
from flowdag.prefect_api.read_run import read_run
from tests.misbehaving import Answer, Request, answering, as_json, passed_on
from tests.needs import ROOT
from tests.prefect_api.made import DONE, Maker
from tests.truth import ask, tenant
from tests.waiting import wait_until

LATE_S = 20.0  # after which an end must be shown, unless the server itself does not know of it
PER_POLL = 20  # requests: a few full reads' worth, and far from one a node


@dataclass
class Between:
    """A server before the real one: counts what is asked, and answers as `fault` says while it is set."""

    api_url: str
    http: httpx.Client
    asked: list[str] = field(default_factory=list)
    fault: Answer | None = None
    hang_s: float = 0.0

    def answer(self, request: Request) -> Answer:
        self.asked.append(request.path)
        if self.fault:
            time.sleep(self.hang_s)
            return self.fault
        return passed_on(request, self.api_url, self.http)


@contextmanager
def between(api_url: str) -> Iterator[tuple[Between, str]]:
    with httpx.Client(trust_env=False, timeout=30) as http:
        one = Between(api_url, http)
        with answering(one.answer) as own_url:
            yield one, own_url


@contextmanager
def running_flow(api_url: str, home: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The flow of tests/live_flow.py in a process of its own, once it has begun; and its journal."""
    file = home / "journal.jsonl"
    env = clean_env(home, PREFECT_API_URL=api_url, PYTHONPATH=str(ROOT))
    command = [sys.executable, "-m", "tests.live_flow", str(file)]
    with (home / "flow.log").open("w") as log:
        process = subprocess.Popen(
            command, env=env, cwd=home, stdout=log, stderr=log, text=True, start_new_session=True
        )
        try:
            wait_until(lambda: bool(lines(file)), process, 120)
            yield process, file
        finally:
            stop([process])


def lines(file: Path) -> list[dict[str, Any]]:
    text = file.read_text() if file.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


HANG = as_json({"detail": "At last"}, 504)
FAULTS = {  # at which poll, and what it meets
    3: as_json({"exception_message": "Service Unavailable"}, 503, **{"Retry-After": "60"}),
    5: as_json({"detail": "Not Found"}, 404),
    6: Answer(200, b'{"id": "cut o', {"Content-Type": "application/json"}),
    8: HANG,
}


@dataclass
class Followed:
    """What polling a run told: after each good poll its graph and when it was asked for, and requests by poll."""

    run_id: str
    seen: list[tuple[float, FlowRunGraph]]
    requests: list[int]
    failed: list[int]
    last: FlowRunGraph
    journal: list[dict[str, Any]]


@pytest.fixture(scope="module")
def followed(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Followed:
    home = tmp_path_factory.mktemp("followed")
    with between(prefect_server) as (server, own_url), running_flow(prefect_server, home) as (process, file):
        run_id = lines(file)[0]["id"]
        found = Followed(run_id, [], [], [], None, [])  # type: ignore[arg-type]

        async def one_poll(client: Client, watched: live.Watched) -> live.Watched:
            number = len(found.requests)
            server.fault = FAULTS.get(number)
            server.hang_s = 30.0 if server.fault is HANG else 0.0
            before, began = len(server.asked), time.time()
            try:
                with anyio.fail_after(1.5 if server.hang_s else 60):
                    watched = await poll(client, watched)
                    found.seen.append((began, live.graph(watched)))
            except (FlowdagError, TimeoutError):
                found.failed.append(number)
            found.requests.append(len(server.asked) - before)
            return watched

        async def follow(client: Client) -> None:
            watched = await begin(client, run_id)
            until = time.monotonic() + 180
            while not live.is_finished(watched):
                assert time.monotonic() < until, "it did not settle"
                await anyio.sleep(1)
                watched = await one_poll(client, watched)
            found.last = live.graph(watched)

        ask(tenant(own_url), follow)
        assert process.wait(60) == 0
        found.journal = lines(file)
    return found


def test_faults_in_the_middle_lose_nothing(prefect_server: str, followed: Followed) -> None:
    """At the end all is there that the flow did, and as a full read tells it."""
    assert followed.failed == [*FAULTS]
    read = ask(tenant(prefect_server), lambda client: read_run(client, followed.run_id))
    last = followed.last
    for ours, theirs in ((last.nodes, read.nodes), (last.edges, read.edges), (last.tries, read.tries)):
        pd.testing.assert_frame_equal(ours, theirs)
    assert last.complete
    assert last.run == read.run
    tasks = [line for line in followed.journal if line["what"] == "task"]
    assert {line["id"] for line in tasks} <= set(last.nodes.index)
    assert len(last.nodes) == len({line["id"] for line in tasks}) + 1 == 41
    tries = last.tries.groupby("node").size()
    assert {node: int(tries[node]) for node in tries.index} == {
        node: len([line for line in followed.journal if line.get("id") == node]) for node in tries.index
    }
    assert sorted(set(tries)) == [1, 3]


def test_no_end_is_overlooked_for_long(followed: Followed) -> None:
    """What had ended by the journal is not shown running by any later poll."""
    ends = {line["id"]: line["end"] for line in followed.journal if "end" in line and not line["raised"]}
    for asked_at, graph in followed.seen:
        stale = [
            node
            for node in graph.nodes.index[~graph.nodes["state_type"].isin(TERMINAL)]
            if ends.get(node, asked_at) < asked_at - LATE_S
        ]
        assert not stale
    shown = [set(graph.nodes["state_type"]) for _, graph in followed.seen]
    assert any("RUNNING" in states for states in shown)  # it was seen while it ran


@pytest.mark.parametrize("by_graph", [True, False])
def test_one_poll_finds_what_is_not_known(prefect_server: str, followed: Followed, by_graph: bool) -> None:
    """With graph-v2 and without it, on the real server: as if the last tasks had not been recorded before."""

    async def question(client: Client) -> tuple[live.Watched, live.Watched]:
        whole = await begin(client, followed.run_id)
        known = {key: row for key, row in whole.task_runs.items() if not row["name"].startswith(("second", "last"))}
        lacking = replace(whole, task_runs=known, by_graph=by_graph)
        return whole, await poll(client, lacking)

    whole, polled = ask(tenant(prefect_server), question)
    assert len(whole.task_runs) == 41
    assert polled.polls == 1
    assert polled.by_graph == by_graph
    assert polled.task_runs == whole.task_runs
    assert polled.subflows == whole.subflows


def test_few_requests_for_each_poll(followed: Followed) -> None:
    good = [count for number, count in enumerate(followed.requests) if number not in FAULTS]
    assert max(good) <= PER_POLL
    assert sorted(good)[len(good) // 2] <= 8


def a_running_run(api_url: str) -> str:
    """A run that goes on: 15 tasks have ended, five run."""
    make = Maker(api_url)
    running = {"type": "RUNNING", "name": "Running"}
    run = make.run("goes-on", state=running)
    for number in range(20):
        make.task_run(run, f"task-{number}", DONE if number < 15 else running)
    return run


def test_running_tasks_grow(prefect_server: str) -> None:
    """From one poll to the next a task that runs has run for as long as passed between them."""
    run = a_running_run(prefect_server)

    async def twice(client: Client) -> list[FlowRunGraph]:
        watched = await begin(client, run)
        await anyio.sleep(0.5)
        return [live.graph(watched), live.graph(await poll(client, watched))]

    before, after = ask(tenant(prefect_server), twice)
    running = before.nodes.index[before.nodes["state_type"] == "RUNNING"]
    assert len(running) == 5
    passed = (after.as_of - before.as_of).total_seconds()
    assert passed >= 0.5
    assert list(after.nodes.loc[running, "wall_s"] - before.nodes.loc[running, "wall_s"]) == pytest.approx([passed] * 5)


def test_twenty_viewers_cause_the_requests_of_one(prefect_server: str) -> None:
    run = a_running_run(prefect_server)

    def requests(viewers: int) -> int:
        with (
            between(prefect_server) as (server, own_url),
            start_blocking_portal() as portal,
            portal.wrap_async_context_manager(connect(tenant(own_url))) as client,
        ):
            watched = portal.call(begin, client, run)
            watch = Watch(lambda question: portal.call(question, client), watched)
            together = threading.Barrier(viewers)

            def view() -> None:
                for look in range(1, 7):  # far apart by the watch's clock: each time a poll is due
                    together.wait(60)
                    for _ in range(2):
                        shown = watch.current(now=time.monotonic() + look * 1000)
                        assert shown.problem is None
                        assert len(shown.graph.nodes) == 20

            with ThreadPoolExecutor(viewers) as pool:
                for viewer in [pool.submit(view) for _ in range(viewers)]:
                    viewer.result()
            return len(server.asked)

    one, twenty = requests(1), requests(20)
    assert one >= 6 * 3
    assert twenty <= 1.1 * one
