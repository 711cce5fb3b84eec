"""What a node needs and what needs it: on a graph drawn by hand, and against a plain recursion on any graph."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdag.analysis.lineage import downstream, upstream

Side = Callable[..., frozenset[str]]

#   extract ──► ┌ load ─────────────────────┐ ──► publish ──► tell
#               │ stage ──► merge           │        ▲
#               │ check   ┌ audit ────────┐ │        │
#               │ merge ──► count   sum   │ │     holidays
#               │         └───────────────┘ │
#               └───────────────────────────┘
INSIDE = {"stage": "load", "merge": "load", "check": "load", "audit": "load", "count": "audit", "sum": "audit"}
LINKS = [
    ("extract", "load"), ("load", "publish"), ("publish", "tell"), ("holidays", "publish"), ("stage", "merge"),
    ("merge", "count"),
]  # fmt: skip
LOAD = {"load", "stage", "merge", "check", "audit", "count", "sum"}


def frames(names: list[str], inside: dict[str, str], links: list[tuple[str, str]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    nodes = pd.DataFrame({"container": [inside.get(name) for name in names]}, index=names, dtype="object")
    return nodes, pd.DataFrame(links, columns=["source", "target"], dtype="object")


NODES, EDGES = frames(["extract", "holidays", *sorted(LOAD), "publish", "tell"], INSIDE, LINKS)


@pytest.mark.parametrize(
    ("side", "start", "depth", "expected"),
    [
        (upstream, "extract", None, {"extract"}),
        # merge runs inside load, and load needed extract; check, audit and sum have nothing to do with merge
        (upstream, "merge", None, {"merge", "stage", "load", "extract"}),
        (upstream, "check", None, {"check", "load", "extract"}),
        # two containers around it, and an edge of its own
        (upstream, "count", None, {"count", "audit", "merge", "stage", "load", "extract"}),
        (upstream, "sum", None, {"sum", "audit", "load", "extract"}),
        # publish needs load, and with it all that ran inside
        (upstream, "publish", None, {"publish", "holidays", "extract"} | LOAD),
        (upstream, "load", None, LOAD | {"extract"}),
        (upstream, "tell", 0, {"tell"}),
        (upstream, "tell", 1, {"tell", "publish"}),
        (upstream, "tell", 2, {"tell", "publish", "holidays"} | LOAD),
        (upstream, "tell", 3, {"tell", "publish", "holidays", "extract"} | LOAD),
        (downstream, "extract", None, {"extract", "publish", "tell"} | LOAD),
        (downstream, "extract", 1, {"extract"} | LOAD),
        # what stage made went into load's end, which publish waited for; check ran beside it
        (downstream, "stage", None, {"stage", "merge", "count", "audit", "load", "publish", "tell"}),
        (downstream, "stage", 1, {"stage", "merge", "load", "publish"}),
        (downstream, "sum", 0, {"sum", "audit", "load"}),
        (downstream, "sum", None, {"sum", "audit", "load", "publish", "tell"}),
        (downstream, "holidays", None, {"holidays", "publish", "tell"}),
    ],
)
def test_lineage_of_the_drawn_graph(side: Side, start: str, depth: int | None, expected: set[str]) -> None:
    assert side(NODES, EDGES, [start], depth) == expected


def test_lineage_of_several_is_that_of_each() -> None:
    both = upstream(NODES, EDGES, ["check", "stage", "nowhere"])
    assert both == {"check", "stage", "load", "extract"}
    assert upstream(NODES, EDGES, []) == frozenset()
    assert upstream(*frames([], {}, []), ["a"]) == frozenset()


def test_an_edge_between_a_container_and_what_ran_inside_it_opens_nothing_else() -> None:
    nodes, edges = frames(["c", "x", "deep", "y", "after"], {"x": "c", "deep": "x", "y": "c"},
                          [("c", "deep"), ("y", "c"), ("c", "after")])  # fmt: skip
    assert upstream(nodes, edges, ["deep"]) == {"deep", "x", "c"}
    assert downstream(nodes, edges, ["y"]) == {"y", "c", "after"}


def test_a_long_chain_and_deep_nesting_are_no_trouble() -> None:
    names = [f"n{number:05d}" for number in range(20_000)]
    chain = frames(names, {}, list(pairwise(names)))
    assert upstream(*chain, [names[-1]]) == set(names)
    assert downstream(*chain, [names[100]], 50) == set(names[100:151])
    nested = frames(names[:2_000], dict(zip(names[1:2_000], names, strict=False)), [])
    assert downstream(*nested, [names[0]]) == set(names[:2_000])


@st.composite
def any_lineage(draw: st.DrawFn) -> tuple[list[str], dict[str, str], list[tuple[str, str]]]:
    """Up to nine nodes, some inside others; edges along the order of names, or any (cycles, self loops, nested)."""
    names = [*"abcdefghi"[: draw(st.integers(1, 9))]]
    inside = {name: draw(st.sampled_from(names[:at])) for at, name in enumerate(names) if at and draw(st.booleans())}
    pairs = draw(st.lists(st.tuples(st.sampled_from(names), st.sampled_from(names)), max_size=14, unique=True))
    return names, inside, sorted({(min(pair), max(pair)) for pair in pairs}) if draw(st.booleans()) else pairs


@settings(max_examples=150, deadline=None)
@given(drawn=any_lineage(), data=st.data())
def test_lineage_is_what_the_rules_say(
    drawn: tuple[list[str], dict[str, str], list[tuple[str, str]]], data: st.DataObject
) -> None:
    names, inside, links = drawn
    start = data.draw(st.lists(st.sampled_from(names), max_size=2))
    depth = data.draw(st.one_of(st.none(), st.integers(0, 5)))
    turned = [(target, source) for source, target in links]
    assert downstream(*frames(names, inside, links), start, depth) == by_the_rules(inside, links, start, depth)
    assert upstream(*frames(names, inside, links), start, depth) == by_the_rules(inside, turned, start, depth)


def by_the_rules(inside: dict[str, str], links: list[tuple[str, str]], start: list[str], depth: int | None) -> set[str]:
    """The rules as a recursion over all ways, longest as there are nodes: slow, and nothing else."""
    steps = len(inside) + len(links) + 1 if depth is None else depth
    seen: set[tuple[str, bool, int]] = set()

    def around(node: str) -> list[str]:
        return [inside[node], *around(inside[node])] if node in inside else []

    def go(node: str, whole: bool, left: int) -> None:
        if (node, whole, left) in seen:
            return
        seen.add((node, whole, left))
        if node in inside:
            go(inside[node], False, left)
        if whole:
            for inner in [inner for inner, outer in inside.items() if outer == node]:
                go(inner, True, left)
        for source, target in links:
            if source == node and left and source not in around(target) and target not in around(source):
                go(target, True, left - 1)

    for node in start:
        go(node, True, steps)
    return {node for node, _, _ in seen}
