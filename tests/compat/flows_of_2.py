"""What Prefect 2 can run of the tests' flows: it knows no tasks within tasks. Prints the flow runs' ids as JSON."""

from __future__ import annotations

import json
import time
from typing import Any

from prefect import flow, runtime, task


class Value:
    """Of its own for each call: nothing to be mistaken for another."""


@task(task_run_name="{name}")
def step(name: str, *given: Any) -> Value:  # noqa: ARG001
    time.sleep(0.1)
    return Value()


@task(task_run_name="shaky", retries=1, retry_delay_seconds=1)
def shaky() -> Value:
    if runtime.task_run.run_count == 1:
        raise ConnectionError("The first try fails")
    return Value()


@task(cache_key_fn=lambda *_: f"of {runtime.flow_run.id}", persist_result=True)
def kept(name: str) -> str:
    return name


@task(task_run_name="broken")
def broken() -> None:
    raise ValueError("This one fails")


@flow(name="inner", flow_run_name="inner")
def inner(given: Any) -> Value:
    return step("within", given)


@flow(name="whole")
def whole() -> None:
    one = step.submit("one")
    two = step.submit("two", one)
    three = step.submit("three", one, wait_for=[two])
    parts = step.map(["part-1", "part-2"])
    called = inner(three.result())
    step.submit("after", called, parts).wait()
    kept("first")
    kept("second")
    shaky.submit().wait()


@flow(name="failing")
def failing() -> None:
    step.submit("never", broken.submit()).result()


if __name__ == "__main__":
    states = {"whole": whole(return_state=True), "failing": failing(return_state=True)}
    print(json.dumps({name: str(state.state_details.flow_run_id) for name, state in states.items()}))
