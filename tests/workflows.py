"""Recorded workflows (`../shared/data/workflows`) as flow runs: `python -m tests.workflows FOLDER FILE NAME...`.

PREFECT_API_URL is the server's. FILE gets a line as in tests/journal.py for each run once Prefect has recorded it
whole. NAME is a workflow's; `NAME+data` gives every other task its parents as values, instead of waiting for them.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
from prefect import Task, flow
from prefect.cache_policies import NO_CACHE
from prefect.exceptions import PrefectHTTPStatusError
from prefect.task_runners import ThreadPoolTaskRunner

from tests.journal import write

LONGEST_S = 0.5  # what the longest task of a workflow sleeps: the scale is chosen so
DATA = "+data"


@dataclass(frozen=True)
class Job:
    id: str
    name: str
    runtime_s: float
    parents: tuple[str, ...]


def jobs(file: Path) -> list[Job]:
    """The tasks of a workflow, each after its parents."""
    with file.open(newline="") as rows:
        found = {
            row["task_id"]: Job(
                row["task_id"], row["task_name"], float(row["runtime_s"]), tuple(row["parent_ids"].split())
            )
            for row in csv.DictReader(rows)
        }
    order = TopologicalSorter({job.id: job.parents for job in found.values()}).static_order()
    return [found[job_id] for job_id in order]


def given_as_data(todo: list[Job]) -> set[str]:
    """The tasks that are given their parents as values in a `+data` replay: every other one that has any."""
    return {job.id for job in islice((job for job in todo if job.parents), 0, None, 2)}


def task_of(kind: str) -> Task[..., Any]:
    """A task that sleeps. Beside a run name Prefect keeps no other name of it than its function's."""

    def sleep(seconds: float, *_: Any) -> tuple[float, ...]:
        time.sleep(seconds)
        return (seconds,)

    sleep.__name__ = sleep.__qualname__ = kind
    return Task(sleep, cache_policy=NO_CACHE)


def replay(name: str, todo: list[Job], as_data: set[str]) -> Any:
    """Run a workflow: its state."""
    scale = LONGEST_S / max(job.runtime_s for job in todo)

    tasks = {kind: task_of(kind) for kind in {job.name for job in todo}}

    @flow(name=name, task_runner=ThreadPoolTaskRunner(max_workers=16))
    def workflow() -> None:
        futures: dict[str, Any] = {}
        for job in todo:
            parents = [futures[parent] for parent in job.parents]
            run = tasks[job.name].with_options(task_run_name=job.id)
            seconds = job.runtime_s * scale
            futures[job.id] = (
                run.submit(seconds, parents) if job.id in as_data else run.submit(seconds, wait_for=parents)
            )
        for future in futures.values():
            future.wait()

    return workflow(return_state=True)


def main(folder: Path, out: Path, names: list[str]) -> None:
    """Replay workflows, two at a time."""

    def one(name: str) -> None:
        todo = jobs(folder / f"{name.removesuffix(DATA)}.csv")
        state = _patiently(lambda: replay(name, todo, given_as_data(todo) if name.endswith(DATA) else set()))
        assert state.is_completed(), state
        run_id = str(state.state_details.flow_run_id)
        wait_until_recorded(run_id, len(todo))
        write(out, {"what": "scenario", "name": name, "id": run_id})

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, names))


def _patiently(run: Callable[[], Any]) -> Any:
    """Its state. A server on SQLite that is busy recording may refuse a new flow run (503, its database is locked)."""
    for _ in range(5):
        try:
            return run()
        except PrefectHTTPStatusError as refusal:
            if refusal.response.status_code != 503:
                raise
            time.sleep(5)
    return run()


def wait_until_recorded(run_id: str, count: int) -> None:
    """Until the server knows that `count` task runs of this run have completed."""
    done = {"task_runs": {"flow_run_id": {"any_": [run_id]}, "state": {"type": {"any_": ["COMPLETED"]}}}}
    with httpx.Client(base_url=os.environ["PREFECT_API_URL"], trust_env=False, timeout=30) as http:
        until = time.monotonic() + 280
        while (answer := http.post("/task_runs/count", json=done)).text != str(count):  # a refusal is no number
            assert time.monotonic() < until, f"{run_id}: {answer.text} task runs instead of {count}"
            time.sleep(0.5)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
