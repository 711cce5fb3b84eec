"""Runs written straight into a server's database: what was planned is read, and wide fans cost what their rows cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from bench.seeding import Planned, Seeded, dense, layered, mapped, seed, seeded_server, with_failures
from flowdag.model import FlowRunGraph
from flowdag.prefect_api.client import Client
from flowdag.prefect_api.graph_v2 import read_flow_run_graph
from flowdag.prefect_api.read_run import read_run
from tests.truth import ask, tenant

Server = tuple[str, Path]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with seeded_server(tmp_path_factory.mktemp("seeded")) as running:
        yield running


def read(server: Server, plan: Sequence[Planned]) -> tuple[Seeded, FlowRunGraph, list[str]]:
    """The plan as a run, as it is read, and the paths of the requests that this took."""
    run = seed(server[1], plan)
    paths: list[str] = []

    async def note(request: httpx.Request) -> None:
        paths.append(request.url.path.replace(run.flow_run_id, "ID"))

    async def question(client: Client) -> FlowRunGraph:
        client._client.event_hooks["request"].append(note)
        return await read_run(client, run.flow_run_id)

    return run, ask(tenant(server[0]), question), paths


def planned_edges(run: Seeded, plan: Sequence[Planned]) -> set[tuple[str, str]]:
    ids = run.task_run_ids
    return {(ids[given], ids[place]) for place, task in enumerate(plan) for given in task.inputs}


@pytest.mark.parametrize(
    "plan", [with_failures(layered(1000), 5), mapped(450), dense()], ids=["layers", "map", "dense"]
)
def test_what_was_planned_is_read(server: Server, plan: list[Planned]) -> None:
    run, graph, _ = read(server, plan)
    nodes = graph.nodes.loc[list(run.task_run_ids)]
    assert len(graph.nodes) == len(plan)
    assert list(nodes["task_name"]) == [task.name for task in plan]
    assert list(nodes["state_type"]) == [task.state for task in plan]
    pairs = zip(graph.edges["source"], graph.edges["target"], strict=True)
    assert sorted(pairs) == sorted(planned_edges(run, plan))
    assert set(graph.edges["kind"]) == {"data"}
    assert graph.run.state_type == ("FAILED" if plan[-1].state == "FAILED" else "COMPLETED")
    assert graph.complete
    assert graph.notes == ()


def test_both_readers_agree_on_a_thousand(server: Server) -> None:
    run, graph, _ = read(server, layered(1000))
    answer = ask(tenant(server[0]), lambda client: read_flow_run_graph(client, run.flow_run_id))
    assert {(n.id, n.kind, n.label, n.state_type, n.start_time, n.end_time) for n in answer.nodes} == {
        (str(n.Index), n.kind, n.label, n.state_type, n.start.to_pydatetime(), n.end.to_pydatetime())
        for n in graph.nodes.itertuples()
    }
    theirs = sorted((parent, node.id) for node in answer.nodes for parent in node.parents)
    assert theirs == sorted(zip(graph.edges["source"], graph.edges["target"], strict=True))


@pytest.mark.parametrize("plan", [dense(), mapped(160)], ids=["dense", "fan-in"])
def test_fans_take_as_many_requests_as_tasks_that_share_nothing(server: Server, plan: list[Planned]) -> None:
    _, _, alone = read(server, [Planned("alone")] * 160)
    _, graph, requests = read(server, plan)
    assert len(graph.edges) == sum(len(task.inputs) for task in plan)
    assert sorted(requests) == sorted(alone)
    assert not any("graph" in path for path in requests)
