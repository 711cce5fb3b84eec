"""A flow that takes a while: waves of tasks, one after the other, so that a page can be watched while it runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

from prefect import flow, get_run_logger, runtime, task

from flowdag.demo.processes import clean_env
from tests.needs import ROOT

WAVES, WIDE, STEP_S = 8, 3, 2.0


@task(task_run_name="step-{wave}-{number}")
def step(wave: int, number: int) -> int:
    time.sleep(STEP_S)
    get_run_logger().info("wave %s", wave)
    return number


@flow(name="slow-flow", flow_run_name="slow run")
def slow_flow() -> None:
    print(runtime.flow_run.id, flush=True)
    for wave in range(WAVES):
        [future.wait() for future in step.map([wave] * WIDE, list(range(WIDE)))]


@contextmanager
def slow_run(api_url: str, home: Path) -> Iterator[str]:
    """The id of a run that has just begun; at the end it has ended."""
    env = clean_env(home, PREFECT_API_URL=api_url, PYTHONPATH=str(ROOT))
    with Popen([sys.executable, "-m", "tests.slow_flow"], env=env, cwd=home, stdout=PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.wait(60)


if __name__ == "__main__":
    slow_flow()
