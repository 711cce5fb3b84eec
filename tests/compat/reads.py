"""What `make compat` asks beside the reading tests: the version, runs of Prefect 2, one sentence where it is too old.

pytest collects this file only when it is named.
"""

from __future__ import annotations

import json
import logging
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from flowdag.checks import check_tenants
from flowdag.demo.processes import clean_env
from flowdag.errors import ApiRefused
from flowdag.model import FlowRunGraph
from flowdag.prefect_api.artifacts import read_artifacts
from flowdag.prefect_api.flow_runs import ANY, count_running_at, list_runs
from flowdag.prefect_api.graph_v2 import read_flow_run_graph
from flowdag.prefect_api.log_pages import LogQuery
from flowdag.prefect_api.logs import last_log_lines, owners, read_lines
from flowdag.prefect_api.read_run import read_run
from flowdag.prefect_api.task_runs import count_by_state
from flowdag.prefect_api.versions import OLDEST, TAGS_ANY
from flowdag.tenants import Scope
from tests.compat.plugin import VERSION
from tests.needs import ROOT
from tests.serving import flows_python
from tests.truth import Truth, ask, tenant

TOLD = ".".join(map(str, VERSION))
in_range = pytest.mark.skipif(VERSION < OLDEST, reason="too old to be read")
too_old = pytest.mark.skipif(VERSION >= OLDEST, reason="is read")
before_any_of_several_tags = pytest.mark.skipif(not OLDEST <= VERSION < TAGS_ANY, reason="knows them, or nothing")
not_again = pytest.mark.skipif(VERSION >= (3, 8), reason="runs the subflow again")
of_prefect_2 = pytest.mark.skipif(not OLDEST <= VERSION < (3,), reason="Prefect 3 runs the journal instead")


@pytest.fixture(scope="module")
def runs(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The ids of the runs of tests/compat/flows_of_2.py, by their flow's name."""
    home = tmp_path_factory.mktemp("flows")
    done = subprocess.run(
        [flows_python(), str(ROOT / "tests" / "compat" / "flows_of_2.py")],
        env=clean_env(home, PREFECT_API_URL=prefect_server),
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def read(api_url: str, run_id: str) -> FlowRunGraph:
    """The run, once flowdag says that it is complete."""
    until = time.monotonic() + 120
    while not (graph := ask(tenant(api_url), lambda client: read_run(client, run_id))).complete:
        assert time.monotonic() < until
        time.sleep(0.5)
    return graph


@in_range
def test_check_tells_the_version(prefect_server: str) -> None:
    (check,) = anyio.run(check_tenants, [tenant(prefect_server)])
    assert (check.version, check.problem) == (TOLD, None)


@in_range
def test_running_at_a_moment(prefect_server: str) -> None:
    """Before 3.0.4 a server cannot be asked for runs by their end."""
    found = ask(tenant(prefect_server), lambda client: count_running_at(client, Scope(), ANY, datetime.now(UTC)))
    assert found is None if VERSION < (3, 0, 4) else found is not None


@in_range
def test_logs_and_artifacts(truth: Truth) -> None:
    graph = truth.graph("nightly")
    node = dict(zip(graph.nodes["label"], graph.nodes.index, strict=True))
    (progress,) = ask(
        tenant(truth.api_url), lambda client: read_artifacts(client, graph.run.id, node["load-warehouse"])
    )
    assert (progress.key, progress.kind, progress.data) == ("warehouse-load", "progress", 100.0)
    lines = ask(tenant(truth.api_url), lambda client: last_log_lines(client, graph.run.id, node["extract-north"]))
    assert "Read 48 orders of region north" in [line.message for line in lines]
    query = LogQuery(owners(graph), at_least=logging.INFO, text="read north")
    found = ask(tenant(truth.api_url), lambda client: read_lines(client, query, 10))
    assert [line.message for line in found.lines] == ["Read 48 orders of region north"]


@not_again
def test_a_flow_that_is_tried_again_keeps_its_subflow_run(truth: Truth) -> None:
    graph = truth.graph("twice")
    own = graph.nodes[graph.nodes["flow_run_id"] == graph.run.id]
    both = [(label, attempt) for label in ("drawn", "fragile") for attempt in (1, 2)]
    assert sorted(zip(own["label"], own["attempt"], strict=True)) == [*both, ("inner / inner", 1)]


@before_any_of_several_tags
def test_a_scope_of_several_tags_gets_one_clear_sentence(prefect_server: str) -> None:
    with pytest.raises(ApiRefused) as raised:
        ask(tenant(prefect_server), lambda client: list_runs(client, Scope(tags=("a", "b"))))
    assert raised.value.what == (
        f"The Prefect server at 127.0.0.1 is version {TOLD}: a scope of several tags needs 3.1.5 or newer."
    )


# --- Prefect 2 -------------------------------------------------------------------------------------------------------


@of_prefect_2
def test_a_run_of_prefect_2(prefect_server: str, runs: dict[str, str]) -> None:
    graph = read(prefect_server, runs["whole"])
    nodes = graph.nodes.set_index("label")
    label = graph.nodes["label"]
    assert sorted((label[e.source], label[e.target], e.kind) for e in graph.edges.itertuples()) == [
        ("inner / inner", "after", "data"),
        ("one", "three", "data"),
        ("one", "two", "data"),
        ("part-1", "after", "data"),
        ("part-2", "after", "data"),
        ("three", "inner / inner", "data"),
        ("two", "three", "wait_for"),
    ]
    inside = graph.nodes["container"].dropna()
    assert {label[str(node)]: label[container] for node, container in inside.items()} == {"within": "inner / inner"}
    steps = ["one", "two", "three", "part-1", "part-2", "within", "after"]
    assert sorted(nodes.index) == sorted([*steps, "inner / inner", "kept-0", "kept-1", "shaky"])
    assert list(nodes.index[nodes["state_name"] == "Cached"]) == ["kept-1"]
    assert nodes.at["shaky", "tries"] == 2
    assert 0.9 < nodes.at["shaky", "retry_s"] < 10
    tries = graph.tries[graph.tries["node"].map(label) == "shaky"]
    assert list(tries["state_name"]) == ["AwaitingRetry", "Completed"]
    assert nodes[["start", "end", "run_s"]].notna().all(axis=None)
    assert graph.notes == ()


@of_prefect_2
def test_what_never_started_in_prefect_2(prefect_server: str, runs: dict[str, str]) -> None:
    nodes = read(prefect_server, runs["failing"]).nodes.set_index("task_name")
    assert dict(nodes["state_name"]) == {"broken": "Failed", "step": "NotReady"}
    assert nodes.loc["step", ["start", "end", "run_s"]].isna().all()


@of_prefect_2
def test_prefects_own_graph_of_prefect_2(prefect_server: str, runs: dict[str, str]) -> None:
    ours = ask(tenant(prefect_server), lambda client: read_run(client, runs["whole"], 1))
    theirs = ask(tenant(prefect_server), lambda client: read_flow_run_graph(client, runs["whole"]))
    assert {(node.id, node.label) for node in theirs.nodes} == set(ours.nodes["label"].items())
    edges = set(zip(ours.edges["source"], ours.edges["target"], strict=True))
    links = {(parent, node.id) for node in theirs.nodes for parent in node.parents}
    label = ours.nodes["label"]
    assert links <= edges
    # a subflow's result names the task run that stands for it there, which is no node
    assert {(label[s], label[t]) for s, t in edges - links} == {("inner / inner", "after")}


# --- older still -----------------------------------------------------------------------------------------------------

QUESTIONS: dict[str, Callable[[Any, str], Any]] = {
    "graph": lambda client, run_id: read_run(client, run_id),
    "counts": lambda client, run_id: count_by_state(client, [run_id]),
    "prefects own": lambda client, run_id: read_flow_run_graph(client, run_id),
}


@too_old
@pytest.mark.parametrize("question", QUESTIONS)
def test_an_older_server_gets_one_clear_sentence(prefect_server: str, runs: dict[str, str], question: str) -> None:
    with pytest.raises(ApiRefused) as raised:
        ask(tenant(prefect_server), lambda client: QUESTIONS[question](client, runs["whole"]))
    oldest = ".".join(map(str, OLDEST))
    assert raised.value.what == (
        f"The Prefect server at 127.0.0.1 is version {TOLD}: flowdag reads {oldest} and newer."
    )


@too_old
def test_check_tells_that_it_is_too_old(prefect_server: str) -> None:
    (check,) = anyio.run(check_tenants, [tenant(prefect_server)])
    assert f"is version {TOLD}: flowdag reads" in str(check.problem)


@too_old
def test_what_it_does_know_is_listed(prefect_server: str, runs: dict[str, str]) -> None:
    listed = ask(tenant(prefect_server), lambda client: list_runs(client, Scope()))
    assert {run.id for run in listed} == set(runs.values())
