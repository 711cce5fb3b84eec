"""Runs that page and browser tests look at: `python -m tests.sample_runs`, with PREFECT_API_URL set.

The sample flows for two clients, and runs that are odd: hostile names everywhere, no tasks, not started. Prints their
ids as JSON once Prefect has recorded them whole, which it does some seconds late.
"""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from prefect import flow, get_run_logger, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow
from prefect.states import Scheduled

from flowdag.demo.flows import nightly_etl, score_customers

MARKUP = "<img src=x onerror=window.__hacked=1>"
MARKDOWN = "**bold** [x](javascript:alert(1)) :red[x] $x$ `y` :material/home:"
HOSTILE_NAMES = {
    "markup": MARKUP,
    "breakout": "\"'></script><svg onload=window.__hacked=1>",
    "quotes": "it's \"quoted\", \\n and 'more'",
    "emoji": "🚀 launch 👩‍🔬",
    "long": f"long-{'n' * 290}-last",
    "right to left": "مرحبا \u202eبالعالم",
    "markdown": MARKDOWN,
}
WIDE, PARTS = 310, 8  # task runs of the wide run that are alike, and of one part of the run of two parts
# task runs that end in each run and its subflows: what the flows do, counted by hand
ENDED = {"nightly": 29, "globex": 29, "failing": 16, "wide": WIDE + 2, "two parts": WIDE, "hostile": len(HOSTILE_NAMES)}


@task
def pass_on(before: list[str], text: str) -> list[str]:
    get_run_logger().info("%s", text)
    return [*before, text]


@task(task_run_name=MARKUP)
def keep_artifacts(text: str) -> list[str]:
    get_run_logger().info("%s", text)
    create_markdown_artifact(f"# {MARKUP}\n{MARKDOWN}", key="words", description=f"{MARKUP} {MARKDOWN}")
    create_table_artifact([{MARKUP: MARKUP, "markdown": MARKDOWN}], key="rows", description=MARKUP)
    create_link_artifact("javascript:alert(1)", link_text=MARKUP, key="link", description=MARKDOWN)
    return [text]


@flow(name=f'{MARKDOWN} "it\'s"'.replace("/", "|"), version=MARKUP, flow_run_name=MARKUP)
def hostile(parameters: dict[str, str]) -> None:
    """Each task needs the one before, so that names appear as inputs too."""
    passed = keep_artifacts.with_options(tags=[MARKUP, "**bold**"]).submit(MARKUP)
    for kind, name in HOSTILE_NAMES.items():
        if kind != "markup":
            passed = pass_on.with_options(task_run_name=name).submit(passed, name)
    passed.wait()
    raise ValueError(f"{MARKUP} {MARKDOWN} {parameters['a']}")


@flow(name="no-tasks", flow_run_name="nothing called")
def no_tasks() -> int:
    return sum(range(10))


@task(task_run_name="part-{number}")
def part(number: int) -> int:
    return number


@task(task_run_name="piece-{number}")
def piece(number: int) -> int:
    return number


@flow(name="two-parts", flow_run_name="two parts")
def two_parts() -> int:
    """More task runs than are drawn, in two groups that can be opened one at a time."""
    parts = part.map(list(range(PARTS)))
    pieces = piece.map(list(range(WIDE - PARTS)), wait_for=parts[:1])
    return len(parts.result()) + len(pieces.result())


def sample_runs() -> dict[str, str]:
    """Run everything; ids of the runs by name."""
    runs = {
        "nightly": (nightly_etl, {"client": "acme"}, ["client:acme"]),
        "globex": (nightly_etl, {"client": "globex"}, ["client:globex"]),
        "failing": (nightly_etl, {"client": "acme", "fail": True}, ["client:acme"]),
        "wide": (score_customers, {"client": "globex", "count": WIDE}, ["client:globex"]),
        "hostile": (hostile, {"parameters": {MARKUP: MARKUP, "a": MARKDOWN}}, ["client:odd", MARKUP, MARKDOWN]),
        "two parts": (two_parts, {}, ["client:odd"]),
        "no tasks": (no_tasks, {}, ["client:odd"]),
    }
    with get_client(sync_client=True) as client, ThreadPoolExecutor(3) as pool:
        created = {  # one after the other: lists are in this order
            name: client.create_flow_run(sample, parameters=parameters, tags=tags)
            for name, (sample, parameters, tags) in runs.items()
        }
        ids = {name: str(run.id) for name, run in created.items()}
        for name, (sample, _, _) in runs.items():
            pool.submit(run_flow, sample, flow_run=created[name], return_type="state")
    with get_client(sync_client=True) as client:
        later = Scheduled(scheduled_time=datetime.now(UTC) - timedelta(minutes=5))
        ids["scheduled"] = str(client.create_flow_run(no_tasks, state=later, name="not yet", tags=["client:odd"]).id)
    ids["subflow"] = _subflows([ids["nightly"]])[0]
    for name, count in ENDED.items():
        _wait_until_recorded(ids[name], count)
    return ids


def _wait_until_recorded(run_id: str, count: int) -> None:
    """Until the server knows that `count` task runs have ended in this run and its subflows."""
    runs = [run_id]
    for found in runs:
        runs += _subflows([found])
    ended = {"flow_runs": _any("id", runs), "task_runs": {"state": _any("type", ["COMPLETED", "FAILED"])}}
    until = time.monotonic() + 180
    while _ask("task_runs/count", ended) != count:
        assert time.monotonic() < until, f"{run_id}: {_ask('task_runs/count', ended)} task runs instead of {count}"
        time.sleep(0.2)


def _subflows(run_ids: list[str]) -> list[str]:
    return [row["id"] for row in _ask("flow_runs/filter", {"flow_runs": _any("parent_flow_run_id", run_ids)})]


def _any(key: str, values: list[str]) -> dict[str, Any]:
    return {key: {"any_": values}}


def _ask(path: str, body: dict[str, Any]) -> Any:
    return httpx.post(f"{os.environ['PREFECT_API_URL']}/{path}", json=body, trust_env=False).raise_for_status().json()


if __name__ == "__main__":
    print(json.dumps(sample_runs()))
