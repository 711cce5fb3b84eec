"""Prefect's own graph on the real server, and its parity with the graph that is built from task runs."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from flowdag.errors import ApiAnswerInvalid, RunNotFound
from flowdag.prefect_api import graph_v2 as graph_v2_module
from flowdag.prefect_api.client import TooSlow
from flowdag.prefect_api.graph_v2 import GraphAnswer, read_flow_run_graph
from flowdag.prefect_api.guard import TooLarge
from tests.misbehaving import Answer, Request, answering, as_json
from tests.truth import Truth, ask, tenant

UNKNOWN = "00000000-0000-4000-8000-000000000000"
EMPTY = {"start_time": None, "end_time": None, "root_node_ids": [], "nodes": [], "artifacts": [], "states": []}
SCENARIOS = ("nightly", "failing", "twice", "nested", "inputs", "passing", "mistaken", "slow", "quick", "score")


def graph_v2(truth: Truth, scenario: str, since: datetime | None = None) -> GraphAnswer:
    run_id = truth.run_id(scenario)
    return ask(tenant(truth.api_url), lambda client: read_flow_run_graph(client, run_id, since))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_both_graphs_have_the_same_nodes(truth: Truth, scenario: str) -> None:
    truth.graph(scenario)  # wait until it is whole
    ours = truth.read(truth.run_id(scenario), depth=1).nodes
    theirs = graph_v2(truth, scenario).nodes
    assert {(n.id, n.kind, n.label, n.state_type) for n in theirs} == {
        (str(n.Index), n.kind, n.label, n.state_type) for n in ours.itertuples()
    }
    starts = {n.id: n.start_time for n in theirs}
    started = ours["start"].dropna()
    assert {str(node): start.to_pydatetime() for node, start in started.items()} == {
        n: starts[n] for n in started.index
    }
    ends = {n.id: n.end_time for n in theirs if n.end_time}
    assert {str(node): end.to_pydatetime() for node, end in ours["end"].dropna().items()} == ends


REPAIRED = {  # edges that graph-v2 lacks: a subflow's state names its wrapper; a retried wrapper tells one attempt
    "nightly": {("publish-report / publish truth report", "final-report")},
    "failing": {("publish-report", "final_report")},
    "passing": {("second-sub / second", "third-sub / third"), ("second-sub / second", "end")},
    "twice": {("drawn", "inner / inner")},
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_both_graphs_have_the_same_edges(truth: Truth, scenario: str) -> None:
    truth.graph(scenario)
    graph = truth.read(truth.run_id(scenario), depth=1)
    ours = set(zip(graph.edges["source"], graph.edges["target"], strict=True))
    answer = graph_v2(truth, scenario)
    listed = [(parent, node.id) for node in answer.nodes for parent in node.parents]
    known = set(graph.nodes.index)
    theirs = {(parent, child) for parent, child in listed if parent in known}
    label = graph.nodes["label"].where(graph.nodes["start"].notna(), graph.nodes["task_name"])
    assert {(label[s], label[t]) for s, t in ours - theirs} == REPAIRED.get(scenario, set())
    # what it tells of a second attempt's subflow is the input of the first one
    false = {("drawn", "inner / inner")} if scenario == "twice" else set()
    assert {(label[s], label[t]) for s, t in theirs - ours} == false


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_ids_come_once(truth: Truth, scenario: str) -> None:
    """The server repeats an id for every argument that it was given as: `same-twice` got `one` twice."""
    answer = graph_v2(truth, scenario)
    assert len({node.id for node in answer.nodes}) == len(answer.nodes)
    for node in answer.nodes:
        for ids in (node.parents, node.children, node.encapsulating):
            assert len(set(ids)) == len(ids)
    if scenario == "inputs":
        by_label = {node.label: node for node in answer.nodes}
        assert by_label["same-twice"].parents == (by_label["one"].id,)


def test_the_innermost_caller_is_encapsulating(truth: Truth) -> None:
    nodes = {node.id: node for node in graph_v2(truth, "nested").nodes}
    inside = {
        node.label: {nodes[caller].label for caller in node.encapsulating}
        for node in nodes.values()
        if node.encapsulating
    }
    assert inside["middle"] == {"outer"}
    assert inside["leaf"] >= {"innermost"}


def test_since_leaves_out_what_had_ended(truth: Truth) -> None:
    truth.graph("nightly")
    whole = graph_v2(truth, "nightly")
    ends = sorted(node.end_time for node in whole.nodes if node.end_time)
    middle = ends[len(ends) // 2]
    later = graph_v2(truth, "nightly", since=middle)
    assert {node.id for node in later.nodes} == {
        node.id for node in whole.nodes if node.end_time is None or node.end_time >= middle
    }
    elsewhere = middle.astimezone(timezone(timedelta(hours=-9)))
    assert graph_v2(truth, "nightly", since=elsewhere).nodes == later.nodes
    assert len(whole.states) >= 3
    assert [state.type for state in whole.states][-1] == "COMPLETED"


def test_progress_and_table_artifacts(truth: Truth) -> None:
    truth.graph("nightly")
    by_label = {node.label: node for node in graph_v2(truth, "nightly").nodes}
    (progress,) = by_label["load-warehouse"].artifacts
    assert (progress.key, progress.type, progress.data) == ("warehouse-load", "progress", 100.0)
    assert [artifact.key for artifact in by_label["final-report"].artifacts] == ["revenue-by-region"]


def test_since_is_always_sent() -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return as_json(EMPTY)

    moment = datetime(2026, 3, 1, 12, 30, tzinfo=timezone(timedelta(hours=2)))
    with answering(answer) as api_url:
        whom = tenant(api_url)
        for since in (None, moment):
            ask(whom, lambda client, since=since: read_flow_run_graph(client, UUID(UNKNOWN), since))
    paths = [request for request in asked if request.path.endswith(f"/flow_runs/{UNKNOWN}/graph-v2")]
    assert [request.query["since"] for request in paths] == [["1970-01-01T00:00:00Z"], ["2026-03-01T10:30:00Z"]]


def test_naive_since_is_a_mistake_of_the_caller() -> None:
    with answering(lambda _: as_json(EMPTY)) as api_url, pytest.raises(ValueError, match="time zone"):
        ask(tenant(api_url), lambda client: read_flow_run_graph(client, UNKNOWN, datetime(2026, 3, 1)))


@pytest.mark.parametrize("run_id", [UNKNOWN, "latest"])
def test_unknown_runs(prefect_server: str, run_id: str) -> None:
    with pytest.raises(RunNotFound):
        ask(tenant(prefect_server), lambda client: read_flow_run_graph(client, run_id))


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        EMPTY | {"nodes": {"a": 1}},
        EMPTY | {"nodes": [["a", {"kind": "task-run"}]]},
        EMPTY | {"nodes": [["a"]]},
        EMPTY | {"start_time": "yesterday"},
        EMPTY | {"states": [{"id": "a"}]},
    ],
)
def test_an_answer_of_another_shape(body: object) -> None:
    with answering(lambda _: as_json(body)) as api_url, pytest.raises(ApiAnswerInvalid):
        ask(tenant(api_url), lambda client: read_flow_run_graph(client, UNKNOWN))


def test_a_graph_above_the_servers_limit_of_nodes() -> None:
    told = {"detail": f"The graph of flow run {UNKNOWN} has more than 10000 nodes."}
    with answering(lambda _: as_json(told, 400)) as api_url, pytest.raises(TooLarge, match="limit of nodes"):
        ask(tenant(api_url), lambda client: read_flow_run_graph(client, UNKNOWN))


def test_a_graph_of_more_than_20_mb() -> None:
    node = ["a", {"kind": "task-run", "label": "x" * 1000}]
    large = as_json(EMPTY | {"nodes": [node] * 20_000})
    assert 20_000_000 < len(large.body) < 22_000_000
    with answering(lambda _: large) as api_url, pytest.raises(TooLarge, match="larger than 20 MB"):
        ask(tenant(api_url), lambda client: read_flow_run_graph(client, UNKNOWN))


def test_a_graph_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_v2_module, "DEADLINE_S", 0.4)
    slow = Answer(200, b"{", length=1000, then=lambda _: time.sleep(1))
    with answering(lambda _: slow) as api_url, pytest.raises(TooSlow, match="took longer than"):
        ask(tenant(api_url), lambda client: read_flow_run_graph(client, UNKNOWN))


def test_answer_times_are_utc(truth: Truth) -> None:
    answer = graph_v2(truth, "quick")
    assert answer.start_time is not None
    assert answer.start_time.tzinfo is UTC or answer.start_time.utcoffset() == timedelta(0)
    assert all(node.start_time and node.start_time.utcoffset() == timedelta(0) for node in answer.nodes)
