"""A flow run again and again for one client, then for another, then once much longer: `python -m tests.usual_flows`.

With PREFECT_API_URL set. Prints the ids of the flow runs as JSON once Prefect has recorded them whole.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

import httpx
from prefect import flow, tags, task

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
