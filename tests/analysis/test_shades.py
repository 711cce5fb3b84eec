"""Classes to colour by: durations between steps that people count in, and tags; and the colours they get."""

from __future__ import annotations

import math
from itertools import combinations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdag.analysis.shades import STEPS, duration_classes, tag_classes

seconds = st.one_of(
    st.just(math.nan),
    st.sampled_from(STEPS),
    st.floats(0, 1e7, allow_nan=False),
    st.floats(-4, 7, allow_nan=False).map(lambda power: 10.0**power),
)


@pytest.mark.parametrize(
    ("values", "classes", "breaks"),
    [
        ([0.5, 1.5, 3, 7, 15], [0, 1, 2, 3, 4], (1, 2, 5, 10)),
        ([15, 1.0, 2.0, 0.999, 5.0, 9.99], [4, 1, 2, 0, 3, 3], (1, 2, 5, 10)),
        # two values tell nothing about the steps between them: the nine cells are parted 1, 2, 2, 2, 2
        ([300, 0.5], [4, 0], (1, 5, 20, 120)),
        # all alike: the middle class, with the next steps around
        ([1.2, 1.2, 1.9], [2, 2, 2], (0.5, 1, 2, 5)),
        ([math.nan, 1.2], [-1, 2], (0.5, 1, 2, 5)),
        ([0.0, 0.0], [0, 0], (0.001, 0.002, 0.005, 0.01)),
        ([1e9], [4], (36000, 72000, 180000, 360000)),
        ([math.nan], [-1], (1, 2, 5, 10)),
        ([], [], (1, 2, 5, 10)),
    ],
)  # fmt: skip
def test_durations_of_a_run(values: list[float], classes: list[int], breaks: tuple[float, ...]) -> None:
    index = [f"n{number}" for number in range(len(values))]
    found, between = duration_classes(pd.Series(values, index=index, dtype="float64"))
    assert dict(found) == dict(zip(index, classes, strict=True))
    assert between == pytest.approx(breaks)


@settings(max_examples=100, deadline=None)
@given(st.lists(seconds, max_size=30))
def test_every_duration_lies_between_the_breaks_of_its_class(values: list[float]) -> None:
    classes, breaks = duration_classes(pd.Series(values, dtype="float64"))
    assert len(classes) == len(values)
    assert len(breaks) == 4
    assert list(breaks) == sorted(set(breaks))
    assert set(breaks) <= set(STEPS)
    bounds = [-math.inf, *breaks, math.inf]
    for value, number in zip(values, classes, strict=True):
        if math.isnan(value):
            assert number == -1
        else:
            assert bounds[number] <= value < bounds[number + 1]


@settings(max_examples=12, deadline=None)
@given(st.lists(st.floats(-2, 5, allow_nan=False).map(lambda power: 10.0**power), min_size=1, max_size=8))
def test_no_other_steps_would_fill_more_classes(values: list[float]) -> None:
    classes, _ = duration_classes(pd.Series(values))
    most = max(len({sum(value >= one for one in breaks) for value in values}) for breaks in combinations(STEPS, 4))
    assert classes.nunique() == most


def test_a_node_shows_its_rarest_tag_among_the_frequent_ones() -> None:
    tags = pd.Series(
        [("prod", "gpu"), ("prod",), ("prod", "prod", "once"), ("gpu", "b"), ("a",), ("a", "b"), ()], index=[*"tuvwxyz"]
    )
    classes, chosen = tag_classes(tags, most=4)
    assert chosen == ("prod", "a", "b", "gpu")  # three, then two each, by name; "once" is a fifth
    assert dict(classes) == {"t": 3, "u": 0, "v": 0, "w": 3, "x": 1, "y": 2, "z": -1}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefghij"), max_size=4).map(tuple), max_size=20), st.integers(1, 7))
def test_tags_are_classed_by_how_frequent_they_are(tags: list[tuple[str, ...]], most: int) -> None:
    classes, chosen = tag_classes(pd.Series(tags, dtype="object"), most)
    counts = [sum(tag in some for some in tags) for tag in chosen]
    assert counts == sorted(counts, reverse=True)
    assert len(chosen) == min(most, len({tag for some in tags for tag in some}))
    for some, number in zip(tags, classes, strict=True):
        if number >= 0:
            assert chosen[number] in some
        assert not {*some} & {*chosen[number + 1 :]}
