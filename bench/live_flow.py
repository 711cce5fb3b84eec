"""A flow of many like tasks, four at a time, that writes down when each has ended, one JSON object a line.

`python -m bench.live_flow JOURNAL TASKS SECONDS` with PREFECT_API_URL set; its first line tells the flow run's id.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

from prefect import flow, runtime, task
from prefect.cache_policies import NONE as NO_CACHE
from prefect.task_runners import ThreadPoolTaskRunner

AT_ONCE = 4
LOCK = threading.Lock()


@task(cache_policy=NO_CACHE, task_run_name="work-{number:03d}")
def work(number: int, seconds: float, journal: str) -> int:
    time.sleep(seconds)
    write(journal, id=str(runtime.task_run.id), end=time.time())
    return number


@flow(task_runner=ThreadPoolTaskRunner(max_workers=AT_ONCE))
def working(tasks: int, seconds: float, journal: str) -> None:
    write(journal, run=str(runtime.flow_run.id))
    for future in [work.submit(number, seconds, journal) for number in range(tasks)]:
        future.result()


def write(journal: str, **facts: object) -> None:
    with LOCK, Path(journal).open("a") as file:
        file.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    working(int(sys.argv[2]), float(sys.argv[3]), sys.argv[1])
