"""What the path says in words, and how it lies in the picture."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from flowdag.analysis.critical_path import critical_path
from flowdag.analysis.findings import along, best_saving, findings, own_work_s
from flowdag.analysis.grouping import ALL, Folding, ancestors, picture
from flowdag.analysis.path_picture import with_path
from flowdag.model import FlowRunGraph
from tests.built import Flow, Ran, built
from tests.hostile import dags, graphs


def sample() -> FlowRunGraph:
    """Of 100 s: extract 10, pending 5, transform 20 and 42, its retry 8, a subflow's 5, load 4, the rest the run's."""
    return built(
        Flow(100),
        Ran("extract1", 0, 0, 10),
        Ran("extract2", 0, 0, 7),
        Ran("transform1", 10, 15, 35, needs=["extract1", "extract2"]),
        Ran("transform2", 35, 35, 85, needs=["transform1"], tries=[(35, 47), (55, 85)]),
        Ran("publish", 85, 85, 94, needs=["transform2"], subflow=True),
        Ran("load1", 88, 88, 92, inside="publish"),
    )


def test_the_costliest_first() -> None:
    graph = sample()
    found = [(one.kind, one.task, one.seconds, one.of) for one in findings(graph, critical_path(graph))]
    assert found == [
        ("work", "transform", 62, 2), ("work", "extract", 10, 1), ("retry", "transform", 8, 1), ("flow", None, 6, 0),
        ("flow", "publish", 5, 1), ("pending", "transform", 5, 1), ("work", "load", 4, 1),
    ]  # fmt: skip
    assert sum(one.share for one in findings(graph, critical_path(graph))) == pytest.approx(1)


def test_most_of_a_wait_is_counted_by_name() -> None:
    """6 s before two task runs of `score`, 4 s before `rank`; a subflow waits for no worker."""
    graph = built(
        Flow(16),
        Ran("score1", 0, 3, 4),
        Ran("score2", 4, 7, 8, needs=["score1"]),
        Ran("rank", 8, 12, 13, needs=["score2"]),
        Ran("publish", 13, 15, 16, needs=["rank"], subflow=True),
    )
    found = [(one.kind, one.task, one.seconds, one.of) for one in findings(graph, critical_path(graph))]
    assert [one for one in found if one[0] in ("pending", "subflow")] == [
        ("pending", "score", 10, 3), ("subflow", "publish", 2, 1),
    ]  # fmt: skip


def test_the_runs_own_part_may_be_the_most() -> None:
    """It waited 30 s before its second attempt, one of its tasks 5 s before another try."""
    states = [(0, "RUNNING", "Running"), (10, "SCHEDULED", "AwaitingRetry"), (40, "RUNNING", "Retrying")]
    graph = built(
        Flow(60, states=[*states, (60, "COMPLETED", "Completed")]),
        Ran("a", 0, 0, 10, state="FAILED"),
        Ran("b", 40, 40, 60, attempt=2, tries=[(40, 45), (50, 60)]),
    )
    found = {one.kind: (one.task, one.seconds) for one in findings(graph, critical_path(graph))}
    assert found == {"work": ("b", 15), "retry": (None, 35), "earlier_attempt": (None, 10)}


def test_a_run_without_tasks_is_its_own_code() -> None:
    graph = built(Flow(10))
    (only,) = findings(graph, critical_path(graph))
    assert (only.kind, only.task, only.seconds) == ("flow", None, 10)


def test_a_task_that_calls_others_may_be_worth_more() -> None:
    """Half of the 6 s that `orch` works itself are more than half of a leaf's 2 s."""
    graph = built(
        Flow(10), Ran("orch", 0, 0, 10), Ran("leaf", 0, 0, 2, inside="orch"), Ran("late", 8, 8, 10, inside="orch")
    )
    path = critical_path(graph)
    saving = best_saving(graph, path)
    assert saving is not None
    assert (saving.seconds, own_work_s(graph, path)) == (1, 6)


def test_the_task_to_make_faster_first() -> None:
    graph = sample()
    saving = best_saving(graph, critical_path(graph))
    assert saving is not None
    assert (saving.label, saving.seconds) == ("transform2", 21)
    assert along(critical_path(graph)) == [
        *graph.nodes.index[graph.nodes["label"].isin(["extract1", "transform1", "transform2"])], "publish", "load1",
    ]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(graph=graphs())
def test_findings_of_whatever_the_server_tells(graph: FlowRunGraph) -> None:
    path = critical_path(graph)
    found = findings(graph, path)
    assert (
        sum(one.seconds for one in found)
        <= float(path.segments["end"].sub(path.segments["start"]).sum().total_seconds()) + 1e-6
    )
    assert [one.seconds for one in found] == sorted((one.seconds for one in found), reverse=True)
    assert set(along(path)) <= set(graph.nodes.index)


def test_steps_of_the_flow_become_links_of_the_picture() -> None:
    graph = built(Flow(20), Ran("a", 1, 2, 5), Ran("b", 6, 7, 12), Ran("c", 13, 14, 18))
    shown, way = with_path(picture(graph), critical_path(graph), extended=True)
    assert shown.links[["source", "target", "kind"]].to_numpy().tolist() == [["a", "b", "order"], ["b", "c", "order"]]
    assert way.links == {("a", "b"), ("b", "c")}
    assert way.shares == {"a": 0.2, "b": 0.3, "c": 0.25}
    plain, way = with_path(picture(graph), critical_path(graph), extended=False)
    assert plain.links.empty
    assert way.links == frozenset()


def test_containers_have_the_share_of_what_ran_inside() -> None:
    _, way = with_path(picture(sample()), critical_path(sample()), extended=True)
    assert way.shares["publish"] == pytest.approx(0.09)
    assert way.shares["load1"] == pytest.approx(0.04)


@settings(max_examples=60, deadline=None)
@given(graph=dags())
def test_the_path_closes_no_cycle(graph: FlowRunGraph) -> None:
    for folding in (Folding(), Folding(opened=(ALL,))):
        bare = picture(graph, folding)
        shown, way = with_path(bare, critical_path(graph), extended=True)
        pairs = set(zip(shown.links["source"], shown.links["target"], strict=True))
        assert way.links <= pairs
        assert way.shares.keys() <= set(shown.boxes.index)
        added = shown.links[shown.links["kind"] == "order"]
        inside = dict(zip(shown.boxes.index, shown.boxes["container"], strict=True))
        for source, target in zip(added["source"], added["target"], strict=True):
            assert source not in ancestors(target, inside)
            assert target not in ancestors(source, inside)
            assert not leads(pairs, target, source)


def leads(pairs: set[tuple[str, str]], start: str, goal: str) -> bool:
    seen, left = set(), [start]
    while left:
        at = left.pop()
        if at == goal:
            return True
        if at not in seen:
            seen.add(at)
            left += [target for source, target in pairs if source == at]
    return False
