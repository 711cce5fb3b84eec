"""Whatever the run: its picture loses no task."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from flowdag.analysis.grouping import ALL, Folding, Picture, ancestors, picture, taken_over
from flowdag.model import FAILURES, FlowRun, FlowRunGraph
from flowdag.prefect_api.assemble import Raw, assemble
from tests.hostile import AS_OF, BEGIN, RUN, dags, graphs
from tests.truth import Truth

any_graph = st.one_of(graphs(), dags())
limits = st.one_of(st.integers(1, 12), st.just(300))


def containers(shown: Picture) -> dict[str, str | None]:
    return {box: at if isinstance(at, str) else None for box, at in shown.boxes["container"].items()}


# --- what is drawn ---------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(graph=any_graph, limit=limits)
def test_every_task_is_in_a_box_or_said_to_be_left_out(graph: FlowRunGraph, limit: int) -> None:
    shown = picture(graph, limit=limit)
    assert len(shown.boxes) <= limit
    assert set(shown.box_of) <= set(graph.nodes.index)
    assert set(shown.box_of.values()) == set(shown.boxes.index)
    assert shown.boxes.index.is_unique
    left_out = set(graph.nodes.index) - set(shown.box_of)
    if left_out:
        assert shown.remark is not None
        assert f"The first {limit} of " in shown.remark
        assert f"all {len(graph.nodes):,} task runs" in shown.remark
    if len(shown.boxes) < len(graph.nodes):
        assert shown.remark is not None


@settings(max_examples=40, deadline=None)
@given(graph=any_graph, limit=limits)
def test_counts_add_up(graph: FlowRunGraph, limit: int) -> None:
    """A box counts the task runs that it stands for, and apart from them those that ran inside them and are hidden."""
    shown = picture(graph, limit=limit)
    own, inside = shares(graph, shown)
    failed = graph.nodes["state_type"].isin(FAILURES)
    for box, facts in shown.boxes.iterrows():
        mine = own[str(box)]
        assert facts["count"] == len(mine)
        assert facts["failures"] == failed[mine].sum()
        assert facts["inside"] == len(inside[str(box)])
        assert facts["inside_failures"] == failed[inside[str(box)]].sum()
        assert (facts["kind"] == "group") == (len(mine) > 1)
        states = graph.nodes.loc[mine, ["state_type", "state_name"]].value_counts()
        assert {(*state, count) for state, count in states.items()} == set(facts["mix"])
        assert facts["label"] in (graph.nodes.at[mine[0], "label"], *graph.nodes.loc[mine, "task_name"]) or (
            graph.nodes.loc[mine, "task_name"].nunique() > 1  # a cycle, condensed
        )


def shares(graph: FlowRunGraph, shown: Picture) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """For each box the nodes that it stands for, and those hidden in it."""
    container = graph.nodes["container"]
    own: dict[str, list[str]] = {box: [] for box in shown.boxes.index}
    inside: dict[str, list[str]] = {box: [] for box in shown.boxes.index}
    for node, box in shown.box_of.items():
        (inside if shown.box_of.get(container[node]) == box else own)[box].append(node)
    return own, inside


@settings(max_examples=40, deadline=None)
@given(graph=any_graph, limit=limits)
def test_a_failure_is_never_hidden(graph: FlowRunGraph, limit: int) -> None:
    shown = picture(graph, limit=limit)
    for node, box in shown.box_of.items():
        if graph.nodes.at[node, "state_type"] == "FAILED":
            assert shown.boxes.at[box, "state_type"] == "FAILED" or shown.boxes.at[box, "inside_failures"] > 0


@settings(max_examples=40, deadline=None)
@given(graph=any_graph)
def test_everything_is_unfolded_at_once_where_it_fits(graph: FlowRunGraph) -> None:
    shown = picture(graph, Folding(opened=(ALL,)))
    assert shown.box_of == {node: node for node in graph.nodes.index}
    assert shown.remark is None


@settings(max_examples=40, deadline=None)
@given(graph=any_graph)
def test_a_closed_container_hides_what_ran_inside(graph: FlowRunGraph) -> None:
    container = graph.nodes["container"]
    for closed in container.dropna().unique():
        shown = picture(graph, Folding(opened=(ALL,), shut=(closed,)))
        if shown.box_of[closed] != closed:  # it is hidden itself
            continue
        for node in container.index[container == closed]:
            assert shown.box_of[node] == closed
        assert shown.boxes.at[closed, "inside"] >= (container == closed).sum()


@settings(max_examples=40, deadline=None)
@given(graph=any_graph, data=st.data())
def test_only_what_is_kept_is_shown_with_its_containers(graph: FlowRunGraph, data: st.DataObject) -> None:
    kept = data.draw(st.sets(st.sampled_from(list(graph.nodes.index)))) if len(graph.nodes) else set()
    shown = picture(graph, kept=kept)
    inside = {node: c if isinstance(c, str) else None for node, c in graph.nodes["container"].items()}
    assert set(shown.box_of) == kept | {around for node in kept for around in ancestors(node, inside)}


def test_a_group_goes_on_in_the_one_that_has_most_of_it() -> None:
    before = {"group:clean@#1": ("a", "b", "c"), "group:clean@#2": ("d", "e"), "group:gone@#1": ("x", "y")}
    now = {"group:clean@#1": ("d", "e", "f"), "group:clean@#2": ("a", "b", "g"), "group:new@#1": ("c", "h")}
    assert taken_over(before, now) == {"group:clean@#1": "group:clean@#2", "group:clean@#2": "group:clean@#1"}


def test_what_needs_each_other_in_turn_by_folding_is_one_box() -> None:
    """Two names taking turns, a1 b1 a2 b2 ...: folded by name they would need each other."""
    graph = chain_of_two_names(20)
    shown = picture(graph, limit=3)
    assert list(shown.boxes["label"]) == ["a + b"]
    assert shown.boxes["count"].tolist() == [20]
    assert shown.links.empty
    assert shown.remark is not None
    assert "a + b: these need each other in turn, and are one box." in shown.remark
    assert len(picture(graph).boxes) == 20


def chain_of_two_names(length: int) -> FlowRunGraph:
    rows = [
        {
            "id": f"n{at:02d}",
            "name": f"{'ab'[at % 2]}-{at}",
            "flow_run_id": RUN,
            "task_key": f"{'ab'[at % 2]}-0a1b2c3d",
            "state_type": "COMPLETED",
            "expected_start_time": (BEGIN + timedelta(seconds=at)).isoformat(),
            "start_time": (BEGIN + timedelta(seconds=at)).isoformat(),
            "end_time": (BEGIN + timedelta(seconds=at + 1)).isoformat(),
            "task_inputs": {"x": [{"id": f"n{at - 1:02d}"}]} if at else {},
        }
        for at in range(length)
    ]
    run = FlowRun(RUN, "run", "f", "flow", "COMPLETED", "Completed", start=BEGIN, end=BEGIN + timedelta(minutes=1))
    return assemble(Raw(run, [], rows, {}), AS_OF)


@settings(max_examples=40, deadline=None)
@given(graph=any_graph, limit=limits)
def test_links_are_the_edges_between_boxes(graph: FlowRunGraph, limit: int) -> None:
    shown = picture(graph, limit=limit)
    inside = containers(shown)
    expected: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    for edge in graph.edges.itertuples():
        source, target = shown.box_of.get(edge.source), shown.box_of.get(edge.target)
        if source is None or target is None or source == target:
            continue
        if source in ancestors(target, inside) or target in ancestors(source, inside):
            continue
        expected.setdefault((source, target), []).append((edge.kind, edge.plausible))
    found = {(link.source, link.target): (link.kind, link.plausible) for link in shown.links.itertuples()}
    assert len(found) == len(shown.links)
    assert set(found) == set(expected)
    for pair, (kind, plausible) in found.items():
        kinds = {kind for kind, _ in expected[pair]}
        assert kind == ("data" if "data" in kinds else "wait_for")
        assert plausible == any(possible for of, possible in expected[pair] if of == kind)


# --- real runs -------------------------------------------------------------------------------------------------------


def test_four_hundred_mapped_tasks_are_three_boxes(truth: Truth) -> None:
    shown = picture(truth.graph("score"))
    boxes = shown.boxes.set_index("label")
    assert dict(boxes["count"]) == {"load-customers": 1, "score": 400, "rank-customers": 1}
    label = shown.boxes["label"]
    assert {(label[s], label[t]) for s, t in zip(shown.links.source, shown.links.target, strict=True)} == {
        ("load-customers", "score"),
        ("score", "rank-customers"),
    }
    assert shown.remark == "402 task runs are shown as 3: those that play the same part are one box."
