"""The runs before a run, of a real server: real ones, and rows made for what is counted and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from flowdag.analysis.usual import AT_LEAST, LAST, LONGER, USUAL, history, usual
from flowdag.prefect_api.client import Client
from flowdag.prefect_api.flow_runs import read_flow_run
from flowdag.prefect_api.read_run import read_run
from flowdag.prefect_api.reading import Reached
from flowdag.prefect_api.recent import Recent, read_recent
from flowdag.tenants import Scope
from tests.prefect_api.made import DONE, Maker
from tests.truth import ask, tenant
from tests.usual_flows import BEFORE, OTHER, OWN, PACE, SLOW


def recent(api_url: str, run_id: str, scope: Scope | None = None, **bounds: Any) -> Recent:
    async def read(client: Client) -> Recent:
        run = await read_flow_run(client, run_id)
        return await read_recent(client, scope or Scope(), run, **{"last": LAST, "at_least": AT_LEAST, **bounds})

    return ask(tenant(api_url), read)


@pytest.fixture
def ran(usual_runs: dict[str, list[str]]) -> dict[str, list[str]]:
    return usual_runs


def test_a_long_run_after_twelve_short_ones(prefect_server: str, ran: dict[str, list[str]]) -> None:
    (slow,) = ran["slow"]
    before = recent(prefect_server, slow, Scope(tags=(OWN,)))
    assert before.runs.index.tolist() == ran["before"][::-1], "the latest first, and none of the other client"
    assert before.read == BEFORE
    assert before.tasks["task_name"].value_counts().to_dict() == {"load": 2 * BEFORE, "extract": BEFORE}
    assert before.tasks["run_s"].between(PACE, 1).all()
    assert (before.tasks["queue_s"] >= 0).all()
    graph = ask(tenant(prefect_server), lambda client: read_run(client, slow))
    found = usual(graph, history(before.runs, before.tasks, before.read))
    assert found.run.flag == LONGER
    assert found.run.value > SLOW
    assert graph.nodes["task_name"].tolist() == ["extract", "load", "load"]
    assert found.work["flag"].tolist() == [USUAL, LONGER, USUAL]
    assert found.work["n"].tolist() == [BEFORE] * 3, "each is compared with those in its place"
    assert found.names["flag"].to_dict() == {"extract": USUAL, "load": LONGER}
    alike = ask(tenant(prefect_server), lambda client: read_run(client, ran["before"][-1]))
    assert usual(alike, history(before.runs, before.tasks, before.read)).run.flag == USUAL


def test_runs_outside_the_scope_never_count(prefect_server: str, ran: dict[str, list[str]]) -> None:
    (slow,) = ran["slow"]
    everything = recent(prefect_server, slow)
    assert set(everything.runs.index) == {*ran["before"], *ran["foreign"]}
    others = recent(prefect_server, slow, Scope(tags=(OTHER,)))
    assert set(others.runs.index) == set(ran["foreign"])
    assert others.read == 0, "too few to compare: their tasks are not read"
    assert recent(prefect_server, slow, Scope(tags=(OWN,), flows=("another",))).runs.empty


def made(maker: Maker, flow: str, tasks: int = 0, **more: Any) -> str:
    """A run that completes as soon as it has started, with so many task runs."""
    run = maker.run(flow, state={"type": "RUNNING", "name": "Running"}, **more)
    maker.post(f"/flow_runs/{run}/set_state", {"state": DONE, "force": True})
    for _ in range(tasks):
        maker.task_run(run)
    return run


@pytest.fixture(scope="module")
def maker(prefect_server: str) -> Maker:
    return Maker(prefect_server)


def test_only_the_same_deployment_counts(prefect_server: str, maker: Maker) -> None:
    one, two = (maker.deployment("usual-deployed", name) for name in ("one", "two"))
    runs = [made(maker, "usual-deployed", deployment_id=one if n % 2 else two) for n in range(6)]
    without = made(maker, "usual-deployed")
    later = made(maker, "usual-deployed")
    assert recent(prefect_server, runs[5]).runs.index.tolist() == [runs[3], runs[1]]
    assert recent(prefect_server, without).runs.index.tolist() == runs[::-1], "a run without one: all of the flow"
    assert recent(prefect_server, later, last=2).runs.index.tolist() == [without, runs[5]]


def test_task_runs_are_counted_before_any_is_read(prefect_server: str, maker: Maker) -> None:
    """Of each run two task runs, that of a subflow, and one inside it."""
    runs = [made(maker, "usual-large", tasks=2) for _ in range(13)][::-1]
    subflows = [maker.subflow(run, "usual-inner") for run in runs]
    for subflow in subflows:
        maker.task_run(subflow, "inner")
    told: list[Reached] = []
    whole = recent(prefect_server, runs[0], at_most=48, progress=told.append)
    assert (len(whole.runs), whole.read, len(whole.tasks)) == (12, 12, 48)
    assert (told[-1].what, told[-1].done, told[-1].in_all) == ("task runs", 48, 48)
    names = {place: sorted(of["task_name"]) for place, of in whole.tasks.groupby("run")}
    assert names == {place: ["inner", "task", "task", "usual-inner"] for place in range(12)}
    latest = recent(prefect_server, runs[0], at_most=47)
    assert (len(latest.runs), latest.read, len(latest.tasks)) == (12, 11, 44)
    assert latest.runs.index.tolist() == runs[1:]
    assert set(latest.tasks["run"]) == set(range(11))
    assert set(latest.tasks.index) >= set(subflows[1:12])
    for at_most in (39, 29):  # too many in the subflows, and without them
        none = recent(prefect_server, runs[0], at_most=at_most)
        assert (len(none.runs), none.read, len(none.tasks)) == (12, 0, 0)
        assert none.runs["wall_s"].between(0, 60).all()


def test_a_subflow_is_compared_where_all_runs_may_be_seen(prefect_server: str, maker: Maker) -> None:
    """The tags of the run that called it do not reach it: within a scope nobody can tell whose the others are."""
    callers = [made(maker, "usual-caller", tags=[OWN]) for _ in range(2)]
    first, second = (maker.subflow(caller, "usual-called") for caller in callers)
    made(maker, "usual-called", tags=[OWN])
    assert recent(prefect_server, second).runs.index.tolist() == [first]
    assert recent(prefect_server, second, Scope(tags=(OWN,))).runs.empty
