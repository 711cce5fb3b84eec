"""Two runs beside each other: known differences, tasks that came, went or moved, and sums that are exact."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdag.analysis.compare import ELSE, Comparison, compare, median_run, steps
from flowdag.analysis.critical_path import PARTS, SEGMENTS, CriticalPath, critical_path
from flowdag.analysis.parameters import changed_parameters
from flowdag.analysis.profile import FIGURES, Profile, profile
from flowdag.model import FlowRunGraph, table
from tests.built import Flow, Ran, built
from tests.hostile import BEGIN, graphs

S = 1_000_000


def told(graph: FlowRunGraph) -> Profile:
    return profile(graph, critical_path(graph))


def row(found: Comparison, task: str) -> dict[str, Any]:
    (record,) = found.tasks[found.tasks["task"] == task].to_dict("records")
    return {str(name): value for name, value in record.items()}


def shares(found: Comparison) -> dict[tuple[str | None, str], int]:
    """Microseconds by label and part, without those that do not differ."""
    names = found.tasks["task"].tolist()
    rows = found.shares[found.shares["diff_us"] != 0].itertuples()
    return {(names[share.row] if share.row >= 0 else None, share.part): share.diff_us for share in rows}


def changes(found: Comparison) -> dict[str, str]:
    return {name: change for name, change in zip(found.tasks["task"], found.tasks["change"], strict=True) if change}


FIRST = built(Flow(12), Ran("a", 0, 1, 4), Ran("b", 4, 5, 9, needs=["a"]), Ran("c", 4, 5, 6, needs=["a"]))


def test_a_longer_task_and_a_longer_wait() -> None:
    later = built(Flow(17.5), Ran("a", 0, 1, 4), Ran("b", 4, 7, 14, needs=["a"]), Ran("c", 4, 5, 8, needs=["a"]))
    found = compare(told(later), [told(FIRST)])
    assert (found.this_us, found.other_us, found.diff_us) == (17_500_000, 12 * S, 5_500_000)
    assert shares(found) == {("b", "run"): 3 * S, ("b", "pending"): 2 * S, (None, "flow"): 500_000}
    assert changes(found) == {}
    b, c = row(found, "b"), row(found, "c")
    assert (b["median_s"], b["median_s_other"], b["median_s_diff"]) == (7, 4, 3)
    assert (b["queue_s_diff"], b["path_s_diff"], b["count_diff"]) == (2, 5, 0)
    assert (c["total_s_diff"], c["path_s_diff"]) == (2, 0), "it is not on the path, and may take longer"
    assert (b["start_s"], b["end_s"], b["start_s_other"], b["end_s_other"]) == (7, 14, 5, 9)
    assert b["node"] == "b"


def test_the_other_way_round_is_the_opposite() -> None:
    later = built(Flow(20), Ran("a", 0, 1, 9), Ran("b", 9, 10, 19, needs=["a"]))
    there, back = compare(told(later), [told(FIRST)]), compare(told(FIRST), [told(later)])
    assert there.diff_us == -back.diff_us == 8 * S
    assert shares(there) == {share: -us for share, us in shares(back).items()}


def test_retries_and_failures() -> None:
    again = built(
        Flow(16), Ran("a", 0, 1, 4), Ran("b", 4, 5, 13, needs=["a"], tries=[(5, 7), (10, 13)]),
        Ran("c", 4, 5, 6, needs=["a"], state="FAILED"),
    )  # fmt: skip
    found = compare(told(again), [told(FIRST)])
    assert shares(found) == {("b", "run"): S, ("b", "retry"): 3 * S}
    b, c = row(found, "b"), row(found, "c")
    assert (b["retries"], b["retries_other"], c["failures"], c["failures_other"]) == (1, 0, 1, 0)
    assert (b["retries_diff"], c["failures_diff"]) == (1, 1)
    assert row(found, "b")["total_s_diff"] == 1


def test_attempts_of_the_flow() -> None:
    states = [(0, "RUNNING", "Running"), (5, "SCHEDULED", "AwaitingRetry"), (7, "RUNNING", "Retrying")]
    again = built(
        Flow(15, states=[*states, (15, "COMPLETED", "Completed")]),
        Ran("a", 0, 1, 4), Ran("a2", 7, 8, 11, attempt=2), Ran("b", 11, 11, 15, needs=["a2"], attempt=2),
    )  # fmt: skip
    once = built(Flow(8), Ran("a", 0, 1, 4), Ran("b", 4, 4, 8, needs=["a"]))
    found = compare(told(again), [told(once)])
    assert shares(found) == {(None, "earlier_attempt"): 5 * S, (None, "retry"): 2 * S}
    assert row(found, "a")["count_diff"] == 1


def test_added_and_removed() -> None:
    other = built(Flow(12), Ran("a", 0, 1, 4), Ran("d", 4, 5, 9, needs=["a"]), Ran("c", 4, 5, 6, needs=["a"]))
    found = compare(told(other), [told(FIRST)])
    assert changes(found) == {"d": "added", "b": "removed"}
    assert shares(found) == {
        ("d", "run"): 4 * S, ("d", "pending"): S, ("b", "run"): -4 * S, ("b", "pending"): -S
    }  # fmt: skip
    d, b = row(found, "d"), row(found, "b")
    assert (d["count_diff"], d["total_s_diff"], b["total_s_diff"], b["path_s_diff"]) == (1, 4, -4, -5)
    assert np.isnan([d["median_s_diff"], b["median_s_diff"]]).all(), "nothing to compare with"
    assert b["node"] is None


def test_what_comes_in_between_leaves_the_others_in_place() -> None:
    """`n` is new before `b`: neither `b` nor what needs it is another task by that."""
    short = built(Flow(9), Ran("a", 0, 0, 2), Ran("b", 2, 2, 5, needs=["a"]), Ran("c", 5, 5, 9, needs=["b"]))
    long = built(
        Flow(11), Ran("a", 0, 0, 2), Ran("n", 2, 2, 4, needs=["a"]), Ran("b", 4, 4, 7, needs=["n"]),
        Ran("c", 7, 7, 11, needs=["b"]),
    )  # fmt: skip
    found = compare(told(long), [told(short)])
    assert changes(found) == {"n": "added"}
    assert shares(found) == {("n", "run"): 2 * S}


def test_two_calls_of_one_task_are_two_rows() -> None:
    """`load` after `a`, and again after `b`: only the second got slower, in whatever order they start."""
    fast, slow = (
        built(
            Flow(20 + more), Ran("a", 0, 0, 2), Ran("b", 0, 0, 9),
            Ran("load1", second, second, second + 3, needs=["a"]), Ran("load2", 9, 9, 14 + more, needs=["b"]),
        )
        for more, second in ((0, 2), (4, 11))
    )  # fmt: skip
    found = compare(told(slow), [told(fast)])
    assert changes(found) == {}
    assert row(found, "load (after a)")["median_s_diff"] == 0
    assert row(found, "load (after b)")["median_s_diff"] == 4
    assert shares(found) == {("load (after b)", "run"): 4 * S}


def test_of_two_calls_the_one_that_is_gone_is_told() -> None:
    a, b = Ran("a", 0, 0, 2), Ran("b", 0, 0, 9)
    both = built(Flow(14), a, b, Ran("load1", 2, 2, 5, needs=["a"]), Ran("load2", 9, 9, 14, needs=["b"]))
    late = built(Flow(14), a, b, Ran("load2", 9, 9, 14, needs=["b"]))
    found = compare(told(late), [told(both)])
    assert changes(found) == {"load (after a)": "removed"}
    assert row(found, "load (after b)")["count_diff"] == 0


def test_what_moved_is_found_by_its_name() -> None:
    """`send` was called by the flow, now by a subflow: neither came nor went."""
    before = built(Flow(9), Ran("a", 0, 0, 2), Ran("send", 2, 2, 5, needs=["a"]))
    after = built(
        Flow(9), Ran("a", 0, 0, 2), Ran("sub", 2, 2, 6, subflow=True), Ran("send", 2, 3, 6, inside="sub")
    )  # fmt: skip
    found = compare(told(after), [told(before)])
    assert changes(found) == {"sub": "added", "send": "moved"}
    assert row(found, "send")["inside"] == "sub"


def test_namesakes_are_told_by_what_they_come_after() -> None:
    """`load` after `a` takes 10 s, after `b` 2 s; `setup` is new before both, and now `b` ends first."""
    one = built(
        Flow(15), Ran("a", 0, 0, 1), Ran("b", 0, 0, 2),
        Ran("load1", 1, 1, 11, needs=["a"]), Ran("load2", 2, 2, 4, needs=["b"]),
    )  # fmt: skip
    two = built(
        Flow(15), Ran("setup", 0, 0, 1), Ran("a", 1, 1, 3, needs=["setup"]), Ran("b", 1, 1, 2, needs=["setup"]),
        Ran("load2", 2, 2, 4, needs=["b"]), Ran("load1", 3, 3, 13, needs=["a"]),
    )  # fmt: skip
    found = compare(told(two), [told(one)])
    assert changes(found) == {"setup": "added"}
    assert (row(found, "load (after a)")["median_s_diff"], row(found, "load (after b)")["median_s_diff"]) == (0, 0)


def test_contents_of_subflows_are_told_apart_by_them() -> None:
    both = built(
        Flow(9), Ran("in", 0, 0, 4, subflow=True), Ran("out", 5, 5, 9, subflow=True),
        Ran("copy1", 1, 1, 3, inside="in"), Ran("copy2", 6, 6, 8, inside="out"),
    )  # fmt: skip
    one = built(Flow(4), Ran("in", 0, 0, 4, subflow=True), Ran("copy1", 1, 1, 3, inside="in"))
    found = compare(told(one), [told(both)])
    assert changes(found) == {"out": "removed", "copy (in out)": "removed"}
    assert row(found, "copy (in in)")["count"] == 1


def test_many_task_runs_are_one_row() -> None:
    many = [Ran(f"m{number:02d}", 0, number, number + 1.5) for number in range(6)]
    found = compare(told(built(Flow(8), *many)), [told(built(Flow(8), *many[:3], Ran("m03", 0, None, None)))])
    m = row(found, "m")
    assert (m["count"], m["count_other"], m["total_s"], m["total_s_other"]) == (6, 4, 9, 4.5)
    assert (m["median_s"], m["median_s_other"]) == (1.5, 1.5)
    assert m["node"] == "m05", "the one with most time on the path"


def test_a_run_beside_itself() -> None:
    found = compare(told(FIRST), [told(FIRST)])
    assert (found.diff_us, shares(found), changes(found)) == (0, {}, {})
    assert (found.tasks[[f"{name}_diff" for name in FIGURES]] == 0).all(axis=None)
    assert steps(found.shares).empty


def test_runs_that_have_not_started_or_have_no_tasks() -> None:
    empty = built(Flow(3))
    waiting = replace(empty, run=replace(empty.run, start=None, end=None, state_type="SCHEDULED"))
    assert shares(compare(told(empty), [told(waiting)])) == {(None, "flow"): 3 * S}
    found = compare(told(waiting), [told(FIRST)])
    assert set(changes(found).values()) == {"removed"}
    assert (found.this_us, found.diff_us) == (0, -12 * S)


# The waterfall


def test_small_steps_are_one() -> None:
    rows = [(at, "run", us, 0, us) for at, us in enumerate([50 * S, -30 * S, 9 * S, -7, 5, 3, 0])]
    given_ = pd.DataFrame(rows, columns=["row", "part", "this_us", "other_us", "diff_us"])
    told_ = ["row", "part", "diff_us", "of"]
    assert steps(given_)[told_].to_numpy().tolist() == [
        [0, "run", 50 * S, 1], [1, "run", -30 * S, 1], [2, "run", 9 * S, 1], [-1, ELSE, 1, 3]
    ]  # fmt: skip
    assert steps(given_, most=1)[told_].to_numpy().tolist() == [[0, "run", 50 * S, 1], [-1, ELSE, -21 * S + 1, 5]]
    assert steps(given_[:4])["part"].tolist() == ["run"] * 4, "one small step keeps its name"


NESTED = built(
    Flow(9), Ran("a", 0, 0, 4, subflow=True), Ran("d", 5, 5, 9, needs=["a"]), Ran("b1", 1, 1, 3, inside="a"),
    Ran("b2", 3, 3, 4, needs=["b1"], inside="a"), Ran("c", 0, None, None, needs=["d"], state="PENDING"),
)  # fmt: skip
DIAMOND = built(
    Flow(9), Ran("a", 0, 0, 4), Ran("b1", 4, 5, 9, needs=["a"]), Ran("b2", 4, 5, 7, waits_for=["a"]),
    Ran("b3", 0, 1, 2), Ran("e", 7, 7, 9, needs=["b2", "b3"]),
)  # fmt: skip
KNOWN = [(graph, critical_path(graph)) for graph in (FIRST, NESTED, DIAMOND, built(Flow(1)))]


@st.composite
def tilings(draw: st.DrawFn) -> Profile:
    """One of some graphs, its path replaced by any tiling of any span by any of its nodes and parts."""
    graph, path = draw(st.sampled_from(KNOWN))
    cuts = sorted({0, *draw(st.lists(st.integers(1, 10**12), max_size=25))})
    spans = list(pairwise(cuts))
    nodes = draw(st.lists(st.sampled_from([None, *graph.nodes.index]), min_size=len(spans), max_size=len(spans)))
    parts = draw(st.lists(st.sampled_from(PARTS), min_size=len(spans), max_size=len(spans)))
    base = np.datetime64(BEGIN.replace(tzinfo=None), "us")
    columns = {
        "node": np.array([*nodes, None], dtype="object")[:-1],
        "part": np.array(parts, dtype="object"),
        "start": np.array([base + start for start, _ in spans], dtype="datetime64[us]"),
        "end": np.array([base + end for _, end in spans], dtype="datetime64[us]"),
    }
    found = profile(graph, CriticalPath(table(columns, SEGMENTS), path.links, path.tasks, estimate=False))
    assert found.whole_us == cuts[-1]
    return found


def assert_adds_up(found: Comparison) -> None:
    assert int(found.shares["diff_us"].sum()) == found.diff_us
    for most in (1, 3, 12):
        assert int(steps(found.shares, most)["diff_us"].sum()) == found.diff_us
    assert (found.shares["this_us"] - found.shares["other_us"] == found.shares["diff_us"]).all()
    assert (int(found.shares["this_us"].sum()), int(found.shares["other_us"].sum())) == (found.this_us, found.other_us)
    assert found.tasks["task"].is_unique


@settings(max_examples=200, deadline=None)
@given(tilings(), tilings())
def test_the_parts_add_up(this: Profile, other: Profile) -> None:
    found = compare(this, [other])
    assert_adds_up(found)
    assert compare(other, [this]).diff_us == -found.diff_us
    assert found.tasks["count"].sum() == this.tasks["count"].sum()
    assert found.tasks["count_other"].sum() == other.tasks["count"].sum()
    came, went = (
        {name.split(" (")[0] for name, one in changes(found).items() if one == change}
        for change in ("added", "removed")
    )
    assert not came & went, "what is in both under one name is not new"


@settings(max_examples=25, deadline=None)
@given(graphs(), graphs())
def test_rows_that_no_good_server_sends(one: FlowRunGraph, two: FlowRunGraph) -> None:
    this, other = told(one), told(two)
    assert_adds_up(compare(this, [other]))
    assert_adds_up(compare(this, [other, this, other]))
    same = compare(this, [this])
    assert shares(same) == {}
    assert changes(same) == {}
    assert (same.tasks[[f"{name}_diff" for name in FIGURES]].fillna(0) == 0).all(axis=None)


# Many runs


def of(a: float, b: float | None, end: float) -> Profile:
    """`a` first, then `b` if there is one; they end at these seconds."""
    ran = [Ran("a", 0, 0, a)] + ([Ran("b", a, a, b, needs=["a"])] if b else [])
    return told(built(Flow(end), *ran))


def test_the_median_of_several() -> None:
    others = [of(2, 5, 10), of(3, 9, 20), of(4, 6, 14), of(9, 11, 12), of(5, None, 30)]
    assert median_run(others) == 2
    assert median_run(others[:4]) == 3, "the shorter of the middle two"
    found = compare(of(6, 16, 16), others)
    assert found.other_us == 14 * S
    a, b = row(found, "a"), row(found, "b")
    assert (a["median_s_other"], a["median_s_diff"]) == (4, 2)
    assert (b["median_s_other"], b["total_s_diff"]) == (2.5, 7.5)  # of 3, 6, 2 and 2
    assert changes(found) == {}
    assert shares(found) == {("a", "run"): 2 * S, ("b", "run"): 8 * S, (None, "flow"): -8 * S}
    assert_adds_up(found)


def test_what_few_runs_have_counts_as_added() -> None:
    few = [of(2, 5, 10), of(3, None, 9), of(3, None, 8)]
    assert changes(compare(of(2, 5, 10), few)) == {"b": "added"}
    many = [of(2, 5, 10), of(3, 5, 9), of(3, None, 9)]
    assert changes(compare(of(2, None, 10), many)) == {"b": "removed"}


# Parameters


@pytest.mark.parametrize(
    ("this", "other", "rows"),
    [
        ({"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1}, []),
        ({"a": 1}, {"b": None}, [("a", "added", "1", ""), ("b", "removed", "", "null")]),
        (
            {"a": {"a": {"a": {"a": {"a": {"a": {"b": 1, "c": 2}}}}}}},
            {"a": {"a": {"a": {"a": {"a": {"a": {"c": 2, "b": 1}}}}}}},
            [],
        ),
        ({"a": 1}, {"a": True}, [("a", "changed", "1", "true")]),
        ({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"c": 1, "d": 3}}}, [("a.b.d", "changed", "2", "3")]),
        ({"a": ["x", "y"]}, {"a": ["x", "ö"]}, [("a[1]", "changed", '"y"', '"ö"')]),
        ({"a": ["x"]}, {"a": ["x", "y"]}, [("a", "changed", '["x"]', '["x", "y"]')]),
        ({"a": {"b": 1}}, {"a": 1}, [("a", "changed", '{"b": 1}', "1")]),
        ({"a": {"": 1}}, {"a": {"": 2}}, [("a.", "changed", "1", "2")]),
    ],
)
def test_changed_parameters(this: dict[str, Any], other: dict[str, Any], rows: list[tuple[str, ...]]) -> None:
    assert list(changed_parameters(this, other).itertuples(index=False, name=None)) == rows


def test_long_and_deep_values_are_cut_where_they_differ() -> None:
    (long,) = changed_parameters({"a": "x" * 5000 + "1" + "z" * 900}, {"a": "x" * 5000 + "2"}).to_dict("records")
    assert max(len(long["this"]), len(long["other"])) <= 202
    assert ("1" in long["this"], "2" in long["other"]) == (True, True)
    deep: dict[str, Any] = {"leaf": 1}
    for _ in range(3000):
        deep = {"a": deep}
    assert len(changed_parameters({"p": deep}, {"p": 1})) == 1


def test_segments_in_microseconds() -> None:
    """Three times a third of a second: no digit is lost."""
    third = timedelta(microseconds=333_333)
    graph = built(Flow(third.total_seconds()), Ran("a", 0, 0, third.total_seconds()))
    assert compare(told(graph), [told(FIRST)]).diff_us == 333_333 - 12 * S
