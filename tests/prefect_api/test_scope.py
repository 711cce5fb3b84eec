"""The scope gate on one real server that two clients share: what each may list, and what each may reach by an id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import pytest

from flowdag.cli import main
from flowdag.errors import RunNotFound
from flowdag.prefect_api.flow_runs import (
    ANY,
    RunQuery,
    count_runs,
    list_deployment_names,
    list_flow_names,
    list_runs,
)
from flowdag.prefect_api.scope import require_visible
from flowdag.tenants import Scope
from tests.prefect_api.made import Maker
from tests.truth import ask, tenant

OWN, OTHER, BOTH = "client:scope-own", "client:scope-other", "scope-shared"


@dataclass(frozen=True)
class Made:
    api_url: str
    ids: dict[str, str]

    def names(self, scope: Scope, query: RunQuery = ANY) -> set[str]:
        """What the tenant lists, by our names."""
        by_id = {run_id: name for name, run_id in self.ids.items()}
        runs = ask(tenant(self.api_url), lambda client: list_runs(client, scope, query))
        assert len({run.id for run in runs}) == len(runs)
        assert ask(tenant(self.api_url), lambda client: count_runs(client, scope, query)) == len(runs)
        return {by_id[run.id] for run in runs}

    def is_visible(self, scope: Scope, run_id: str) -> bool:
        try:
            ask(tenant(self.api_url), lambda client: require_visible(client, scope, run_id))
        except RunNotFound:
            return False
        return True


@pytest.fixture(scope="module")
def made(prefect_server: str) -> Made:
    make = Maker(prefect_server)
    for pool in ("scope-pool-a", "scope-pool-b"):
        make.work_pool(pool)
    first = make.deployment("scope-daily", "scope-first", work_pool_name="scope-pool-a")
    second = make.deployment("scope-daily", "scope-second", work_pool_name="scope-pool-b")
    own, other = make.run("scope-daily", [OWN, BOTH]), make.run("scope-daily", [OTHER, BOTH])
    ids = {
        "own": own,
        "own-plain": make.run("scope-weekly", [OWN]),
        "other": other,
        "untagged": make.run("scope-weekly"),
        "own-first": make.run_of_deployment(first, [OWN]),
        "other-first": make.run_of_deployment(first, [OTHER]),
        "own-second": make.run_of_deployment(second, [OWN]),
    }
    below = {
        "own-sub": make.subflow(own, "scope-sub"),
        "other-sub": make.subflow(other, "scope-sub"),
        "other-sub-that-bears-our-tag": make.subflow(other, "scope-daily", [OWN]),
    }
    below["own-sub-sub"] = make.subflow(below["own-sub"], "scope-sub")
    below["other-sub-sub"] = make.subflow(below["other-sub"], "scope-sub")
    return Made(prefect_server, ids | below)


OWN_SCOPE = Scope(tags=(OWN,))


# --- lists -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (OWN_SCOPE, {"own", "own-plain", "own-first", "own-second"}),
        (Scope(tags=(OTHER,)), {"other", "other-first"}),
        (Scope(tags=(OWN, OTHER)), {"own", "own-plain", "own-first", "own-second", "other", "other-first"}),
        (Scope(tags=(OWN,), flows=("scope-weekly",)), {"own-plain"}),
        (Scope(flows=("scope-weekly",)), {"own-plain", "untagged"}),
        (Scope(tags=(OWN,), flows=("scope-daily", "scope-weekly")), {"own", "own-plain", "own-first", "own-second"}),
        (Scope(deployments=("scope-first",)), {"own-first", "other-first"}),
        (Scope(deployments=("scope-first", "scope-second")), {"own-first", "other-first", "own-second"}),
        (Scope(tags=(OWN,), deployments=("scope-first",)), {"own-first"}),
        (Scope(work_pools=("scope-pool-b",)), {"own-second"}),
        (Scope(work_pools=("scope-pool-a", "scope-pool-b"), tags=(OTHER,)), {"other-first"}),
        (Scope(work_queues=("default",), deployments=("scope-second",)), {"own-second"}),
        (Scope(work_queues=("no-such-queue",), tags=(OWN,)), set()),
        (Scope(tags=("client:nobody",)), set()),
        (Scope(flows=("scope-sub",)), set()),  # subflows are no runs of their own
    ],
)
def test_lists_hold_the_scope(made: Made, scope: Scope, expected: set[str]) -> None:
    assert made.names(scope) == expected


@pytest.mark.parametrize(
    ("scope", "query", "expected"),
    [
        (OWN_SCOPE, RunQuery(tags=(BOTH,)), {"own"}),
        (OWN_SCOPE, RunQuery(tags=(OTHER,)), set()),
        (OWN_SCOPE, RunQuery(tags=(OWN,)), {"own", "own-plain", "own-first", "own-second"}),
        (Scope(tags=(OWN, OTHER)), RunQuery(tags=(BOTH,)), {"own", "other"}),
        (Scope(tags=(OWN, OTHER)), RunQuery(tags=(BOTH, OWN)), {"own"}),
        (Scope(tags=(OWN, OTHER)), RunQuery(tags=(OWN, OTHER)), set()),
        (OWN_SCOPE, RunQuery(flows=("scope-weekly",)), {"own-plain"}),
        (Scope(flows=("scope-daily",)), RunQuery(flows=("scope-weekly",)), set()),
        (Scope(flows=("scope-daily",)), RunQuery(flows=("scope-weekly", "scope-daily"), tags=(OTHER,)), {"other"}
         | {"other-first"}),
        (Scope(deployments=("scope-first",)), RunQuery(deployments=("scope-second",)), set()),
        (Scope(deployments=("scope-first",)), RunQuery(flows=("scope-weekly",)), set()),
        (OWN_SCOPE, RunQuery(deployments=("scope-first", "scope-second")), {"own-first", "own-second"}),
        (OWN_SCOPE, RunQuery(states=("SCHEDULED",)), {"own-first", "own-second"}),
        (OWN_SCOPE, RunQuery(states=("COMPLETED",), flows=("scope-daily",)), {"own"}),
    ],
)  # fmt: skip
def test_a_viewers_filters_only_narrow(made: Made, scope: Scope, query: RunQuery, expected: set[str]) -> None:
    assert made.names(scope, query) == expected


def test_names_to_choose_from_are_those_of_the_scope(made: Made) -> None:
    whom = tenant(made.api_url)
    assert ask(whom, lambda client: list_flow_names(client, OWN_SCOPE)) == ("scope-daily", "scope-weekly")
    assert ask(whom, lambda client: list_flow_names(client, Scope(tags=(OTHER,)))) == ("scope-daily",)
    assert ask(whom, lambda client: list_deployment_names(client, Scope(tags=(OTHER,)))) == ("scope-first",)
    assert ask(whom, lambda client: list_deployment_names(client, OWN_SCOPE)) == ("scope-first", "scope-second")
    queue = Scope(work_queues=("default",), work_pools=("scope-pool-a",))
    assert ask(whom, lambda client: list_flow_names(client, queue)) == ("scope-daily",)
    assert ask(whom, lambda client: list_deployment_names(client, queue)) == ("scope-first",)
    other_queue = Scope(work_queues=("no-such-queue",))
    assert ask(whom, lambda client: list_flow_names(client, other_queue)) == ()
    assert ask(whom, lambda client: list_deployment_names(client, other_queue)) == ()


def test_long_lists_come_whole_and_once(prefect_server: str) -> None:
    make = Maker(prefect_server)
    ids = {make.run("scope-many") for _ in range(207)}
    whom, scope = tenant(prefect_server), Scope(flows=("scope-many",))
    runs = ask(whom, lambda client: list_runs(client, scope, limit=1000))
    assert len(runs) == len(ids)
    assert {run.id for run in runs} == ids
    expected = [run.expected_start for run in runs]
    assert expected == sorted(expected, reverse=True)
    assert len(ask(whom, lambda client: list_runs(client, scope, limit=203))) == 203
    rest = ask(whom, lambda client: list_runs(client, scope, limit=200, offset=200))
    assert [run.id for run in rest] == [run.id for run in runs[200:]]


# --- one run by its id -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["own", "own-plain", "own-first", "own-sub", "own-sub-sub"])
def test_own_runs_and_what_they_called_are_visible(made: Made, name: str) -> None:
    assert made.is_visible(OWN_SCOPE, made.ids[name])
    assert made.is_visible(OWN_SCOPE, made.ids[name].upper())
    assert made.is_visible(Scope(), made.ids[name])
    assert not made.is_visible(Scope(tags=(OTHER,)), made.ids[name])


@pytest.mark.parametrize(
    "name", ["other", "other-first", "other-sub", "other-sub-sub", "other-sub-that-bears-our-tag", "untagged"]
)
def test_other_runs_and_what_they_called_are_not(made: Made, name: str) -> None:
    assert not made.is_visible(OWN_SCOPE, made.ids[name])
    assert made.is_visible(Scope(), made.ids[name])


@pytest.mark.parametrize(
    ("scope", "visible"),
    [
        (Scope(flows=("scope-daily",)), {"own", "own-sub", "own-sub-sub", "own-first"}),
        (Scope(flows=("scope-sub",)), set()),
        (Scope(deployments=("scope-first",)), {"own-first"}),
        (Scope(work_pools=("scope-pool-a",), tags=(OWN,)), {"own-first"}),
        (Scope(work_pools=("scope-pool-b",), tags=(OTHER,)), set()),
    ],
)
def test_the_gate_holds_every_key(made: Made, scope: Scope, visible: set[str]) -> None:
    names = ("own", "own-sub", "own-sub-sub", "own-first")
    assert {name for name in names if made.is_visible(scope, made.ids[name])} == visible


def words(question: Callable[[], object]) -> str:
    with pytest.raises(RunNotFound) as raised:
        question()
    return repr(raised.value) + str(raised.value) + raised.value.what + raised.value.todo


def test_what_is_not_ours_does_not_exist(made: Made) -> None:
    """Nothing tells a foreign run from one that never was, or from no id at all."""
    whom = tenant(made.api_url)
    asked = [made.ids["other"], made.ids["other-sub"], str(uuid4()), "latest", "", "../admin/version", "💥", "0"]
    said = {
        words(lambda run_id=run_id: ask(whom, lambda client: require_visible(client, OWN_SCOPE, run_id)))
        for run_id in asked
    }
    assert len(said) == 1


def test_a_subflow_whose_caller_was_deleted_is_nobodys(prefect_server: str) -> None:
    make = Maker(prefect_server)
    caller = make.run("scope-gone", [OWN])
    orphan = make.subflow(caller, "scope-gone-sub")
    made = Made(prefect_server, {})
    assert made.is_visible(OWN_SCOPE, orphan)
    assert make.http.delete(f"/flow_runs/{caller}").is_success
    assert not made.is_visible(OWN_SCOPE, orphan)
    assert not made.is_visible(OWN_SCOPE, caller)


def test_export_of_a_foreign_run(made: Made, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
                                 tmp_path: object) -> None:  # fmt: skip
    config = f'[tenants.own]\napi_url = "{made.api_url}"\nscope.tags = ["{OWN}"]\n'
    monkeypatch.setenv("FLOWDAG_TENANTS", f"{tmp_path}/tenants.toml")
    with open(f"{tmp_path}/tenants.toml", "w") as file:  # noqa: PTH123
        file.write(config)
    said = set()
    for run_id in (made.ids["other"], made.ids["other-sub"], made.ids["untagged"], str(uuid4()), "latest"):
        for form in ("json", "csv"):
            assert main(["export", run_id, "--tenant", "own", "--format", form]) == 1
            streams = capsys.readouterr()
            assert streams.out == ""
            said.add(streams.err)
    assert len(said) == 1
    assert main(["export", made.ids["own-sub"], "--tenant", "own"]) == 0
    assert f'"id": "{made.ids["own-sub"]}"' in capsys.readouterr().out
