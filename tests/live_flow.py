"""A flow that is watched while it runs, and writes down what it does: `python -m tests.live_flow FILE`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
from prefect import flow, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner

from tests.journal import journalled, of_flow, of_task, write


@task(cache_policy=NO_CACHE, task_run_name="{name}")
def work(name: str, seconds: float, *given: Any) -> pd.DataFrame:
    """Sleeps; the frame is its own, not to be mistaken for another."""
    del given
    time.sleep(seconds)
    return pd.DataFrame({"from": [name]})


@task(cache_policy=NO_CACHE, task_run_name="{name}", retries=2, retry_delay_seconds=0.5)
def flaky(name: str) -> pd.DataFrame:
    time.sleep(0.2)
    if runtime.task_run.run_count < 3:
        raise RuntimeError("The first two tries fail")
    return pd.DataFrame({"from": [name]})


@flow(name="part", flow_run_name="part", task_runner=ThreadPoolTaskRunner(max_workers=3))
def part(given: Any) -> pd.DataFrame:
    del given
    done = [work.submit(f"inside-{n}", 0.2 + 0.1 * n) for n in range(8)]
    return done[-1].result()


@flow(name="watched-flow", task_runner=ThreadPoolTaskRunner(max_workers=5))
def watched() -> None:
    chain = work.submit("chain-0", 2.0)
    for n in range(1, 4):
        chain = work.submit(f"chain-{n}", 2.0, chain)
    first = [work.submit(f"first-{n}", 0.2 + 0.15 * n) for n in range(12)]
    tried = [flaky.submit(f"flaky-{n}") for n in range(3)]
    second = [work.submit(f"second-{n}", 0.2, one, wait_for=tried) for n, one in enumerate(first)]
    chain.wait()
    made = part(second[0].result())
    work.submit("last", 0.5, made, *second, *tried).wait()


def main(out: Path) -> None:
    for runnable, told in ((work, of_task), (flaky, of_task), (part, of_flow)):
        journalled(runnable, told, out)
    body = watched.fn

    def begun() -> None:
        write(out, {"what": "begun", "id": str(runtime.flow_run.id)})
        body()

    watched.fn = begun
    watched()
    write(out, {"what": "over"})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
