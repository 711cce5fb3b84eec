"""Flows that do on purpose what is hard to draw: retries, nesting, values given twice, subflows passed on.

Results are kept by their futures until the flow ends, so that Prefect cannot mistake one value for another. The one
flow that provokes such a mistake says so.
"""

# ruff: noqa: ARG001 - what is given to a task matters here, not what it does with it

from __future__ import annotations

import time
from typing import Any

import pandas as pd
from prefect import flow, runtime, task
from prefect.cache_policies import NONE as NO_CACHE  # its name up to 3.1, and still one of its names
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner


@task(cache_policy=NO_CACHE, task_run_name="{name}")
def step(name: str, *given: Any, seconds: float = 0.05) -> pd.DataFrame:
    """A frame of its own for each call: nothing to be mistaken for another."""
    time.sleep(seconds)
    return pd.DataFrame({"from": [name]})


# --- retries of the flow ---------------------------------------------------------------------------------------------


@task(cache_policy=NO_CACHE, task_run_name="fragile")
def fragile(given: Any) -> pd.DataFrame:
    if runtime.flow_run.run_count == 1:
        raise RuntimeError("The first attempt fails")
    return pd.DataFrame({"from": ["fragile"]})


@flow(name="inner", flow_run_name="inner")
def inner(given: Any) -> pd.DataFrame:
    return step("within", given)


@flow(name="twice-flow", retries=1, retry_delay_seconds=1)
def twice() -> None:
    drawn = step.submit("drawn")
    drawn.wait()
    made = inner(drawn.result())
    fragile.submit(made).result()


# --- nesting ---------------------------------------------------------------------------------------------------------


@task(task_run_name="innermost")
def innermost() -> pd.DataFrame:
    return step("leaf")


@task(task_run_name="middle")
def middle() -> pd.DataFrame:
    return innermost()


@task(task_run_name="outer")
def outer() -> pd.DataFrame:
    return middle()


@task(task_run_name="caller")
def caller() -> pd.DataFrame:
    return inner("text")


@flow(name="nested-flow")
def nested() -> None:
    deep = outer.submit()
    deep.wait()
    called = caller.submit()
    called.wait()
    step.submit("after", deep, called).wait()


# --- inputs ----------------------------------------------------------------------------------------------------------


@task(name="Weigh everything", task_run_name="weighing {what}")
def weigh(what: str, *given: Any) -> pd.DataFrame:
    return pd.DataFrame({"from": [what]})


@task(name="Bare name")
def bare(*given: Any) -> pd.DataFrame:
    return pd.DataFrame({"from": ["bare"]})


@task
def plain(*given: Any) -> pd.DataFrame:
    return pd.DataFrame({"from": ["plain"]})


@flow(name="inputs-flow")
def inputs() -> None:
    one = step.submit("one")
    same = step.submit("same-twice", one, one)
    both = step.submit("both-kinds", one, wait_for=[one])
    waits = step.submit("waits", wait_for=[one, same])
    heavy = weigh.submit("a", [both, waits])
    light = weigh.submit("b", {"nested": [heavy]})
    named = bare.submit(light)
    plain.submit(named, named, wait_for=[named]).wait()


# --- subflows passed on ----------------------------------------------------------------------------------------------


@flow(name="first-sub", flow_run_name="first")
def first_sub() -> pd.DataFrame:
    return step("in-first")


@flow(name="second-sub", flow_run_name="second")
def second_sub(given: Any) -> pd.DataFrame:
    return step("in-second", given)


@flow(name="third-sub", flow_run_name="third")
def third_sub(given: Any) -> pd.DataFrame:
    return step("in-third")


@flow(name="passing-flow")
def passing() -> None:
    first = first_sub()
    state = second_sub(first, return_state=True)
    third_sub(state)
    step.submit("end", state).wait()


# --- a value that Prefect mistakes for another -----------------------------------------------------------------------


@task(cache_policy=NO_CACHE, task_run_name="{name}")
def record(name: str) -> dict[str, str]:
    return {"v": name}


@flow(name="taker", flow_run_name="taker")
def taker(given: Any) -> pd.DataFrame:
    return step("taken")


@flow(name="mistaken-flow")
def mistaken() -> None:
    left = record("left")
    right = record("right")
    taker(left)
    assert right


# --- a critical path that is known in advance -----------------------------------------------------------------------


@task(cache_policy=NO_CACHE, task_run_name="stumbling", retries=1, retry_delay_seconds=1)
def stumbling() -> None:
    time.sleep(0.3)
    if runtime.task_run.run_count == 1:
        raise RuntimeError("The first try fails")


@flow(name="called", flow_run_name="called")
def called() -> None:
    step("within-1", seconds=0.3)
    step("within-2", seconds=0.4)


@flow(name="known-path-flow", task_runner=ThreadPoolTaskRunner(max_workers=2))
def known_path() -> None:
    """Calls in a row without data, a map in two slots, a retry, a subflow, two that end almost together."""
    step("first", seconds=0.6)
    step("second", seconds=0.5)
    mapped = [step.submit(f"mapped-{number}", seconds=0.5) for number in range(4)]
    wait(mapped)
    stumbling()
    called()
    nearly = [step.submit("nearly", seconds=0.8), step.submit("last", seconds=1.0)]
    step.submit("joined", *nearly, seconds=0.3).wait()


ODD = {
    "twice": twice,
    "nested": nested,
    "inputs": inputs,
    "passing": passing,
    "mistaken": mistaken,
    "known-path": known_path,
}
