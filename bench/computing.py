"""Computing a run's graph, picture, layout and tables, at 1,000 to 100,000 nodes with three edges each."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID

import orjson

from bench.figures import Figure, fastest
from flowdag.analysis.critical_path import critical_path
from flowdag.analysis.grouping import picture
from flowdag.analysis.layout import best_layout
from flowdag.analysis.timings import by_task_name, by_task_run
from flowdag.model import FlowRun
from flowdag.prefect_api.assemble import Raw, assemble

SIZES = (1_000, 10_000, 100_000)
AT_MOST_S, AT_MOST_TIMES = 0.3, 12  # at 10,000 nodes, without the path; how many times that at 100,000
PATH_AT_MOST_S = 0.3  # path, slack and savings, at 10,000 nodes
LAYERS, INSIDE = 10, 20  # two task names a layer; one node in a thousand is a subflow with twenty tasks
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
AS_OF = BEGIN + timedelta(days=1)
RUN = FlowRun(
    "the-run", "run", "f", "flow", "COMPLETED", "Completed", start=BEGIN, end=BEGIN + timedelta(hours=1), attempts=1
)


def measure() -> list[Figure]:
    """Seconds of each step (best of 3), their sum, and the most memory that it takes."""
    figures: list[Figure] = []
    sums: dict[int, float] = {}
    for size in SIZES:
        raw = whole_run(size)
        took = steps(raw, 3)
        sums[size] = sum(seconds for step, seconds in took.items() if step != "path")
        figures += [figure_of(step, size, seconds) for step, seconds in took.items()]
        figures += [in_all(size, sums), Figure("computing", "memory", size, memory(raw), "MB")]
    return figures


def steps(raw: Raw, times: int) -> dict[str, float]:
    """Seconds by step."""
    assembling, graph = fastest(lambda: assemble(raw, AS_OF), times)
    grouping, boxes = fastest(lambda: picture(graph), times)
    laying_out, _ = fastest(lambda: best_layout(boxes), times)
    finding, path = fastest(lambda: critical_path(graph), times)
    timing, _ = fastest(lambda: (by_task_run(graph, path), by_task_name(graph, path)), times)
    return {"assemble": assembling, "group": grouping, "layout": laying_out, "path": finding, "timings": timing}


def figure_of(step: str, size: int, seconds: float) -> Figure:
    """One step; path, slack and savings have a demand of their own."""
    if (step, size) == ("path", 10_000):
        must = f"at most {PATH_AT_MOST_S} s"
        return Figure("computing", step, size, seconds, "s", must=must, holds=seconds <= PATH_AT_MOST_S)
    return Figure("computing", step, size, seconds, "s")


def in_all(size: int, sums: dict[int, float]) -> Figure:
    took = sums[size]
    if size == 10_000:
        must = f"at most {AT_MOST_S} s"
        return Figure("computing", "in all", size, took, "s", must=must, holds=took <= AT_MOST_S)
    if size == 100_000:
        ratio = took / sums[10_000]
        must = f"at most {AT_MOST_TIMES} times"
        return Figure("computing", "in all", size, took, "s", "10,000 nodes", ratio, must, ratio <= AT_MOST_TIMES)
    return Figure("computing", "in all", size, took, "s")


def memory(raw: Raw) -> float:
    """Megabytes that are held at most while all is computed, beyond the rows."""
    tracemalloc.start()
    steps(raw, 1)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 1e6


# --- the run ---------------------------------------------------------------------------------------------------------


def whole_run(size: int) -> Raw:
    """A run of about this many nodes, as its rows come out of the server's JSON."""
    draw = Random(size)
    task_runs: list[dict[str, Any]] = []
    subflows: list[dict[str, Any]] = []
    wrappers = size // 1_000
    task_runs += layered_tasks(draw, RUN.id, size - wrappers * (INSIDE + 1), LAYERS)
    last = task_runs[-size // LAYERS // 3 :]
    for number in range(wrappers):
        wrapper = task_run(draw, RUN.id, f"part-{number % 2}", LAYERS * 60, draw.sample(last, 3))
        subflow = {
            "id": str(new_id(draw)),
            "name": f"sub-{number}",
            "flow_id": "sub",
            "parent_task_run_id": wrapper["id"],
            **{key: wrapper[key] for key in SHARED},
        }
        subflows.append(subflow)
        task_runs += [wrapper, *layered_tasks(draw, subflow["id"], INSIDE, 4)]
    decoded = orjson.loads(orjson.dumps(task_runs))  # as strings of their own, as the server's answers give them
    return Raw(RUN, subflows, decoded, {"sub": "part"})


SHARED = ("state_type", "state_name", "expected_start_time", "start_time", "end_time", "run_count", "total_run_time")


def layered_tasks(draw: Random, flow_run_id: str, count: int, layers: int) -> list[dict[str, Any]]:
    """Task runs of two names a layer; each takes two results of its namesakes above, and one of the others."""
    found: list[dict[str, Any]] = []
    above: list[list[dict[str, Any]]] = [[], []]
    ends = [0, *(layers + (count - layers) * layer // (layers - 1) for layer in range(layers))]  # few have no inputs
    for layer, (begin, end) in enumerate(pairwise(ends)):
        here: list[list[dict[str, Any]]] = [[], []]
        for at in range(begin, end):
            own, other = above[at % 2], above[1 - at % 2]
            inputs = [*draw.sample(own, min(2, len(own))), *draw.sample(other, min(1, len(other)))]
            here[at % 2].append(task_run(draw, flow_run_id, f"step-{layer}-{'ab'[at % 2]}", layer * 60, inputs))
        found += here[0] + here[1]
        above = here
    return found


def task_run(draw: Random, flow_run_id: str, name: str, second: float, inputs: list[dict[str, Any]]) -> dict[str, Any]:
    """One task run with the fields that a Prefect 3.8 server tells."""
    number = str(new_id(draw))
    start = second + draw.random() * 20
    end = start + draw.random() * 30
    state = {"id": number, "type": "COMPLETED", "name": "Completed", "timestamp": at(end), "message": None}
    return {
        "id": str(new_id(draw)),
        "created": at(second),
        "updated": at(end + 2),
        "name": f"{name}-{number[:3]}",
        "flow_run_id": flow_run_id,
        "task_key": f"{name}-0a1b2c3d",
        "dynamic_key": number,
        "state_id": number,
        "tags": ["bench", name],
        "task_inputs": {
            "data": [{"input_type": "task_run", "id": given["id"]} for given in inputs[:2]],
            "wait_for": [{"input_type": "task_run", "id": given["id"]} for given in inputs[2:]],
        },
        "state_type": "COMPLETED",
        "state_name": "Completed",
        "run_count": 1,
        "flow_run_run_count": 1,
        "expected_start_time": at(second),
        "start_time": at(start),
        "end_time": at(end),
        "total_run_time": end - start,
        "state": state,
    }


def new_id(draw: Random) -> UUID:
    return UUID(int=draw.getrandbits(128), version=4)


def at(second: float) -> str:
    return (BEGIN + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")
