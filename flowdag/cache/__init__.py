"""What the pages ask for, cached: the only st.cache_data and st.cache_resource functions.

Every cached function takes the tenant's id first and reads nothing about the viewer: two viewers share an entry only
when they may see the same. Finished and settled runs are kept long, others for seconds. What is reached by id passes
the scope gate (`graphs.gate`) here, so that no page can forget it.
"""

from flowdag.cache.compare import Compared, compared, good_runs, profile
from flowdag.cache.connection import tenants
from flowdag.cache.drawings import critical_path, drawing, drawing_of_now, timings
from flowdag.cache.failures import failed_first, failures, lines_of_failure
from flowdag.cache.graphs import flow_run, look
from flowdag.cache.logs import (
    Asked,
    LogFile,
    first_error,
    further_lines,
    last_lines,
    log_file,
    members,
    tail,
    task_names,
)
from flowdag.cache.refresh import refresh_run
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
from flowdag.cache.timelines import timeline, timeline_rows
from flowdag.cache.usual import runs_before, usual

__all__ = [
    "Asked",
    "Compared",
    "LogFile",
    "artifacts_of",
    "compared",
    "critical_path",
    "deployment_names",
    "drawing",
    "drawing_of_now",
    "failed_first",
    "failures",
    "first_error",
    "flow_names",
    "flow_run",
    "further_lines",
    "good_runs",
    "last_lines",
    "lines_of_failure",
    "log_file",
    "log_lines",
    "look",
    "members",
    "profile",
    "refresh_run",
    "refresh_runs",
    "run_count",
    "running_at",
    "runs",
    "runs_before",
    "tail",
    "task_counts",
    "task_names",
    "tenants",
    "timeline",
    "timeline_rows",
    "timings",
    "usual",
]
