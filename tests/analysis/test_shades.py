"""Classes to colour by: durations between steps that people count in, and tags; and the colours they get."""

from __future__ import annotations

import math
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdag.analysis.shades import STEPS, duration_classes, shared_classes, tag_classes
from flowdag.ui.shading import DURATIONS, NONE, TAGS, by_duration, by_tag

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


def test_medians_of_groups_are_classed_among_all_nodes() -> None:
    every = pd.Series([0.5, 1.5, 3, 7, 15])
    medians, breaks = duration_classes(pd.Series([3.0, 100.0], index=["group", "other"]), every)
    assert dict(medians) == {"group": 2, "other": 4}
    assert breaks == pytest.approx((1, 2, 5, 10))


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


def test_a_group_is_in_the_class_of_most_of_its_members() -> None:
    classes = pd.Series({"a": 2, "b": 2, "c": 0, "d": -1, "e": -1, "f": 3, "g": 1, "h": -1, "i": 5})
    boxes = {"a": "x", "b": "x", "c": "x", "d": "y", "e": "y", "f": "y", "g": "z", "h": "z", "nowhere": "z"}
    assert dict(shared_classes(classes, boxes)) == {"x": 2, "y": -1, "z": 1}
    assert shared_classes(classes, {}).empty


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("dark", "page"), [(False, "#FFFFFF"), (True, "#14161C")])
def test_every_shade_can_be_read_and_seen(dark: bool, page: str) -> None:
    assert contrast("#FFFFFF", "#777777") == pytest.approx(4.48, abs=0.01)  # a known pair
    for fill, border, text in (*DURATIONS[dark], *TAGS[dark], NONE[dark]):
        assert contrast(fill, text) >= 4.5, fill
        assert contrast(border, page) >= 3 or contrast(fill, page) >= 3, fill


@pytest.mark.parametrize("dark", [False, True])
def test_lightness_alone_tells_durations_apart(dark: bool) -> None:
    shades = [luminance(fill) for fill, _, _ in DURATIONS[dark]]
    assert shades == sorted(shades, reverse=not dark)
    fills = [fill for fill, _, _ in DURATIONS[dark]]
    assert all(contrast(*pair) >= 1.25 for pair in pairwise(fills))


# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB
BLIND = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}  # fmt: skip


def lab(colour: str, eyes: str) -> np.ndarray:
    """CIE Lab (D65) of a colour as these eyes see it."""
    part = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.clip(BLIND[eyes] @ np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4), 0, 1)
    to_xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                       [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
    xyz = to_xyz @ linear / np.array([0.95047, 1.0, 1.08883])
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eyes", BLIND)
@pytest.mark.parametrize("dark", [False, True])
def test_colour_blind_eyes_tell_tags_apart(dark: bool, eyes: str) -> None:
    seen = [lab(fill, eyes) for fill, _, _ in TAGS[dark]]
    apart = min(float(np.linalg.norm(one - other)) for one, other in combinations(seen, 2))
    assert apart > 9  # 2.3 is the least that people see side by side


def test_shades_say_what_they_mean() -> None:
    classes = pd.Series({"a": 0, "b": 4, "c": -1, "d": 2, "e": 2})
    shading = by_duration(classes, (0.5, 1.0, 60.0, 7200.0), dark=False)
    assert [words for _, words in shading.legend] == ["under 500 ms", "1 s to 1 min", "over 2 h", "not started"]
    assert {box: look.word for box, look in shading.looks.items()} == {
        "a": "under 500 ms", "b": "over 2 h", "c": "not started", "d": "1 s to 1 min", "e": "1 s to 1 min"
    }  # fmt: skip
    assert shading.looks["d"].fill == DURATIONS[False][2][0]
    assert shading.looks["c"].fill == NONE[False][0]


def test_shades_of_tags_are_their_names() -> None:
    tagged = by_tag(pd.Series({"a": 1, "b": -1}), ("prod", "eu\u202e\n" + "x" * 99), dark=True)
    assert [words for _, words in tagged.legend] == ["eu " + "x" * 15 + "…" + "x" * 9, "no tag"]
    assert tagged.looks["a"].fill == TAGS[True][1][0]
    many = by_tag(pd.Series({"a": -1}), tuple("abcdefg"), dark=True)
    assert [words for _, words in many.legend] == ["another tag, or none"]
    assert by_tag(pd.Series(dtype="int64"), (), dark=False).legend == ()
