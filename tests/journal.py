"""Runs the sample flows and writes down what they really did, one JSON object a line.

`python -m tests.journal FILE` with PREFECT_API_URL set. Every body of a task or flow writes a line when it ends, by the
wall clock and from what Prefect tells a running body about itself; nothing of flowdag's reading is used.
"""

from __future__ import annotations

import functools
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import Flow, Task, runtime
from prefect.context import FlowRunContext, TaskRunContext

from flowdag.demo import flows, nightly
from tests import odd_flows

LOCK = threading.Lock()


def journalled(runnable: Any, told: Callable[[], dict[str, Any]], out: Path) -> None:
    """Wrap the body: what Prefect itself runs, times and retries stays the same."""
    body = runnable.fn

    @functools.wraps(body)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        facts = told() | {"start": time.time(), "thread": threading.current_thread().name, "raised": True}
        try:
            answer = body(*args, **kwargs)
            facts["raised"] = False
            return answer
        finally:
            facts["end"] = time.time()
            write(out, facts)

    runnable.fn = wrapped


def write(out: Path, facts: dict[str, Any]) -> None:
    with LOCK, out.open("a") as file:
        file.write(json.dumps(facts) + "\n")


def of_task() -> dict[str, Any]:
    context = TaskRunContext.get()
    assert context is not None
    run = context.task_run
    return {"what": "task", "id": str(run.id), "label": runtime.task_run.name, "try": run.run_count}


def of_flow() -> dict[str, Any]:
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    run = context.flow_run
    return {"what": "flow", "id": str(run.id), "label": f"{context.flow.name} / {run.name}", "try": run.run_count}


SCENARIOS: dict[str, Callable[[], Any]] = {
    "nightly": lambda: flows.nightly_etl("truth", return_state=True),
    "failing": lambda: flows.nightly_etl("truth", fail=True, return_state=True),
    **{name: functools.partial(odd, return_state=True) for name, odd in odd_flows.ODD.items()},
    "slow": lambda: flows.slow_report("truth", months=2, pace=0.25, return_state=True),
    "quick": lambda: flows.quick_check("truth", "orders", return_state=True),
    "stale": lambda: flows.quick_check("truth", "stock", at_most_h=6.0, return_state=True),
    "score": lambda: flows.score_customers("truth", return_state=True),
}


def main(out: Path) -> None:
    for module in (flows, nightly, odd_flows):
        for thing in vars(module).values():
            if isinstance(thing, Task) and thing.fn.__module__ == module.__name__:
                journalled(thing, of_task, out)
            elif isinstance(thing, Flow) and thing.fn.__module__ == module.__name__:
                journalled(thing, of_flow, out)
    for name, run in SCENARIOS.items():
        state = run()
        write(out, {"what": "scenario", "name": name, "id": str(state.state_details.flow_run_id)})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
