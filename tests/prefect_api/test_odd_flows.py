"""Flows that do on purpose what Prefect tells badly: see tests/odd_flows.py. Expectations are read off that source."""

from __future__ import annotations

from itertools import pairwise

import pytest

from flowdag.analysis.attempts import attempts, of_attempt
from flowdag.analysis.critical_path import critical_path
from flowdag.analysis.timings import by_task_name
from flowdag.model import FlowRunGraph
from tests.truth import Truth


def labels(graph: FlowRunGraph) -> dict[str, str]:
    """Node id -> label, without the random end that Prefect gives to default names."""
    default = graph.nodes["label"].str.fullmatch(r"(Bare name|plain)-[0-9a-f]{3}")
    return dict(graph.nodes["label"].where(~default, graph.nodes["label"].str[:-4]))


def edges(graph: FlowRunGraph) -> list[tuple[str, str, str]]:
    label, found = labels(graph), graph.edges
    return sorted((label[s], label[t], kind) for s, t, kind in zip(found.source, found.target, found.kind, strict=True))


def inside(graph: FlowRunGraph) -> dict[str, str]:
    label = labels(graph)
    return {label[str(node)]: label[container] for node, container in graph.nodes["container"].dropna().items()}


# --- a flow that is tried twice --------------------------------------------------------------------------------------


def test_attempts_are_told_apart(truth: Truth) -> None:
    graph = truth.graph("twice")
    assert graph.run.attempts == 2
    assert attempts(graph) == [1, 2]
    own = graph.nodes[graph.nodes["flow_run_id"] == graph.run.id]
    assert sorted(zip(own["label"], own["attempt"], strict=True)) == [
        (label, attempt) for label in ("drawn", "fragile", "inner / inner") for attempt in (1, 2)
    ]
    bodies, (first, second) = truth.bodies(graph), sorted(truth.flow_body("twice"), key=lambda body: body.start)
    for node in own.index:
        began = bodies[node][0].start
        attempt = 1 if first.start <= began <= first.end else 2
        assert attempt == 1 or second.start <= began <= second.end
        assert own.at[node, "attempt"] == attempt


def test_one_wrapper_and_two_subflow_runs(truth: Truth) -> None:
    graph = truth.graph("twice")
    calls = graph.nodes[graph.nodes["kind"] == "flow-run"]
    assert len(calls) == 2
    assert calls["task_run_id"].nunique() == 1
    ran = [body.id for bodies in truth.bodies(graph).values() for body in bodies if body.what == "flow"]
    assert sorted(calls.index) == sorted(ran)
    assert (calls["queue_s"] < 1).all()  # the second was not waiting since the first


def test_each_attempt_is_a_graph_of_its_own(truth: Truth) -> None:
    graph = truth.graph("twice")
    for number, end in ((1, "Failed"), (2, "Completed")):
        attempt = of_attempt(graph, number)
        assert edges(attempt) == [("drawn", "inner / inner", "data"), ("inner / inner", "fragile", "data")]
        assert inside(attempt) == {"within": "inner / inner"}
        assert sorted(attempt.nodes["label"]) == ["drawn", "fragile", "inner / inner", "within"]
        assert attempt.nodes.set_index("label").at["fragile", "state_name"] == end
        assert set(attempt.tries["node"]) == set(attempt.nodes.index)
    assert len(graph.edges) == 4  # none from one attempt to the other
    assert sorted({*of_attempt(graph, 1).nodes.index, *of_attempt(graph, 2).nodes.index}) == sorted(graph.nodes.index)


# --- nesting ---------------------------------------------------------------------------------------------------------


def test_the_container_is_the_innermost(truth: Truth) -> None:
    graph = truth.graph("nested")
    assert inside(graph) == {
        "middle": "outer",
        "innermost": "middle",
        "leaf": "innermost",
        "inner / inner": "caller",
        "within": "inner / inner",
    }
    assert edges(graph) == [("caller", "after", "data"), ("outer", "after", "data")]


def test_what_contains_others_takes_longer_than_they_do(truth: Truth) -> None:
    nodes = truth.graph("nested").nodes.set_index("label")
    chain = ("outer", "middle", "innermost", "leaf")
    for around, within in pairwise(chain):
        assert nodes.at[around, "start"] <= nodes.at[within, "start"]
        assert nodes.at[around, "end"] >= nodes.at[within, "end"]
        assert nodes.at[around, "run_s"] >= nodes.at[within, "run_s"]


# --- inputs ----------------------------------------------------------------------------------------------------------


def test_inputs_given_in_every_way(truth: Truth) -> None:
    assert edges(truth.graph("inputs")) == sorted(
        [
            ("one", "same-twice", "data"),  # given twice
            ("one", "both-kinds", "data"),  # given, and waited for
            ("one", "waits", "wait_for"),
            ("same-twice", "waits", "wait_for"),
            ("both-kinds", "weighing a", "data"),  # in a list
            ("waits", "weighing a", "data"),
            ("weighing a", "weighing b", "data"),  # in a list in a dict
            ("weighing b", "Bare name", "data"),
            ("Bare name", "plain", "data"),  # given twice, and waited for
        ]
    )


def test_task_names_of_renamed_tasks(truth: Truth) -> None:
    """The task's own name where its runs show it; Prefect keeps no name beside a task_run_name: then the function's."""
    graph = truth.graph("inputs")
    label = labels(graph)
    found = {label[str(node)]: name for node, name in graph.nodes["task_name"].items()}
    assert found == {
        **dict.fromkeys(("one", "same-twice", "both-kinds", "waits"), "step"),
        "weighing a": "weigh",
        "weighing b": "weigh",
        "Bare name": "Bare name",
        "plain": "plain",
    }
    assert dict(by_task_name(graph, critical_path(graph)).set_index("task")["count"]) == {
        "step": 4,
        "weigh": 2,
        "Bare name": 1,
        "plain": 1,
    }


def test_subflows_handed_on_as_result_and_as_state(truth: Truth) -> None:
    graph = truth.graph("passing")
    assert edges(graph) == [
        ("first-sub / first", "second-sub / second", "data"),
        ("second-sub / second", "end", "data"),
        ("second-sub / second", "third-sub / third", "data"),
    ]
    assert inside(graph) == {
        "in-first": "first-sub / first",
        "in-second": "second-sub / second",
        "in-third": "third-sub / third",
    }


def test_a_mistaken_input_hides_no_true_one(truth: Truth) -> None:
    """Prefect mistakes one dict for another by a key that both hold; the link that it makes up is possible in time."""
    found = set(edges(truth.graph("mistaken")))
    assert ("left", "taker / taker", "data") in found
    assert found <= {("left", "taker / taker", "data"), ("right", "taker / taker", "data")}


@pytest.mark.parametrize("scenario", ["twice", "nested", "inputs", "passing", "mistaken"])
def test_every_body_has_its_node(truth: Truth, scenario: str) -> None:
    graph = truth.graph(scenario)
    bodies = truth.bodies(graph)
    assert set(bodies) == set(graph.nodes.index)
    for node, ran in bodies.items():
        assert graph.nodes.at[node, "tries"] == len(ran)
        assert graph.nodes.at[node, "label"] == ran[0].label
