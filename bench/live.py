"""A running run that is looked at: how late its colours are, and how often Prefect is asked.

A real flow writes down when the bodies of its tasks end. A page in Chromium, with every task drawn, tells when each box
first has the colour that it keeps. How late Prefect itself is: a second run of the same flow, which nobody looks at but
a reader of graph-v2, four times a second. Requests are counted on their way, by a proxy between flowdag and the server,
while first one and then twenty viewers look at the same running run; see bench.viewers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import anyio
import httpx

from bench.browsing import chromium, fresh_page
from bench.figures import Figure
from bench.viewers import viewers
from bench.widget import NODES
from flowdag.demo.processes import clean_env, start, stop
from flowdag.demo.server import embedded_server
from tests.misbehaving import Answer, Request, answering
from tests.needs import ROOT
from tests.running_app import running_app

TASKS, TASK_S = 60, 2.0  # four at a time: half a minute
WATCHED_TASKS, WATCHED_S = 170, 4.0  # nearly three minutes, in two windows of which requests are counted
JOIN_S, WINDOW_S = 10.0, 60.0
VIEWERS, AT_MOST_TIMES = 20, 1.1
POLL_S = 0.25
LOOK = f"""() => {{
  window.__since = {{}};
  setInterval(() => {{
    for (const node of {NODES}) {{
      const id = node.id.split('#')[0], colour = node.color.background, now = Date.now();
      if (window.__since[id]?.[0] !== colour) window.__since[id] = [colour, now];
    }}
  }}, 50);
}}"""

ALIKE = "(ids) => ids.every((id) => __since[id]) && new Set(ids.map((id) => __since[id][0])).size === 1"


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name, embedded_server(Path(name)) as api_url:
        home, asked = Path(name), list[float]()
        with _counting(api_url, asked) as counted_url:
            _configure(home / "app", {"direct": api_url, "counted": counted_url})
            with running_app(home / "app") as app_url:
                coloured = _late_colours(home, api_url, app_url)
                recorded = _late_records(home, api_url)
                one, many = _requests(home, api_url, app_url, asked)
    ours, theirs = median(coloured), median(recorded)
    return [
        Figure("live", "end to colour, median", TASKS, ours, "s", "Prefect's own lag", ours / theirs),
        Figure("live", "end to colour, worst", TASKS, max(coloured), "s"),
        Figure("live", "end to graph-v2, median", TASKS, theirs, "s"),
        Figure("live", "end to graph-v2, worst", TASKS, max(recorded), "s"),
        Figure("live", "requests, 1 viewer", None, one, "a minute"),
        Figure(
            "live", f"requests, {VIEWERS} viewers", None, many, "a minute", "1 viewer", many / one,
            f"at most {AT_MOST_TIMES}", many <= AT_MOST_TIMES * one,
        ),
    ]  # fmt: skip


def _configure(folder: Path, tenants: dict[str, str]) -> None:
    (folder / ".streamlit").mkdir(parents=True)
    tables = [f'[tenants.{slug}]\ntitle = "{slug}"\napi_url = "{api_url}"\n' for slug, api_url in tenants.items()]
    (folder / ".streamlit" / "secrets.toml").write_text("\n".join(tables))


@contextmanager
def _counting(api_url: str, asked: list[float]) -> Iterator[str]:
    """The URL of the same API behind a proxy that notes when it was asked."""

    def forwarded(request: Request) -> Answer:
        asked.append(time.time())
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        url = api_url.removesuffix("/api") + request.path
        answer = http.request(
            request.method,
            url,
            params=request.query,
            content=request.body,
            headers=headers | {"Accept-Encoding": "identity"},
        )
        kept = {name.title(): value for name, value in answer.headers.items() if name not in HOP_BY_HOP}
        return Answer(answer.status_code, answer.content, kept)

    with httpx.Client(timeout=60, trust_env=False) as http, answering(forwarded) as counted_url:
        yield counted_url


HOP_BY_HOP = ("host", "connection", "content-length", "transfer-encoding", "accept-encoding")


# The delay


def _late_colours(home: Path, api_url: str, app_url: str) -> list[float]:
    """Seconds from the end of each task's body until its box had the colour that it kept."""
    with (
        _flow(home / "looked-at", api_url, TASKS, TASK_S) as (run_id, process, journal),
        chromium() as browser,
        fresh_page(browser) as page,
    ):
        page.goto(f"{app_url}/?tenant=direct&run={run_id}&open=all")
        page.wait_for_function(f"() => {NODES}.length > 0")
        page.evaluate(LOOK)
        while process.poll() is None:
            page.wait_for_timeout(200)
        ends = _ends(journal)
        page.wait_for_function(ALIKE, arg=list(ends), timeout=60_000)
        since = page.evaluate("() => __since")
    return [since[task][1] / 1000 - end for task, end in ends.items()]


def _late_records(home: Path, api_url: str) -> list[float]:
    """Seconds from the end of each task's body until graph-v2 tells that it has completed."""
    told: dict[str, float] = {}
    with (
        _flow(home / "not-looked-at", api_url, TASKS, TASK_S) as (run_id, process, journal),
        httpx.Client(timeout=60, trust_env=False) as http,
    ):
        while process.poll() is None or not set(_ends(journal)) <= set(told):
            for node_id, node in http.get(f"{api_url}/flow_runs/{run_id}/graph-v2").json()["nodes"]:
                if node["state_type"] == "COMPLETED":
                    told.setdefault(node_id, time.time())
            time.sleep(POLL_S)
        return [told[task] - end for task, end in _ends(journal).items()]


@contextmanager
def _flow(home: Path, api_url: str, tasks: int, seconds: float) -> Iterator[tuple[str, subprocess.Popen[bytes], Path]]:
    """A flow that is running: its run's id, its process and its journal."""
    home.mkdir()
    journal = home / "journal"
    journal.touch()
    command = [sys.executable, "-m", "bench.live_flow", str(journal), str(tasks), str(seconds)]
    env = clean_env(home, PREFECT_API_URL=api_url, PYTHONPATH=str(ROOT))
    process = start(command, env=env, cwd=home, log=home / "flow.log")
    try:
        while not (lines := _lines(journal)):
            assert process.poll() is None, (home / "flow.log").read_text()
            time.sleep(0.05)
        yield lines[0]["run"], process, journal
        assert not process.poll(), (home / "flow.log").read_text()
    finally:
        stop([process])


def _lines(journal: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal.read_text().splitlines(keepends=True) if line.endswith("\n")]


def _ends(journal: Path) -> dict[str, float]:
    return {line["id"]: line["end"] for line in _lines(journal) if "end" in line}


# The requests


def _requests(home: Path, api_url: str, app_url: str, asked: list[float]) -> tuple[float, float]:
    """Requests a minute with one and with twenty viewers, once they have all opened the page."""
    with _flow(home / "watched", api_url, WATCHED_TASKS, WATCHED_S) as (run_id, process, _):
        found = anyio.run(_watched, app_url, f"tenant=counted&run={run_id}&open=all", asked)
        assert process.poll() is None, "the flow ended before all was counted"
        return found


async def _watched(app_url: str, query: str, asked: list[float]) -> tuple[float, float]:
    async with viewers(app_url, query, 1) as first:
        await anyio.sleep(JOIN_S)
        one = await _a_minute(asked)
        async with viewers(app_url, query, VIEWERS - 1) as others:
            await anyio.sleep(JOIN_S)
            before = [len(viewer.pictures) for viewer in (*first, *others)]
            many = await _a_minute(asked)
            seen = [len(viewer.pictures) - n for viewer, n in zip((*first, *others), before, strict=True)]
            assert min(seen) > 0, f"new pictures that each of the viewers was shown: {seen}"
    return one, many


async def _a_minute(asked: list[float]) -> float:
    begin = time.time()
    await anyio.sleep(WINDOW_S)
    print(f"  load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    return sum(moment >= begin for moment in asked) / (WINDOW_S / 60)
