"""Groups of task runs that play the same part: on recorded workflows, and opened one by one."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings

from flowdag.analysis.grouping import Folding, picture
from flowdag.analysis.groups import groups
from flowdag.model import FlowRunGraph, ends_of
from tests.analysis.test_pictures import any_graph
from tests.needs import needs_shared

# measured on these files before flowdag existed, by other code (see their description)
RECORDED = {"bwa": 5, "epigenomics": 9, "soykb": 14, "airrflow": 36}


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_workflows_become_a_handful_of_groups(name: str) -> None:
    frame = pd.read_csv(needs_shared(f"data/workflows/{name}.csv"), dtype=str).fillna("")
    nodes = pd.DataFrame({"container": None, "task_name": frame["task_name"].to_numpy()}, index=frame["task_id"])
    parents = frame["parent_ids"].str.split().set_axis(frame["task_id"]).explode().dropna()
    edges = pd.DataFrame({"source": parents.to_numpy(), "target": parents.index})
    assert len(set(groups(nodes, ends_of(nodes, edges)))) == RECORDED[name]


def test_what_shares_a_name_but_comes_after_other_tasks_plays_another_part() -> None:
    nodes = pd.DataFrame(
        {"container": None, "task_name": ["read", "clean", "clean", "join", "clean"]}, index=[*"abcde"]
    )
    edges = pd.DataFrame({"source": [*"aabcd"], "target": [*"bcdde"]})
    a, b, c, d, e = groups(nodes, ends_of(nodes, edges))
    assert b == c
    assert len({a, b, d, e}) == 4


@settings(max_examples=40, deadline=None)
@given(graph=any_graph)
def test_opening_a_group_draws_each_of_its_members(graph: FlowRunGraph) -> None:
    closed = picture(graph)
    for key, members in closed.members.items():
        opened = picture(graph, Folding(opened=(key,)))
        assert set(members) <= set(opened.boxes.index)
        assert len(opened.boxes) >= len(closed.boxes) + len(members) - 1
