"""The two tables of timings, and one attempt of a run, for whatever run."""

from __future__ import annotations

import math
import statistics

import pandas as pd
import pytest
from hypothesis import given, settings

from flowdag.analysis.attempts import attempts, of_attempt
from flowdag.analysis.critical_path import critical_path
from flowdag.analysis.timings import BY_NAME, BY_RUN, by_task_name, by_task_run
from flowdag.model import FAILURES, FlowRunGraph
from tests.built import Flow, Ran, built
from tests.hostile import dags, graphs
from tests.truth import Truth


@settings(max_examples=40, deadline=None)
@given(graph=graphs())
def test_totals_by_name_add_up(graph: FlowRunGraph) -> None:
    table, nodes = by_task_name(graph, critical_path(graph)), graph.nodes
    assert tuple(table.columns) == BY_NAME
    assert table["count"].sum() == len(nodes)
    assert table["failures"].sum() == nodes["state_type"].isin(FAILURES).sum()
    assert table["total_s"].sum() == pytest.approx(nodes["run_s"].sum())
    assert table["task"].is_unique
    assert list(table["total_s"]) == sorted(table["total_s"], reverse=True)
    for line in table.itertuples():
        times = nodes["run_s"][nodes["task_name"] == line.task].dropna().tolist()
        if times:
            assert line.max_s == pytest.approx(max(times))
            assert line.median_s == pytest.approx(statistics.median(times))
            assert line.median_s - 1e-9 <= line.p95_s <= line.max_s + 1e-9
        else:
            assert math.isnan(line.max_s)
    shares = table["share"].dropna()
    assert ((shares >= 0) & (shares <= 1 + 1e-9)).all()
    assert shares.sum() == pytest.approx(1) or shares.sum() == 0


@settings(max_examples=25, deadline=None)
@given(graph=graphs())
def test_by_task_run_has_a_row_a_node_in_order(graph: FlowRunGraph) -> None:
    table = by_task_run(graph, critical_path(graph))
    assert tuple(table.columns) == BY_RUN
    assert list(table["id"]) == list(graph.nodes.index)
    assert table["inside"].map(lambda label: isinstance(label, str)).all()


def test_by_task_run_of_the_nightly_run(truth: Truth) -> None:
    graph = truth.graph("nightly")
    table = by_task_run(graph, critical_path(graph)).set_index("task")
    bodies = truth.bodies(graph)
    begin = truth.flow_body("nightly")[0].start
    for label, line in table.iterrows():
        for body in bodies.get(str(line["id"]), [])[:1]:
            assert line["start_s"] == pytest.approx(body.start - begin, abs=0.5), label
    assert table.at["stage-orders", "inside"] == "load-warehouse"
    assert table.at["extract-north", "inside"] == ""
    assert table.at["fetch-exchange-rates", "tries"] == 2


def test_by_task_name_of_the_nightly_run(truth: Truth) -> None:
    graph = truth.graph("nightly")
    table = by_task_name(graph, critical_path(graph)).set_index("task")
    bodies = truth.bodies(graph)
    took = {
        ran[0].label: sum(body.end - body.start for body in ran) for ran in bodies.values() if ran[0].what == "task"
    }
    extracts = [took[f"extract-{region}"] for region in ("north", "south", "east", "west")]
    assert table.at["extract", "count"] == 4
    assert table.at["extract", "total_s"] == pytest.approx(sum(extracts), abs=0.25)
    assert table.at["extract", "median_s"] == pytest.approx(statistics.median(extracts), abs=0.1)
    assert table.at["extract", "max_s"] == pytest.approx(max(extracts), abs=0.1)
    assert math.isnan(table.at["publish-report", "share"])
    failing = by_task_name(truth.graph("failing"), critical_path(truth.graph("failing"))).set_index("task")
    assert dict(failing["failures"][failing["failures"] > 0]) == {"convert": 1}


@settings(max_examples=25, deadline=None)
@given(graph=graphs())
def test_attempts_part_the_runs_own_nodes(graph: FlowRunGraph) -> None:
    own = graph.nodes.index[graph.nodes["flow_run_id"] == graph.run.id]
    parts = [of_attempt(graph, number) for number in attempts(graph)]
    found = [node for part in parts for node in part.nodes.index if node in set(own)]
    assert sorted(found) == sorted(own)
    for part in parts:
        assert {*part.edges["source"], *part.edges["target"], *part.tries["node"]} <= set(part.nodes.index)


@settings(max_examples=15, deadline=None)
@given(graph=dags())
def test_one_attempt_is_the_whole(graph: FlowRunGraph) -> None:
    whole = of_attempt(graph, 1)
    pd.testing.assert_frame_equal(whole.nodes, graph.nodes)
    pd.testing.assert_frame_equal(whole.edges, graph.edges)


def test_the_work_of_a_task_that_calls_others_is_its_own_time() -> None:
    """`orch` takes 9 s, of which a second at the start, two in the middle and one at the end are its own."""
    graph = built(
        Flow(10),
        Ran("orch", 0, 0, 9),
        Ran("leaf", 1, 1, 4, inside="orch"),
        Ran("other", 2, 2, 3, inside="orch"),
        Ran("late", 6, 6, 8, inside="orch"),
    )
    table = by_task_name(graph, critical_path(graph)).set_index("task")
    assert table["share"].to_dict() == pytest.approx({"orch": 4 / 10, "leaf": 3 / 10, "late": 2 / 10, "other": 1 / 10})
