"""A flow run again and again for one client, then for another, then once much longer: `python -m tests.usual_flows`.

With PREFECT_API_URL set. Prints the ids of the flow runs as JSON once Prefect has recorded them whole.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
from prefect import flow, tags, task

from flowdag.demo.processes import clean_env
from tests.serving import flows_path, flows_python

OWN, OTHER = "client:usual-own", "client:usual-other"
BEFORE, FOREIGN = 12, 2
PACE, SLOW = 0.05, 1.6


@task
def extract(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@task
def load(rows: float, seconds: float) -> float:
    time.sleep(seconds)
    return rows


@flow
def usual_daily(seconds: float) -> None:
    load(load(extract(PACE), seconds), PACE)


def usual_runs(api_url: str, home: Path) -> dict[str, list[str]]:
    """Run everything on a server, in a process of its own: ids of the flow runs, in order."""
    env = clean_env(home, PREFECT_API_URL=api_url, PYTHONPATH=flows_path(home))
    done = subprocess.run(
        [flows_python(), "-m", "tests.usual_flows"], env=env, cwd=home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-5000:]
    found: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_all() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"before": [], "foreign": [], "slow": []}
    took = {"before": [PACE] * BEFORE, "foreign": [PACE] * FOREIGN, "slow": [SLOW]}
    for name, seconds in took.items():
        with tags(OTHER if name == "foreign" else OWN):
            for one in seconds:
                state = usual_daily(one, return_state=True)
                found[name].append(str(state.state_details.flow_run_id))
    _wait_until_recorded(3 * (BEFORE + FOREIGN + 1))
    return found


def _wait_until_recorded(count: int) -> None:
    ended = {
        "flows": {"name": {"any_": ["usual-daily"]}},
        "task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
    }
    until = time.monotonic() + 120
    while (now := _ask("task_runs/count", ended)) != count:
        assert time.monotonic() < until, f"{now} task runs instead of {count}"
        time.sleep(0.2)


def _ask(path: str, body: dict[str, Any]) -> Any:
    return httpx.post(f"{os.environ['PREFECT_API_URL']}/{path}", json=body, trust_env=False).raise_for_status().json()


if __name__ == "__main__":
    print(json.dumps(run_all()))
