"""How many ran and waited at once, and the lanes that bars lie in."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdag.analysis.concurrency import between, concurrency, most_between, peak
from flowdag.analysis.lanes import at_once, lanes
from flowdag.analysis.timeline import bars, timeline, workers
from flowdag.model import FlowRunGraph
from tests.built import Flow, Ran, at, built
from tests.hostile import BEGIN, graphs


def steps(graph: FlowRunGraph) -> list[tuple[float, int, int]]:
    """From which second on how many ran and waited."""
    found = timeline(graph).steps
    since = [(moment - BEGIN).total_seconds() for moment in found["at"]]
    return list(zip(since, found["running"].tolist(), found["waiting"].tolist(), strict=True))


def test_what_ends_when_another_starts_does_not_overlap_it() -> None:
    graph = built(Flow(9), Ran("a", 1, 1, 4), Ran("b", 4, 4, 6), Ran("c", 4, 4, 9))
    assert steps(graph) == [(1, 1, 0), (4, 2, 0), (6, 1, 0), (9, 0, 0)]
    most = peak(timeline(graph).steps, "running")
    assert most
    assert (most.count, most.start, most.end) == (2, at(4), at(6))


def test_what_waits_for_a_worker_is_told_from_what_runs() -> None:
    graph = built(Flow(9), Ran("a", 0, 2, 5), Ran("b", 0, 5, 9), Ran("c", 0, 9, 9, needs=["b"]))
    assert steps(graph) == [(0, 0, 2), (2, 1, 1), (5, 1, 0), (9, 0, 0)]


def test_a_subflow_is_not_counted_beside_what_runs_inside_it_nor_a_pause_between_tries() -> None:
    graph = built(
        Flow(20),
        Ran("sub", 0, 0, 20, subflow=True),
        Ran("inner", 2, 2, 12, inside="sub", tries=[(2, 4), (8, 12)]),
    )
    assert steps(graph) == [(2, 1, 0), (4, 0, 0), (8, 1, 0), (12, 0, 0)]


def test_nothing_waited() -> None:
    assert peak(timeline(built(Flow(3), Ran("a", 0, 0, 3))).steps, "waiting") is None


def test_a_stretch_begins_with_what_already_runs() -> None:
    found = timeline(built(Flow(9), Ran("a", 0, 0, 6), Ran("b", 2, 2, 4))).steps
    cut = between(found, pd.Timestamp(at(3)), pd.Timestamp(at(5)))
    assert cut["running"].tolist() == [2, 1, 0]
    assert cut["at"].tolist() == [at(3), at(4), at(5)]


def test_the_most_between_edges_misses_no_short_peak() -> None:
    found = timeline(built(Flow(10), Ran("a", 0, 0, 10), Ran("b", 3, 3, 3.001))).steps
    edges = pd.DatetimeIndex([pd.Timestamp(at(second)) for second in (0, 2, 4, 10, 12)])
    assert most_between(found, "running", edges).tolist() == [1, 2, 1, 0]


def test_what_begins_in_a_stretch_counts_in_it() -> None:
    found = timeline(built(Flow(20), Ran("a", 4, 4, 10))).steps
    edges = pd.DatetimeIndex([pd.Timestamp(at(second)) for second in (0, 3, 6, 9, 12, 20)])
    assert most_between(found, "running", edges).tolist() == [0, 1, 1, 1, 0]


@settings(deadline=None)
@given(graphs())
def test_the_counts_add_up_to_the_time_for_which_each_ran(graph: FlowRunGraph) -> None:
    found, working = bars(graph), workers(graph)
    counts = concurrency(found, working)
    if counts.empty:
        return
    lasted = counts["at"].diff().shift(-1).dt.total_seconds().fillna(0)
    for name, part in (("running", "run"), ("waiting", "queue")):
        own = found[(found["part"] == part) & found["node"].isin(working)]
        wanted = (own["end"] - own["start"]).dt.total_seconds().sum()
        assert (counts[name] * lasted).sum() == pytest.approx(wanted, abs=1e-3)
        assert (counts[name] >= 0).all()
    assert counts.iloc[-1][["running", "waiting"]].tolist() == [0, 0]


spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), min_size=1, max_size=30)


@given(spans)
def test_lanes_are_as_few_as_overlap_and_none_overlaps_in_its_lane(spans: list[tuple[int, int]]) -> None:
    start = np.array([begin for begin, _ in spans], dtype=float)
    end = start + np.array([length + 1 for _, length in spans])
    lane = lanes(start, end)
    for one in range(len(spans)):
        for other in range(one):
            if lane[one] == lane[other]:
                assert end[one] <= start[other] or end[other] <= start[one]
    most = max(int(((start <= moment) & (moment < end)).sum()) for moment in start)
    assert lane.max() + 1 == most


def test_how_many_at_once_is_their_average_over_each_stretch() -> None:
    start, end = np.array([0.0, 1.0, 1.5]), np.array([4.0, 2.0, 1.75])
    assert at_once(start, end, np.array([0.0, 1.0, 2.0, 4.0])) == pytest.approx([1, 2.25, 1])
