"""flowdag: self-service insight into Prefect flow runs. This is the public API, and nothing else."""

from flowdag.errors import FlowdagError
from flowdag.model import FlowRun, FlowRunGraph
from flowdag.prefect_api.graph_v2 import GraphAnswer, read_flow_run_graph
from flowdag.prefect_api.read_run import read_run
from flowdag.tenants import Scope, Tenant, load_tenants

__all__ = [
    "FlowRun",
    "FlowRunGraph",
    "FlowdagError",
    "GraphAnswer",
    "Scope",
    "Tenant",
    "load_tenants",
    "read_flow_run_graph",
    "read_run",
]
