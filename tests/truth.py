"""What the sample flows really did, by their own journal, beside what flowdag reads of them from a real server."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import anyio

from flowdag.demo.processes import clean_env, stop
from flowdag.model import FlowRunGraph
from flowdag.prefect_api.client import Client, connect
from flowdag.prefect_api.read_run import read_run
from flowdag.tenants import Scope, Tenant
from tests.serving import flows_path, flows_python
from tests.waiting import wait_until

T = TypeVar("T")
PATIENCE_S = 120


def tenant(api_url: str, **scope: tuple[str, ...]) -> Tenant:
    return Tenant(slug="truth", title="Truth", api_url=api_url, scope=Scope(**scope))


def ask(whom: Tenant, question: Callable[[Client], Awaitable[T]]) -> T:
    """The answer to a question put to the tenant's API with a client of its own."""

    async def asked() -> T:
        async with connect(whom) as client:
            return await question(client)

    return anyio.run(asked)


@dataclass(frozen=True)
class Body:
    """One execution of the body of a task or flow, by the wall clock (seconds since 1970)."""

    what: str
    id: str
    label: str
    number: int
    start: float
    end: float
    raised: bool


@dataclass
class Truth:
    """The runs of tests/journal.py while they go on: each question waits until the run that it needs is recorded."""

    api_url: str
    file: Path
    process: subprocess.Popen[str]
    graphs: dict[str, FlowRunGraph] = field(default_factory=dict)

    def run_id(self, name: str) -> str:
        """The flow run of a scenario, once it has ended."""
        wait_until(lambda: name in self._ended() or self.process.poll() == 0, self.process, PATIENCE_S)
        return self._ended()[name]

    def bodies(self, of: FlowRunGraph) -> dict[str, list[Body]]:
        """What the journal holds of the nodes of a graph: node id -> executions in order."""
        found: dict[str, list[Body]] = {}
        for line in self._lines():
            if line["what"] != "scenario" and line["id"] in of.nodes.index:
                body = Body(
                    line["what"], line["id"], line["label"], line["try"], line["start"], line["end"], line["raised"]
                )
                found.setdefault(body.id, []).append(body)
        return {node: sorted(bodies, key=lambda body: body.start) for node, bodies in found.items()}

    def flow_body(self, name: str) -> list[Body]:
        """The executions of the scenario's own flow, one an attempt."""
        run_id = self.run_id(name)
        return [
            Body("flow", line["id"], line["label"], line["try"], line["start"], line["end"], line["raised"])
            for line in self._lines()
            if line["what"] == "flow" and line["id"] == run_id
        ]

    def graph(self, name: str) -> FlowRunGraph:
        """The run as flowdag reads it, once it says that the run is complete."""
        if name not in self.graphs:
            run_id = self.run_id(name)
            until = time.monotonic() + PATIENCE_S
            graph = self.read(run_id)
            while not graph.complete:
                assert time.monotonic() < until, f"{name} was not complete after {PATIENCE_S} s"
                time.sleep(0.3)
                graph = self.read(run_id)
            self.graphs[name] = graph
        return self.graphs[name]

    def read(self, run_id: str, depth: int | None = None) -> FlowRunGraph:
        return ask(tenant(self.api_url), lambda client: read_run(client, run_id, depth))

    def _ended(self) -> dict[str, str]:
        return {line["name"]: line["id"] for line in self._lines() if line["what"] == "scenario"}

    def _lines(self) -> list[dict[str, Any]]:
        text = self.file.read_text() if self.file.exists() else ""
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


@contextmanager
def journalled_runs(api_url: str, home: Path) -> Iterator[Truth]:
    """Run the journal's scenarios one after the other on the server, in a process of their own."""
    file = home / "journal.jsonl"
    env = clean_env(home, PREFECT_API_URL=api_url, PYTHONPATH=flows_path(home))
    with (home / "journal.log").open("w") as log:
        process = subprocess.Popen(
            [flows_python(), "-m", "tests.journal", str(file)],
            env=env,
            cwd=home,
            stdout=log,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        try:
            yield Truth(api_url, file, process)
        finally:
            stop([process])
