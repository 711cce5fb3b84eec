"""Search and filters: what matches, alone and together."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdag.analysis.matching import Filter, matching
from flowdag.model import FlowRunGraph
from tests.hostile import LABELS, graphs

NODES = pd.DataFrame(
    [
        ("t1", "extract-Nord", "extract", "COMPLETED", "Completed", ("prod", "eu"), 4.0),
        ("t2", "extract-Süd", "extract", "COMPLETED", "Cached", ("prod",), 0.01),
        ("t3", "convert-0", "convert", "FAILED", "TimedOut", ("eu", "gpu"), 60.0),
        ("t4", "STRASSE", "clean", "FAILED", "Failed", (), 61.5),
        ("t5", "send", "send", "PENDING", "NotReady", ("prod",), math.nan),
        ("7f3a-b2", "load [eu]", "load-warehouse", "SCHEDULED", "AwaitingRetry", ("product",), 5.0),
    ],
    columns=["id", "label", "task_name", "state_type", "state_name", "tags", "wall_s"],
).set_index("id")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Filter(), ["t1", "t2", "t3", "t4", "t5", "7f3a-b2"]),
        (Filter(text="  "), ["t1", "t2", "t3", "t4", "t5", "7f3a-b2"]),
        (Filter(text="extract"), ["t1", "t2"]),
        (Filter(text="SÜD"), ["t2"]),
        (Filter(text="straße"), ["t4"]),
        (Filter(text="nord extract"), ["t1"]),
        (Filter(text="nord clean"), []),
        (Filter(text="7f3a"), ["7f3a-b2"]),
        (Filter(text="warehouse b2"), ["7f3a-b2"]),
        (Filter(text="[eu]"), ["7f3a-b2"]),
        (Filter(text=".*"), []),
        (Filter(text="sendsend"), []),
        (Filter(states=("Failed",)), ["t3", "t4"]),
        (Filter(states=("TimedOut",)), ["t3"]),
        (Filter(states=("Cached", "NotReady")), ["t2", "t5"]),
        (Filter(states=("Completed",)), ["t1", "t2"]),
        (Filter(states=("Running",)), []),
        (Filter(tags=("prod",)), ["t1", "t2", "t5"]),
        (Filter(tags=("prod", "eu")), ["t1"]),
        (Filter(longer_than_s=5.0), ["t3", "t4"]),
        (Filter(longer_than_s=0.0), ["t1", "t2", "t3", "t4", "7f3a-b2"]),
        (Filter(text="e", states=("Failed", "Completed"), tags=("eu",), longer_than_s=3), ["t1", "t3"]),
    ],
)
def test_what_matches(wanted: Filter, expected: list[str]) -> None:
    assert list(matching(NODES, wanted)) == expected


def test_a_filter_is_empty_as_long_as_nothing_is_asked_for() -> None:
    assert Filter().is_empty
    assert Filter(text=" \t").is_empty
    for wanted in (Filter(text="a"), Filter(states=("Failed",)), Filter(tags=("a",)), Filter(longer_than_s=0)):
        assert not wanted.is_empty


filters = st.builds(
    Filter,
    text=st.sampled_from(["", "a", "t1", "IMG src", "名", "\u202e", "0"]),
    states=st.lists(st.sampled_from(["Completed", "Cached", "Failed", "Pending"]), max_size=2).map(tuple),
    tags=st.lists(st.sampled_from(LABELS), max_size=2).map(tuple),
    longer_than_s=st.one_of(st.none(), st.floats(0, 500)),
)


@settings(max_examples=60, deadline=None)
@given(graph=graphs(), wanted=filters)
def test_all_that_is_asked_for_must_hold(graph: FlowRunGraph, wanted: Filter) -> None:
    expected = [
        row.Index
        for row in graph.nodes.itertuples()
        if all(
            any(word in str(text).casefold() for text in (row.label, row.task_name, row.Index))
            for word in wanted.text.casefold().split()
        )
        and (not wanted.states or {row.state_name, row.state_type.title()} & {*wanted.states})
        and {*wanted.tags} <= {*row.tags}
        and (wanted.longer_than_s is None or row.wall_s > wanted.longer_than_s)
    ]
    assert list(matching(graph.nodes, wanted)) == expected
