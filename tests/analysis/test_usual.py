"""Whether a run is usual: the rule at its edges, worked out by hand, and against a plain rendering of it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdag.analysis.time_left import time_left
from flowdag.analysis.usual import LONGER, SHORTER, USUAL, standing, standings, usual
from flowdag.model import FlowRunGraph
from tests.analysis.earlier import earlier
from tests.built import Flow, Ran, built
from tests.hostile import AS_OF, BEGIN, graphs

# median 10, deviations 2 1 1 0 0 0 0 1 1 2: MAD 1, so unusual beyond 3.5 x 1.4826 = 5.1891 from 10
SPREAD = [8, 9, 9, 10, 10, 10, 10, 11, 11, 12]
LIKE_TEN = [10, 10, 10, 10, 10, 10, 10, 10, 9, 14]  # MAD 0


def flag(value: float, others: Sequence[float], **how: bool) -> str | None:
    return standing(value, np.array(others, dtype=float), **how).flag


@pytest.mark.parametrize(
    ("value", "others", "expected"),
    [
        (15.18, SPREAD, USUAL),
        (15.19, SPREAD, LONGER),
        (4.82, SPREAD, USUAL),
        (4.81, SPREAD, SHORTER),
        (14.0, LIKE_TEN, USUAL),
        (14.1, LIKE_TEN, LONGER),
        (9.0, LIKE_TEN, USUAL),
        (8.99, LIKE_TEN, SHORTER),
        (6.0, [5] * 10, USUAL),  # by 1 s: not by more
        (6.01, [5] * 10, LONGER),
        (110.0, [100] * 10, USUAL),  # by 10 %: not by more
        (110.1, [100] * 10, LONGER),
        (0.9, [0] * 10, USUAL),
        (1.1, [0] * 10, LONGER),
        (1000.0, [100] * 9, None),
        (1000.0, [100] * 9 + [np.nan], None),
        (1000.0, [], None),
        (np.nan, SPREAD, None),
    ],
)
def test_the_rule_at_its_edges(value: float, others: list[float], expected: str | None) -> None:
    assert flag(value, others) == expected


def test_what_has_not_completed_is_never_called_shorter() -> None:
    assert flag(1.0, SPREAD, can_be_shorter=False) is None
    assert flag(100.0, SPREAD, can_be_shorter=False) == LONGER


def test_where_a_value_stands() -> None:
    found = standing(10.0, np.array(SPREAD, dtype=float))
    # 3 are less, 4 are equal: (3 + 4 / 2) of 10; the 95th percentile is 0.55 of the way from the 9th to the 10th
    assert (found.n, found.percentile, found.median) == (10, 0.5, 10.0)
    assert found.p95 == pytest.approx(11.55)
    assert standing(13.0, np.array(SPREAD, dtype=float)).percentile == 1.0
    alone = standing(3.0, np.array([]))
    assert (alone.n, alone.flag) == (0, None)
    assert np.isnan([alone.percentile, alone.median, alone.p95]).all()


VALUE = st.tuples(st.floats(0, 1e6) | st.integers(0, 20).map(float), st.integers(0, 3))


@given(
    st.lists(VALUE, max_size=12),
    st.lists(VALUE, max_size=60),
)
def test_many_at_once_are_as_one_by_one(asked: list[tuple[float, int]], known: list[tuple[float, int]]) -> None:
    values, group = np.array([value for value, _ in asked], float), np.array([of for _, of in asked], "int64")
    others, of = np.array([value for value, _ in known], float), np.array([of for _, of in known], "int64")
    enough = np.bincount(of, minlength=4) >= 10
    found = standings(values, group, others, of, enough, np.ones(len(values), dtype=bool))
    for (value, own), row in zip(asked, found.itertuples(), strict=True):
        mine = [other for other, of_other in known if of_other == own]
        assert row.n == len(mine)
        if mine:
            rank = sum(other < value for other in mine) + sum(other == value for other in mine) / 2
            assert row.percentile == pytest.approx(rank / len(mine))
            assert row.median == statistics.median(mine)
        assert row.flag == in_words(value, mine)


def in_words(value: float, others: list[float]) -> str | None:
    """The rule as the design says it."""
    if len(others) < 10:
        return None
    median = statistics.median(others)
    mad = statistics.median([abs(other - median) for other in others])
    away = abs(value - median)
    outside = away > 3.5 * 1.4826 * mad if mad else not min(others) <= value <= max(others)
    if not (outside and away > median / 10 and away > 1):
        return USUAL
    return LONGER if value > median else SHORTER


# --- a run and its tasks ---------------------------------------------------------------------------------------------


def in_turn(*took: float, name: str = "load", state: str = "COMPLETED") -> FlowRunGraph:
    """A run that calls a task again and again; calls take so many seconds."""
    ends = np.cumsum(took)
    ran = [
        Ran(f"{name}{number}", end - s, end - s, end, state=state)
        for number, (s, end) in enumerate(zip(took, ends.tolist(), strict=True))
    ]
    return built(Flow(float(sum(took))), *ran)


def test_a_call_is_compared_with_those_in_its_place_where_there_are_always_as_many() -> None:
    before = earlier([in_turn(1, 30, 2)] * 10)
    same, other = usual(in_turn(1, 30, 2), before), usual(in_turn(30, 1, 2), before)
    assert same.by_place.all()
    assert same.work["flag"].tolist() == [USUAL] * 3
    assert other.work["flag"].tolist() == [LONGER, SHORTER, USUAL]
    assert other.work["n"].tolist() == [10] * 3
    assert same.run.flag == other.run.flag == USUAL


def test_else_with_all_of_its_name() -> None:
    before = earlier([in_turn(1, 30, 2)] * 10)
    found = usual(in_turn(1, 30, 2, 2), before)
    assert not found.by_place.any()
    assert found.work["n"].tolist() == [30] * 4
    assert found.work["median"].tolist() == [2.0] * 4


def test_runs_count_not_their_task_runs() -> None:
    found = usual(in_turn(100, 2), earlier([in_turn(*[1] * 100)] * 9))
    assert found.work["flag"].tolist() == [None, None]
    assert found.names["flag"].tolist() == [None]
    assert found.run.flag is None
    assert (found.runs, found.work["n"].tolist()) == (9, [900, 900])


def test_failed_and_cached_task_runs_are_no_measure() -> None:
    cached = in_turn(0, 0)
    cached.nodes["state_name"] = "Cached"
    before = earlier([in_turn(50, 50)] * 10 + [in_turn(1, 1, state="FAILED")] * 20 + [cached] * 15)
    found = usual(in_turn(50, 50), before)
    assert found.work["n"].tolist() == [10, 10]
    assert found.work["flag"].tolist() == [USUAL] * 2
    assert usual(cached, before).work["flag"].tolist() == [None] * 2


def test_what_failed_is_longer_but_not_shorter() -> None:
    before = earlier([in_turn(50)] * 10)
    assert usual(in_turn(1, state="FAILED"), before).work["flag"].tolist() == [None]
    assert usual(in_turn(100, state="FAILED"), before).work["flag"].tolist() == [LONGER]
    assert usual(in_turn(1), before).work["flag"].tolist() == [SHORTER]


def test_the_wait_of_a_task() -> None:
    def waited(s: float) -> FlowRunGraph:
        return built(Flow(60), Ran("a", 0, 0, 10), Ran("b", 0, 10 + s, 12 + s, needs=["a"]))

    found = usual(waited(40), earlier([waited(1)] * 10))
    assert found.wait["flag"].tolist() == [USUAL, LONGER]
    assert found.wait["value"].tolist() == [0.0, 40.0]
    assert found.work["flag"].tolist() == [USUAL, USUAL]


def test_task_names() -> None:
    """Five of 10 s are in all what ten of 5 s are: usual in all, longer each; and what is new is not compared."""
    before = earlier([in_turn(*[5] * 10), in_turn(*[5.1] * 10), *[in_turn(*[5] * 10)] * 9])
    names = usual(in_turn(*[10] * 5), before).names
    assert names.index.tolist() == ["load"]
    assert names[["flag", "each", "n"]].to_numpy().tolist() == [[USUAL, LONGER, 11]]
    assert names.at["load", "last"] == pytest.approx([50.0] * 9 + [51.0, 50.0, 50.0]), "the latest but one took 51 s"
    new = usual(in_turn(3, name="new"), before).names
    assert new.at["new", "flag"] is None
    assert new.at["new", "last"] == [3.0]


def test_a_name_is_not_shorter_while_more_of_it_may_come() -> None:
    before = earlier([in_turn(*[5] * 10)] * 10)
    three = in_turn(5, 5, 5)
    assert usual(three, before).names["flag"].tolist() == [SHORTER]
    for state in ("RUNNING", "FAILED"):
        names = usual(replace(three, run=replace(three.run, state_type=state)), before).names
        assert names[["flag", "each"]].to_numpy().tolist() == [[None, USUAL]]


def test_the_runs_themselves() -> None:
    before = earlier([in_turn(100)] * 10, lateness_s=2.0)
    late = in_turn(400)
    found = usual(replace(late, run=replace(late.run, lateness_s=30.0)), before)
    assert (found.run.flag, found.run.value, found.run.median) == (LONGER, 400.0, 100.0)
    assert (found.lateness.flag, found.lateness.median) == (LONGER, 2.0)
    assert usual(in_turn(10), before).run.flag == SHORTER
    failed = in_turn(10)
    assert usual(replace(failed, run=replace(failed.run, state_type="FAILED")), before).run.flag is None


def test_tasks_of_some_of_the_runs() -> None:
    found = usual(in_turn(400), earlier([in_turn(100)] * 20, read=12))
    assert (found.runs, found.read, found.run.n) == (20, 12, 20)
    assert found.work["n"].tolist() == [12]


def test_a_run_without_tasks_and_one_without_history() -> None:
    found = usual(built(Flow(5)), earlier([in_turn(100)] * 10))
    assert found.run.flag == SHORTER
    assert found.work.empty
    assert found.names.empty
    nothing = usual(in_turn(100), earlier([built(Flow(100))]))
    assert nothing.work["flag"].tolist() == [None]


@settings(max_examples=25, deadline=None)
@given(graph=graphs(), before=st.lists(graphs(), min_size=1, max_size=2))
def test_any_run_after_any_runs(graph: FlowRunGraph, before: list[FlowRunGraph]) -> None:
    history = earlier([replace(one, run=replace(one.run, start=BEGIN, end=AS_OF)) for one in before] * 5)
    found = usual(graph, history)
    assert found.work.index.tolist() == found.wait.index.tolist() == graph.nodes.index.tolist()
    assert set(found.names.index) == set(graph.nodes["task_name"])
    assert set(found.work["flag"]) <= {USUAL, LONGER, SHORTER, None}
    left = time_left(graph, history)
    assert left is None or np.isnan(left.median_s) or 0 <= left.low_s <= left.median_s <= left.high_s
