"""A flow of calls in a row, two maps and a join; one of its tasks can be made to take half as long.

`python -m bench.saving_flow WORKERS [TASK ...]` with PREFECT_API_URL set: one run for each task named, with that task
halved; `-` halves none. Prints the ids of the runs, a line each.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NONE as NO_CACHE
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner

EXTRACTS = {"extract-0": 1.6, "extract-1": 2.4, "extract-2": 1.2, "extract-3": 2.0}
CLEANS = {"clean-0": 2.2, "clean-1": 1.0, "clean-2": 1.8, "clean-3": 1.4}
CALLS = {"prepare": 1.0, "join": 1.2, "load": 1.6}
SECONDS = {**EXTRACTS, **CLEANS, **CALLS}


@task(cache_policy=NO_CACHE, task_run_name="{name}")
def work(name: str, halved: str, *given: Any) -> list[str]:  # noqa: ARG001 - given to wait for it
    time.sleep(SECONDS[name] / (2 if name == halved else 1))
    return [name]


def saving(workers: int, halved: str) -> str:
    @flow(name="saving", task_runner=ThreadPoolTaskRunner(max_workers=workers))
    def run() -> None:
        work("prepare", halved)
        extracts = [work.submit(name, halved) for name in EXTRACTS]
        cleans = [work.submit(name, halved, one) for name, one in zip(CLEANS, extracts, strict=True)]
        wait(cleans)
        work("load", halved, work("join", halved, *cleans))

    return str(run(return_state=True).state_details.flow_run_id)


if __name__ == "__main__":
    for name in sys.argv[2:]:
        print(saving(int(sys.argv[1]), name), flush=True)
