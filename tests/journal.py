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
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from pathlib import Path
from types import ModuleType
from typing import Any

from prefect import Flow, Task, runtime
from prefect.context import FlowRunContext, TaskRunContext

from flowdag.demo import flows, nightly
from tests import odd_flows

LOCK = threading.Lock()


def journalled(runnable: Any, told: Callable[[], dict[str, Any]], out: Path) -> None:
    """Wrap the body: what Prefect itself runs, times and retries stays the same."""
    body = runnable.fn

    @contextmanager
    def noted() -> Iterator[None]:
        facts = told() | {"start": time.time(), "thread": threading.current_thread().name, "raised": True}
        try:
            yield
            facts["raised"] = False
        finally:
            facts["end"] = time.time()
            write(out, facts)

    def plain(*args: Any, **kwargs: Any) -> Any:
        with noted():
            return body(*args, **kwargs)

    def generating(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with noted():
            yield from body(*args, **kwargs)

    async def waiting(*args: Any, **kwargs: Any) -> Any:
        with noted():
            return await body(*args, **kwargs)

    async def streaming(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        with noted():
            async for piece in body(*args, **kwargs):
                yield piece

    kinds = ((isgeneratorfunction, generating), (iscoroutinefunction, waiting), (isasyncgenfunction, streaming))
    wrapped: Any = next((wrapper for is_kind, wrapper in kinds if is_kind(body)), plain)
    runnable.fn = functools.wraps(body)(wrapped)


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
    keep(out, flows, nightly, odd_flows)
    for name, run in SCENARIOS.items():
        state = run()
        write(out, {"what": "scenario", "name": name, "id": str(state.state_details.flow_run_id)})


def keep(out: Path, *modules: ModuleType) -> None:
    """Write the journal of all tasks and flows that these modules define."""
    for module in modules:
        for thing in vars(module).values():
            if isinstance(thing, Task) and thing.fn.__module__ == module.__name__:
                journalled(thing, of_task, out)
            elif isinstance(thing, Flow) and thing.fn.__module__ == module.__name__:
                journalled(thing, of_flow, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
