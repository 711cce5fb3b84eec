"""What Prefect tells badly or not at all, defect by defect, each with a real flow that provokes it.

The flows stand in tests/defect_flows.py; expectations are read off that source, times come from the journal. Defects
that the sample flows show too are tested in test_sample_flows.py (never started, cached, mapped) and test_odd_flows.py
(attempts of a flow, nested tasks, values given twice, subflows handed on as a state).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import httpx
import pandas as pd
import pytest

from flowdag.analysis.attempts import attempts
from flowdag.errors import RunNotFound
from flowdag.model import FlowRunGraph
from flowdag.prefect_api.graph_v2 import read_flow_run_graph
from tests.defect_flows import NAMES
from tests.defect_journal import defect_runs
from tests.prefect_api.test_odd_flows import inside
from tests.truth import Truth, ask, tenant

MISTAKEN = "Prefect may have mistaken one value for another"


@pytest.fixture(scope="session")
def defects(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Truth]:
    with defect_runs(prefect_server, tmp_path_factory.mktemp("defects")) as runs:
        yield runs


def edges(graph: FlowRunGraph) -> list[tuple[str, str, str]]:
    """By label, or by task name where the task never started: its run name is random then."""
    nodes, found = graph.nodes, graph.edges
    label = nodes["label"].where(nodes["start"].notna(), nodes["task_name"])
    return sorted((label[s], label[t], kind) for s, t, kind in zip(found.source, found.target, found.kind, strict=True))


def data(*pairs: tuple[str, str]) -> list[tuple[str, str, str]]:
    return sorted((*pair, "data") for pair in pairs)


def by_label(graph: FlowRunGraph) -> pd.DataFrame:
    return graph.nodes.set_index("label")


# --- nodes: 1.2 ------------------------------------------------------------------------------------------------------


def test_what_waits_has_not_started(defects: Truth) -> None:
    """graph-v2 gives a pending task its expected start as its start, which jumps once it really starts."""
    folder = defects.file.parent
    told, go = folder / "waiting.id", folder / "waiting.go"
    until = time.monotonic() + 60
    try:
        while not (told.exists() and told.read_text()):
            assert time.monotonic() < until
            time.sleep(0.1)
        run_id = told.read_text()
        graph = defects.read(run_id)
        while set(graph.nodes["state_name"]) != {"Running", "Pending"}:
            assert time.monotonic() < until, graph.nodes["state_name"]
            time.sleep(0.3)
            graph = defects.read(run_id)
        [first] = graph.nodes.index[graph.nodes["state_name"] == "Running"]
        [second] = graph.nodes.index[graph.nodes["state_name"] == "Pending"]
        theirs = ask(tenant(defects.api_url), lambda client: read_flow_run_graph(client, run_id))
        jumping = {node.id: node.start_time for node in theirs.nodes}[second]
        assert jumping is not None
        assert pd.isna(graph.nodes.at[second, "start"])
        assert graph.nodes.loc[second, ["run_s", "wall_s"]].isna().all()
        assert list(zip(graph.edges["source"], graph.edges["target"], strict=True)) == [(first, second)]
        assert graph.edges["plausible"].all()
        assert not graph.complete
        assert second not in set(graph.tries["node"])
        time.sleep(0.5)
        later = defects.read(run_id)
        assert later.nodes.at[first, "wall_s"] > graph.nodes.at[first, "wall_s"] + 0.4
        assert later.nodes.at[second, "blocked_s"] > graph.nodes.at[second, "blocked_s"] + 0.4
    finally:
        go.touch()
    ended = defects.graph("waiting")
    ran = defects.bodies(ended)[second]
    assert ended.nodes.at[second, "start"] > jumping
    assert ended.nodes.at[second, "start"].timestamp() == pytest.approx(ran[0].start, abs=1)
    assert ended.nodes.at[second, "blocked_s"] >= graph.nodes.at[second, "blocked_s"]


def test_what_never_started_does_not_tick(defects: Truth) -> None:
    graph = defects.graph("failures")
    wanted = data(("failed", "tolerant"), ("failed", "step"), ("too-late", "step"), ("step", "step"))
    assert edges(graph) == sorted([*wanted, *data(("step", "despite")), ("step", "despite", "wait_for")])
    never = graph.nodes["state_name"] == "NotReady"
    assert Counter(graph.nodes["state_name"]) == {"Failed": 1, "TimedOut": 1, "Completed": 2, "NotReady": 2}
    assert set(graph.nodes.loc[~never, "label"]) == {"failed", "too-late", "tolerant", "despite"}
    assert graph.nodes.loc[never, ["start", "end", "run_s", "wall_s", "queue_s"]].isna().all(axis=None)
    assert any("2 tasks never started" in note for note in graph.notes)
    # it was clear at once, and not at the end of the flow two seconds later
    assert (graph.nodes.loc[never, "blocked_s"] < 1.5).all()
    assert graph.edges["plausible"].all()
    despite = by_label(graph).loc["despite"]
    assert despite["queue_s"] < 1, "what it waited for was told by then"
    again = defects.read(graph.run.id)
    assert again.as_of > graph.as_of
    pd.testing.assert_frame_equal(again.nodes, graph.nodes)


def test_the_span_of_a_retried_task_is_not_its_run_time(defects: Truth) -> None:
    """Three tries, the second at once and the third a second later: one node, and not one node a try."""
    graph = defects.graph("retried")
    assert edges(graph) == data(("before", "third-try"), ("third-try", "after"))
    [node] = graph.nodes.index[graph.nodes["label"] == "third-try"]
    ran = defects.bodies(graph)[node]
    assert [(body.number, body.raised) for body in ran] == [(1, True), (2, True), (3, False)]
    facts, tries = graph.nodes.loc[node], graph.tries[graph.tries["node"] == node]
    assert facts["tries"] == len(tries) == 3
    assert facts["retry_s"] == pytest.approx(ran[2].start - ran[1].end, abs=0.5)
    assert facts["run_s"] < 0.9 < facts["wall_s"]
    for (_, one), body in zip(tries.iterrows(), ran, strict=True):
        assert one["start"].timestamp() <= body.start <= body.end <= one["end"].timestamp() + 0.001


def test_a_cached_task_has_the_edges_of_this_run(defects: Truth) -> None:
    graph = defects.graph("cached")  # the second of two runs that share a key
    assert edges(graph) == data(("three", "hit-of-another-run"), ("hit-of-another-run", "after-that"))
    hit = by_label(graph).loc["hit-of-another-run"]
    assert (hit["state_type"], hit["state_name"]) == ("COMPLETED", "Cached")
    assert hit["run_s"] < 0.3  # what the body takes
    assert hit["start"] <= hit["end"]
    assert [body.label for bodies in defects.bodies(graph).values() for body in bodies] == ["three", "after-that"]


def test_mapped_tasks_and_what_they_call(defects: Truth) -> None:
    graph = defects.graph("mapped")
    parts, lasts = ([f"{name}-{number}" for number in range(3)] for name in ("part", "last"))
    assert edges(graph) == data(
        *(("shared", part) for part in parts),
        *zip(parts, lasts, strict=True),
        *((last, "joined") for last in lasts),
    )
    assert inside(graph) == {f"inside-{name}": name for name in (*parts, *lasts)}
    assert set(graph.nodes.loc[graph.nodes["label"].isin([*parts, *lasts]), "task_name"]) == {"around"}


def test_subflows_three_levels_deep(defects: Truth) -> None:
    graph = defects.graph("levels")
    one, two, three = "level-one / one", "level-two / two", "level-three / three"
    assert inside(graph) == {two: one, "after-two": one, three: two, "after-three": two, "deepest": three}
    assert edges(graph) == data((one, "after-one"), (two, "after-two"), (three, "after-three"))
    for depth, count in ((1, 2), (2, 4), (3, 6), (None, 7)):
        assert len(defects.read(graph.run.id, depth).nodes) == count


def test_a_deployment_run_as_a_subflow(defects: Truth) -> None:
    graph = defects.graph("deploying")
    deployed = "deployed-flow / deployed"
    assert edges(graph) == data(("before", deployed))
    assert inside(graph) == {"in-deployed": deployed}
    assert by_label(graph).at[deployed, "kind"] == "flow-run"


def test_async_flows(defects: Truth) -> None:
    graph = defects.graph("concurrent")
    within = "inner-async / inner-async"
    assert edges(graph) == data(
        ("first", "left"),
        ("first", "right"),
        *((given, part) for given in ("left", "right") for part in ("part-0", "part-1")),
        ("left", within),
        ("part-0", "end"),
        ("part-1", "end"),
        (within, "end"),
        ("astream", "of-piece-0"),
        ("astream", "of-piece-1"),
    )
    assert inside(graph) == {"within-async": within}
    for node, ran in defects.bodies(graph).items():
        assert graph.nodes.at[node, "start"].timestamp() <= ran[0].start
        assert graph.nodes.at[node, "end"].timestamp() >= ran[-1].end


def test_names_of_every_kind(defects: Truth) -> None:
    graph = defects.graph("names")
    found = [node for _, node in sorted(zip(graph.nodes["start"], graph.nodes["label"], strict=True))]
    assert found[1:] == list(NAMES.values())[1:]
    assert found[0]  # Prefect makes up a name for the empty one
    assert edges(graph) == data(*pairwise(found))
    assert set(graph.nodes["task_name"]) == {"step"}


def test_a_run_without_tasks(defects: Truth) -> None:
    graph = defects.graph("empty")
    assert (len(graph.nodes), len(graph.edges), len(graph.tries)) == (0, 0, 0)
    assert graph.notes == ()


def test_tasks_in_transactions(defects: Truth) -> None:
    graph = defects.graph("transactions")
    assert edges(graph) == data(("kept", "kept-too"), ("undone", "fails"))
    assert dict(by_label(graph)["state_name"]) == {
        "kept": "Completed",
        "kept-too": "Completed",
        "undone": "RolledBack",
        "fails": "Failed",
    }


# --- edges: 1.3 ------------------------------------------------------------------------------------------------------


def test_all_to_all_is_drawn_once(defects: Truth) -> None:
    """20 wide, three layers: 800 links, of which graph-v2 repeats each of the second half twenty times."""
    graph = defects.graph("dense")
    assert edges(graph) == data(
        *((f"{layer}-{one}", f"{layer + 1}-{two}") for layer in (0, 1) for one in range(20) for two in range(20))
    )
    assert graph.edges["plausible"].all()
    theirs = ask(tenant(defects.api_url), lambda client: read_flow_run_graph(client, graph.run.id))
    assert {(parent, node.id) for node in theirs.nodes for parent in node.parents} == set(
        zip(graph.edges["source"], graph.edges["target"], strict=True)
    )


def test_a_link_that_cannot_be_is_dashed(defects: Truth) -> None:
    """`taker` got a dict of `left`; `stream`, still running then, had yielded one with the same literal key."""
    graph = defects.graph("phantom")
    label = graph.nodes["label"]
    found = {(label[e.source], label[e.target]): e.plausible for e in graph.edges.itertuples()}
    assert found == {("left", "taker"): True, ("stream", "taker"): False}
    assert [note for note in graph.notes if "1 link is dashed" in note and MISTAKEN in note]
    assert graph.nodes["container"].isna().all()
    bodies = {ran[0].label: ran[0] for ran in defects.bodies(graph).values()}
    assert bodies["taker"].start < bodies["stream"].end  # impossible by the journal too


def test_what_is_handed_on_while_it_runs(defects: Truth) -> None:
    """True links that look like mistakes: a generator hands on its pieces before it has ended."""
    graph = defects.graph("streaming")
    assert edges(graph) == data(*(("stream", f"piece-{number}") for number in range(3)))
    assert not graph.edges["plausible"].any()
    assert [note for note in graph.notes if "3 links are dashed" in note and "hands on" in note]
    assert graph.nodes["container"].isna().all()
    assert (graph.nodes["blocked_s"] == 0).all()


def test_values_that_prefect_cannot_follow(defects: Truth) -> None:
    """None, True and 7 carry no trace: there is nothing to draw, and nothing is made up."""
    graph = defects.graph("untracked")
    assert edges(graph) == data(("small-8", "uses-a-future"))
    assert len(graph.nodes) == 8


def test_quoted_values_are_not_inputs(defects: Truth) -> None:
    assert edges(defects.graph("quoted")) == []


def test_inputs_of_another_run_do_not_dangle(defects: Truth) -> None:
    graph = defects.graph("borrowed")
    rows = httpx.post(
        f"{defects.api_url}/task_runs/filter",
        json={"task_runs": {"flow_run_id": {"any_": [graph.run.id]}}},
        trust_env=False,
    ).json()
    named = {one["id"] for row in rows for inputs in row["task_inputs"].values() for one in inputs if "id" in one}
    assert named - set(graph.nodes.index), "the flow did not provoke it"
    assert edges(graph) == data(("own", "borrowing"))


# --- states and limits: 1.5 ------------------------------------------------------------------------------------------


def test_a_paused_run(defects: Truth) -> None:
    graph = defects.graph("paused")
    assert edges(graph) == data(("before", "after"))
    before, after = by_label(graph).loc[["before", "after"], "start"]
    assert after - before > pd.Timedelta(seconds=1)
    assert set(graph.nodes["attempt"]) == {1}
    assert graph.run.attempts == 1, "it went on, and did not begin again"


def test_a_suspended_run(defects: Truth) -> None:
    """It begins anew when it is resumed, and `before` runs again; Prefect counts that as one attempt, and so do we."""
    graph = defects.graph("suspended")
    assert Counter(graph.nodes["label"]) == {"before": 2, "after": 1}
    assert edges(graph) == data(("before", "after"))
    [edge] = graph.edges.itertuples()
    assert edge.source == max(graph.nodes.index[graph.nodes["label"] == "before"], key=graph.nodes["start"].get)
    assert graph.edges["plausible"].all()
    assert graph.run.attempts == 1
    assert attempts(graph) == [1]


def test_a_subflow_that_was_deleted(defects: Truth) -> None:
    """Its wrapper stays: a task run that ran and holds nothing."""
    before = defects.graph("shorn")
    [gone] = before.nodes.index[before.nodes["label"] == "level-two / two"]
    httpx.delete(f"{defects.api_url}/flow_runs/{gone}", trust_env=False).raise_for_status()
    graph = defects.read(before.run.id)
    wrapper = before.nodes.at[gone, "task_run_id"]
    assert graph.nodes.at[wrapper, "kind"] == "task-run"
    assert graph.nodes.at[wrapper, "task_name"] == "level-two"
    label = graph.nodes["label"]
    found = [(source, label[target]) for source, target in zip(graph.edges.source, graph.edges.target, strict=True)]
    assert (wrapper, "after-two") in found
    assert set(graph.nodes["container"].dropna()) <= set(graph.nodes.index)


def test_a_run_that_was_deleted_meanwhile(defects: Truth) -> None:
    run_id = defects.run_id("quoted")
    defects.graph("quoted")
    httpx.delete(f"{defects.api_url}/flow_runs/{run_id}", trust_env=False).raise_for_status()
    with pytest.raises(RunNotFound):
        defects.read(run_id)


# --- runs whose process died: last, since flowdag waits a minute for what they may still tell -------------------------


def test_a_run_whose_process_vanished(defects: Truth) -> None:
    graph = defects.graph("killed")
    nodes = by_label(graph)
    inside_subflow = "stopped-inside / stopped-inside"
    assert graph.run.state_name == "Crashed"
    assert dict(nodes["state_name"])["done"] == "Completed"
    for name in ("running", "running-inside", inside_subflow):
        assert nodes.at[name, "state_type"] == "RUNNING"
        assert pd.isna(nodes.at[name, "end"])
        counted_to = nodes.at[name, "start"] + pd.Timedelta(seconds=nodes.at[name, "wall_s"])
        assert counted_to.round("us") == pd.Timestamp(graph.run.end)  # of a float of seconds, a nanosecond may be lost
    assert any("3 tasks never told of an end" in note for note in graph.notes)
    assert any("1 task never started" in note for note in graph.notes)
    again = defects.read(graph.run.id)
    pd.testing.assert_frame_equal(again.nodes, graph.nodes)


def test_a_run_that_was_cancelled(defects: Truth) -> None:
    """The task that waited was cancelled before it ran: it has not started, and nothing of it is impossible."""
    graph = defects.graph("cancelled")
    assert graph.run.state_name == "Cancelled"
    assert graph.edges["plausible"].all()
    assert graph.complete
    assert not any("dashed" in note for note in graph.notes)
    waiting = graph.nodes[(graph.nodes["task_name"] == "step") & (graph.nodes["label"] != "done")]
    assert len(waiting) == 1
    assert waiting[["start", "run_s", "wall_s"]].isna().all(axis=None)
    assert (waiting["tries"] == 0).all()


def test_every_body_has_its_node(defects: Truth) -> None:
    for name in ("retried", "failures", "mapped", "dense", "untracked", "concurrent", "levels", "deploying", "names"):
        graph = defects.graph(name)
        bodies = defects.bodies(graph)
        started = graph.nodes.index[graph.nodes["start"].notna()]
        assert set(bodies) == set(started), name
        for node, ran in bodies.items():
            assert graph.nodes.at[node, "tries"] == len(ran), ran[0].label
            if ran[0].label.strip():
                assert graph.nodes.at[node, "label"] == ran[0].label or ran[0].label not in NAMES.values()
