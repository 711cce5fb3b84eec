"""Child processes that leave nothing behind: each in a session of its own, stopped with all that it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from flowdag.errors import FlowdagError

STOP_PATIENCE_S = 5.0
_OF_THE_USER = ("PREFECT_", "STREAMLIT_", "FLOWDAG_")


def clean_env(home: Path, **settings: str) -> dict[str, str]:
    """This process's environment with `settings`, but without the user's own of Prefect, Streamlit and flowdag.

    Nothing phones home, and proxies are told to leave the loopback addresses alone.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith(_OF_THE_USER)}
    direct = ",".join(filter(None, ["127.0.0.1,localhost", env.get("NO_PROXY") or env.get("no_proxy")]))
    quiet = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    return env | quiet | {"NO_PROXY": direct, "no_proxy": direct, "PREFECT_HOME": str(home / "prefect")} | settings


def start(command: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own (a Ctrl-C in the terminal does not reach it); output goes to `log`.

    `cwd` should hold nothing of the user's: Prefect and Streamlit read settings files from there.
    """
    cwd.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def stop(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """Stop the sessions of `processes`: ask, wait up to five seconds for all of them together, then kill."""
    groups = list(processes)
    for process in groups:
        _signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + STOP_PATIENCE_S
    while time.monotonic() < deadline and any(_group_lives(process) for process in groups):
        time.sleep(0.05)
    for process in groups:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def free_port(first: int | None = None) -> int:
    """A free loopback port: any, or the next from `first` upwards. Raises FlowdagError when a hundred are taken."""
    candidates = [0] if first is None else range(first, min(first + 100, 65536))
    for port in candidates:
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise FlowdagError(f"No port from {first} upwards is free.", "Choose another one with FLOWDAG_DEMO_PORT.")


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _group_lives(process: subprocess.Popen[bytes]) -> bool:
    process.poll()  # reaps the leader: a zombie would count as alive
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True
