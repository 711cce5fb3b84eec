"""Comparing two runs whose data is at hand, at 1,000 and 10,000 nodes; and one with the median of twenty others."""

from __future__ import annotations

from bench.computing import AS_OF, whole_run
from bench.figures import Figure, fastest
from flowdag.analysis.compare import compare, steps
from flowdag.analysis.critical_path import critical_path
from flowdag.analysis.profile import Profile, profile
from flowdag.model import FlowRunGraph
from flowdag.prefect_api.assemble import assemble

SIZES = (1_000, 10_000)
AT_MOST_S = 0.5  # at 10,000 nodes
MANY = 20


def measure() -> list[Figure]:
    """Seconds from two graphs with their paths to what differs, best of 3; with the paths; and against many."""
    figures = []
    for size in SIZES:
        graphs = [assemble(whole_run(nodes), AS_OF) for nodes in (size, size + 7)]
        paths = [critical_path(graph) for graph in graphs]
        took, known = fastest(lambda g=graphs, p=paths: _compared(list(map(profile, g, p))), 3)
        with_paths, _ = fastest(lambda g=graphs: _compared(list(map(_with_path, g))), 3)
        many, _ = fastest(lambda k=known: compare(k[0], [k[1]] * MANY), 3)
        demand = f"at most {AT_MOST_S} s" if size == SIZES[-1] else None
        holds = took <= AT_MOST_S if demand else None
        figures += [
            Figure("comparing", "compare", size, took, "s", must=demand, holds=holds),
            Figure("comparing", "with both paths", size, with_paths, "s"),
            Figure("comparing", f"with {MANY} known", size, many, "s"),
        ]
    return figures


def _with_path(graph: FlowRunGraph) -> Profile:
    return profile(graph, critical_path(graph))


def _compared(profiles: list[Profile]) -> list[Profile]:
    """What the page needs of two runs; their profiles are given back."""
    steps(compare(profiles[0], profiles[1:]).shares)
    return profiles
