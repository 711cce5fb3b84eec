"""What the pages ask for, cached: the only st.cache_data and st.cache_resource functions.

Every cached function takes the tenant's id first and reads nothing about the viewer: two viewers share an entry only
when they may see the same. Finished and settled runs are kept long, others for seconds. What is reached by id passes
the scope gate (`graphs.gate`) here, so that no page can forget it.
"""

from flowdag.cache.connection import tenants
from flowdag.cache.drawings import critical_path, drawing, drawing_of_now, timings
from flowdag.cache.graphs import flow_run, look, refresh_run
from flowdag.cache.runs import (
    deployment_names,
    flow_names,
    refresh_runs,
    run_count,
    running_at,
    runs,
    task_counts,
)
from flowdag.cache.task_details import artifacts_of, log_lines

__all__ = [
    "artifacts_of",
    "critical_path",
    "deployment_names",
    "drawing",
    "drawing_of_now",
    "flow_names",
    "flow_run",
    "log_lines",
    "look",
    "refresh_run",
    "refresh_runs",
    "run_count",
    "running_at",
    "runs",
    "task_counts",
    "tenants",
    "timings",
]
