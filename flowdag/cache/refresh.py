"""Reading a run anew: its graph, and the runs before it that it is compared with."""

from __future__ import annotations

from flowdag.cache.compare import good_runs
from flowdag.cache.graphs import forget_graph
from flowdag.cache.usual import forget_before


def refresh_run(tenant_id: str, run_id: str) -> None:
    """Forget what was read of this run and of those before it."""
    forget_graph(tenant_id, run_id)
    forget_before(tenant_id, run_id)
    good_runs.clear(tenant_id, run_id)
