"""The Prefect that serves the tests and runs their flows: flowdag's own, or another one that the environment names.

COMPAT_PYTHON is the interpreter of another Prefect's virtual environment, COMPAT_DATABASE a connection URL for its
server instead of a SQLite file; `make compat` sets both (tests/compat).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowdag.demo.processes import clean_env, free_port, start, stop
from flowdag.demo.server import answers, embedded_server
from tests.needs import ROOT
from tests.waiting import wait_until

PATIENCE_S = 300  # `make compat` gives way to everything else
PYTHON = os.environ.get("COMPAT_PYTHON")


@contextmanager
def served(home: Path, database: str | None = os.environ.get("COMPAT_DATABASE")) -> Iterator[str]:
    """A running server with a home of its own; yields its API URL."""
    if PYTHON is None and database is None:
        with embedded_server(home) as api_url:
            yield api_url
        return
    port = free_port()
    settings = {"PREFECT_UI_ENABLED": "false"} | ({"PREFECT_API_DATABASE_CONNECTION_URL": database} if database else {})
    command = [str(Path(flows_python()).with_name("prefect")), "server", "start"]
    process = start(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        env=clean_env(home, **settings),
        cwd=home / "prefect",
        log=home / "server.log",
    )
    api_url = f"http://127.0.0.1:{port}/api"
    try:
        wait_until(lambda: answers(f"{api_url}/health"), process, PATIENCE_S)
        yield api_url
    finally:
        stop([process])


def flows_python() -> str:
    """The interpreter that runs the tests' flows."""
    return PYTHON or sys.executable


def flows_path(home: Path) -> str:
    """The PYTHONPATH for flows. Another Prefect gets to see the flows only: flowdag's reader is not made for it."""
    if PYTHON is None:
        return str(ROOT)
    path = home / "flows"
    (path / "flowdag").mkdir(parents=True)
    (path / "flowdag" / "demo").symlink_to(ROOT / "flowdag" / "demo")
    (path / "tests").symlink_to(ROOT / "tests")
    return str(path)
