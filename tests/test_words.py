"""Figures in words: what a rounded figure says must still be so."""

from __future__ import annotations

import pytest

from flowdag.looks.words import moment, percent


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (0, "0 %"), (0.0004, "< 0.1 %"), (0.034, "3.4 %"), (0.62, "62 %"), (0.994, "99 %"), (0.997, "> 99 %"),
        (1, "100 %"), (0.1 * 3 + 0.7, "100 %"), (1.62, "162 %"),
    ],
)  # fmt: skip
def test_percent(part: float, words: str) -> None:
    assert percent(part) == words


@pytest.mark.parametrize(("seconds", "words"), [(2.5, "2.5 s"), (90, "1:30 min"), (-90, "-1:30 min"), (7500, "2:05 h")])
def test_moment(seconds: float, words: str) -> None:
    assert moment(seconds) == words
