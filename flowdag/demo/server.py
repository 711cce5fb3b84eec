"""A real Prefect server on a free loopback port with a home of its own, for the demo and for the tests."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from flowdag.demo.processes import clean_env, free_port, start, stop
from flowdag.errors import FlowdagError

START_PATIENCE_S = 90.0


@dataclass(frozen=True)
class Server:
    """A server process; `api_url` ends in /api and answers once `is_ready` says so."""

    process: subprocess.Popen[bytes]
    api_url: str
    log: Path
    started: float

    def is_ready(self) -> bool:
        """Whether the server answers. Raises FlowdagError when it has ended or took too long, naming its log."""
        if self.process.poll() is not None:
            raise FlowdagError("The Prefect server ended while it was starting.", f"Its log tells why: {self.log}")
        if answers(f"{self.api_url}/health"):
            return True
        if time.monotonic() - self.started > START_PATIENCE_S:
            raise FlowdagError(
                f"The Prefect server did not come up within {START_PATIENCE_S:.0f} s.", f"Its log tells why: {self.log}"
            )
        return False


def answers(url: str) -> bool:
    """Whether a GET of a loopback address is answered with 200 within two seconds; proxies are not asked."""
    try:
        return httpx.get(url, timeout=2.0, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def start_server(home: Path, port: int | None = None) -> Server:
    """Start a server with database, settings and log in `home`; wait with `is_ready`, end its process with `stop`."""
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    env = clean_env(home, PREFECT_SERVER_UI_ENABLED="false")
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    log = home / "server.log"
    process = start(command, env=env, cwd=home / "prefect", log=log)
    return Server(process, f"http://127.0.0.1:{port}/api", log, time.monotonic())


@contextmanager
def embedded_server(home: Path) -> Iterator[str]:
    """A running server; yields its API URL. Raises FlowdagError, naming the log, when it does not come up."""
    server = start_server(home)
    try:
        while not server.is_ready():
            time.sleep(0.1)
        yield server.api_url
    finally:
        stop([server.process])
