"""The demo as a person meets it: `flowdag demo` in a folder of its own, Ctrl-C, and once more."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowdag.demo.processes import free_port
from tests.needs import ROOT

MARK = "DEMO_TEST_FOLDER"
COMMAND = [sys.executable, "-m", "flowdag.cli", "demo"]
SLOW_AND_RUNNING = {"name": {"like_": "forecast"}, "state": {"type": {"any_": ["RUNNING"]}}}
pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes through /proc")


class Demo:
    """A started demo and what it has said so far."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.output = folder / "said.txt"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(COMMAND, cwd=folder, env=env(folder, port), stdout=output, stderr=output)

    def said(self) -> str:
        return self.output.read_text()

    def address(self) -> str | None:
        found = re.search(r"^flowdag demo: (http://\S+)$", self.said(), re.MULTILINE)
        return found and found[1]

    def until(self, look: Callable[[], Any], at_most_s: float = 60) -> Any:
        """What `look` sees as soon as it sees something."""
        deadline = time.monotonic() + at_most_s
        while not (seen := look()):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)
        return seen

    def runs(self, **filters: Any) -> list[dict[str, Any]]:
        """The top-level flow runs that its server knows."""
        (secrets,) = self.folder.glob(".flowdag/**/secrets.toml")
        tenants = tomllib.loads(secrets.read_text())["tenants"]
        wanted = {"parent_task_run_id": {"is_null_": True}, **filters}
        url = f"{tenants['demo']['api_url']}/flow_runs/filter"
        answer = httpx.post(url, json={"flow_runs": wanted}, trust_env=False, timeout=10)
        return answer.raise_for_status().json()


def env(folder: Path, port: int) -> dict[str, str]:
    ours = {MARK: str(folder), "FLOWDAG_DEMO_PORT": str(port), "FLOWDAG_DEMO_OPEN": "0"}
    return {**os.environ, "PYTHONPATH": str(ROOT), **ours}


def living(folder: Path) -> dict[int, str]:
    """Process id and command line of everything that was started by a demo of this folder."""
    mark = f"{MARK}={folder}".encode()
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # ended meanwhile, or somebody else's
            continue
    return found


@contextmanager
def demo(folder: Path, port: int) -> Iterator[Demo]:
    started = Demo(folder, port)
    try:
        yield started
    finally:
        for number in living(folder):
            os.kill(number, signal.SIGKILL)
        started.process.wait()


@pytest.fixture(autouse=True)
def not_under_nohup() -> Iterator[None]:
    """The demo ignores a hang-up that it was started to ignore, as `nohup` asks; so may whoever runs the tests."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def states(runs: list[dict[str, Any]]) -> dict[str, str]:
    return {run["id"]: run["state"]["type"] for run in runs}


def test_the_demo_starts_stops_and_starts_again(tmp_path: Path) -> None:
    port = free_port()
    with demo(tmp_path, port) as first:
        assert first.until(first.address) == f"http://127.0.0.1:{port}"
        assert httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code == 200
        (nightly,) = first.runs(name={"any_": [f"acme nightly {time.strftime('%Y-%m-%d')}"]})
        assert (nightly["state"]["type"], nightly["tags"]) == ("COMPLETED", ["client:acme"])
        assert nightly["deployment_id"]
        (slow,) = first.until(lambda: first.runs(**SLOW_AND_RUNNING))

        (seeder,) = [number for number, command in living(tmp_path).items() if "flowdag.demo.seed" in command]
        os.kill(seeder, signal.SIGKILL)
        assert first.process.wait(60) == 3
        assert re.search(r"sample flows ended by itself.* log tells why: \S+seed\.log", first.said())
        assert living(tmp_path) == {}

    with demo(tmp_path, port) as second:
        second.until(second.address)
        second.until(lambda: states(second.runs())[slow["id"]] == "CRASHED")
        second.until(lambda: second.runs(**SLOW_AND_RUNNING))
        # the sample runs go on where they were: the first nightly run is not done again
        assert len(second.runs(deployment_id={"any_": [nightly["deployment_id"]]})) == 1

        other = subprocess.run(COMMAND, cwd=tmp_path, env=env(tmp_path, port), capture_output=True, text=True)
        assert (other.returncode, f"http://127.0.0.1:{port}" in other.stdout) == (0, True)

        second.process.send_signal(signal.SIGINT)
        assert second.process.wait(60) == 0
        assert living(tmp_path) == {}
        assert "Traceback" not in second.said()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_starting_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    with demo(tmp_path, free_port()) as started:
        started.until(lambda: len(living(tmp_path)) >= 3)  # itself, the server, the app
        started.process.send_signal(number)
        assert started.process.wait(60) == 0
        assert living(tmp_path) == {}


def test_a_taken_port_is_passed_over() -> None:

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < free_port(port) <= port + 100
