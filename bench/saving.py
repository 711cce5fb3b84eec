"""What a shorter task saves: predicted from one run, and what another run with that task halved really gained."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anyio

from bench.figures import Figure
from bench.saving_flow import SECONDS
from flowdag.analysis.critical_path import critical_path
from flowdag.demo.processes import clean_env
from flowdag.demo.server import embedded_server
from flowdag.model import FlowRunGraph
from flowdag.prefect_api.client import connect
from flowdag.prefect_api.read_run import read_run
from flowdag.tenants import Tenant

ROOT = Path(__file__).resolve().parent.parent
PLENTY, FEW = 16, 2
AT_MOST, SETTLED_S = 0.05, 15


def measure() -> list[Figure]:
    """The largest and mean error of the predictions for all tasks, as parts of the run: with 16 workers, and with 2."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="flowdag-saving-") as folder, embedded_server(Path(folder)) as api_url:
        for workers in (PLENTY, FEW):
            errors = _errors(api_url, Path(folder), workers)
            worst, mean = max(errors), sum(errors) / len(errors)
            demand = f"at most {AT_MOST}" if workers == PLENTY else None
            holds = worst <= AT_MOST if demand else None
            what = f"largest error, {workers} workers"
            figures += [
                Figure("saving", what, len(errors), worst, "of the run", must=demand, holds=holds),
                Figure("saving", f"mean error, {workers} workers", len(errors), mean, "of the run"),
            ]
    return figures


def _errors(api_url: str, folder: Path, workers: int) -> list[float]:
    """By task: how far the predicted saving is from the gained one. Warmed up by a run that does not count."""
    env = clean_env(folder / "runs", PREFECT_API_URL=api_url, PYTHONPATH=str(ROOT))
    command = [sys.executable, "-m", "bench.saving_flow", str(workers), "-", "-", *SECONDS]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=True)
    time.sleep(SETTLED_S)
    _, whole, *halved = (_graph(api_url, run_id) for run_id in done.stdout.split())
    saved = critical_path(whole).tasks["save_half_s"].groupby(whole.nodes["label"]).first()
    took = _seconds(whole)
    return [
        abs(float(saved[task]) - (took - _seconds(graph))) / took for task, graph in zip(SECONDS, halved, strict=True)
    ]


def _graph(api_url: str, run_id: str) -> FlowRunGraph:
    async def read() -> FlowRunGraph:
        async with connect(Tenant(slug="bench", title="Bench", api_url=api_url)) as client:
            return await read_run(client, run_id)

    return anyio.run(read)


def _seconds(graph: FlowRunGraph) -> float:
    assert graph.run.start
    assert graph.run.end
    return (graph.run.end - graph.run.start).total_seconds()
