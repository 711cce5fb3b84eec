"""Positions on a line that keep an order and distances."""

from __future__ import annotations

from collections.abc import Sequence


def spread(wanted: Sequence[float], apart: Sequence[float], weight: Sequence[float] | None = None) -> list[float]:
    """The positions nearest to those wanted (weighted least squares), each at least `apart` from the one before it.

    Isotonic regression by pooling adjacent violators, linear. The first of `apart` says nothing.
    """
    offsets, at = [], 0.0
    for index, distance in enumerate(apart):
        at += distance if index else 0.0
        offsets.append(at)
    pools: list[tuple[float, float, int]] = []
    for index, (want, offset) in enumerate(zip(wanted, offsets, strict=True)):
        mean, mass, count = want - offset, weight[index] if weight else 1.0, 1
        while pools and pools[-1][0] > mean:
            last, heavy, members = pools.pop()
            mean = (last * heavy + mean * mass) / (heavy + mass)
            mass, count = heavy + mass, members + count
        pools.append((mean, mass, count))
    level = [mean for mean, _, count in pools for _ in range(count)]
    return [base + offset for base, offset in zip(level, offsets, strict=True)]
