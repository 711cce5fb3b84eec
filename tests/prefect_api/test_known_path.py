"""The critical path of a real run whose path is known in advance: `known_path` in tests/odd_flows.py."""

from __future__ import annotations

from operator import attrgetter

import pytest

from flowdag.analysis.critical_path import CriticalPath, critical_path
from flowdag.model import FlowRunGraph
from tests.truth import Body, Truth

OVERHEAD_S = 0.6  # of Prefect around a call, on a busy machine
END = attrgetter("end")


@pytest.fixture(scope="module")
def graph(truth: Truth) -> FlowRunGraph:
    return truth.graph("known-path")


@pytest.fixture(scope="module")
def path(graph: FlowRunGraph) -> CriticalPath:
    return critical_path(graph)


def seconds(path: CriticalPath, part: str, node: str) -> float:
    found = path.segments[(path.segments["part"] == part) & (path.segments["node"] == node)]
    return float((found["end"] - found["start"]).dt.total_seconds().sum())


def slots(truth: Truth, graph: FlowRunGraph) -> list[Body]:
    """The tasks of the map, by the journal, in order of end."""
    return sorted((ran[0] for ran in truth.bodies(graph).values() if ran[0].label.startswith("mapped-")), key=END)


def test_it_goes_through_what_the_flow_waited_for(truth: Truth, graph: FlowRunGraph, path: CriticalPath) -> None:
    label, mapped = graph.nodes["label"], [body.label for body in slots(truth, graph)]
    ran = path.segments[path.segments["part"] == "run"]
    passed = list(dict.fromkeys(ran["node"].map(label)))
    assert passed[:2] == ["first", "second"]
    assert passed[2] in mapped[:2]  # one of the two that had the slots first, then the one that ended last
    assert passed[3:] == [mapped[-1], "stumbling", "within-1", "within-2", "last", "joined"]


def test_each_part_takes_what_it_took(truth: Truth, graph: FlowRunGraph, path: CriticalPath) -> None:
    node = {label: str(key) for key, label in graph.nodes["label"].items()}
    slept = {"first": 0.6, "second": 0.5, "stumbling": 0.6, "within-1": 0.3, "within-2": 0.4, "last": 1, "joined": 0.3}
    for label, took in slept.items():
        assert took <= seconds(path, "run", node[label]) <= took + OVERHEAD_S, label
    assert seconds(path, "retry", node["stumbling"]) == pytest.approx(1, abs=OVERHEAD_S)
    mapped = [seconds(path, "run", body.id) for body in slots(truth, graph)]
    assert sum(mapped) == pytest.approx(1, abs=OVERHEAD_S)
    subflow = node["called / called"]
    assert (path.segments["node"] == subflow).any()
    assert seconds(path, "run", subflow) == 0  # what ran inside is credited to itself


def test_its_links_are_told_by_the_flow(graph: FlowRunGraph, path: CriticalPath) -> None:
    label = graph.nodes["label"]
    links = [(label[s], label[t], kind) for s, t, kind in path.links.itertuples(index=False)]
    assert ("first", "second", "order") in links
    assert ("stumbling", "called / called", "order") in links
    assert ("last", "joined", "data") in links
    assert not path.links["source"].map(label).eq("nearly").any()


def test_segments_tile_the_run(graph: FlowRunGraph, path: CriticalPath) -> None:
    assert path.segments["start"].iloc[0] == graph.run.start
    assert path.segments["end"].iloc[-1] == graph.run.end
    assert (path.segments["start"].iloc[1:].to_numpy() == path.segments["end"].iloc[:-1].to_numpy()).all()


@pytest.mark.parametrize("name", ["nightly", "failing", "twice", "nested", "inputs", "passing", "mistaken"])
def test_segments_tile_other_runs(truth: Truth, name: str) -> None:
    graph = truth.graph(name)
    found = critical_path(graph)
    test_segments_tile_the_run(graph, found)


def test_the_earlier_attempt_is_one_piece(truth: Truth) -> None:
    graph = truth.graph("twice")
    first, second = sorted(truth.flow_body("twice"), key=lambda body: body.start)
    segments = critical_path(graph).segments
    earlier, between = (segments[segments["part"] == part] for part in ("earlier_attempt", "retry"))
    assert (len(earlier), len(between)) == (1, 1)
    assert earlier["start"].iloc[0].timestamp() <= first.start
    assert first.end <= earlier["end"].iloc[0].timestamp() == between["start"].iloc[0].timestamp()
    assert first.end + 1 <= between["end"].iloc[0].timestamp() <= second.start  # the retry's delay is 1 s
