"""`flowdag demo`: a Prefect server, sample flows on it and the app, started together and stopped together."""

from __future__ import annotations

import fcntl
import json
import math
import os
import signal
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from flowdag.demo.processes import clean_env, free_port, start, stop
from flowdag.demo.server import answers, start_server
from flowdag.errors import FlowdagError
from flowdag.paths import app_root

FIRST_PORT = 8501
APP_PATIENCE_S = 60.0

SECRETS = """\
[tenants.demo]
title = "Demo: everything"
api_url = "{api_url}"

[tenants.acme]
title = "Demo: client Acme"
api_url = "{api_url}"
[tenants.acme.scope]
tags = ["client:acme"]

[tenants.globex]
title = "Demo: client Globex"
api_url = "{api_url}"
[tenants.globex.scope]
tags = ["client:globex"]
"""


class _AskedToStop(Exception):
    """Ctrl-C, SIGTERM, or the terminal was closed."""


@dataclass(frozen=True)
class _Child:
    """A process that must not end before the demo does."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


@dataclass(frozen=True)
class _Demo:
    """What is running, in the order it was started, and the signals that asked to stop it."""

    home: Path
    children: list[_Child]
    asked: list[int]

    def until(self, ready: Callable[[], bool], doing: Callable[[], str], every_s: float = 2.0) -> None:
        """Return once `ready`; up to then say what is going on. Raises when asked to stop or when a child has ended."""
        began = said = time.monotonic()
        while not ready():
            if self.asked:
                raise _AskedToStop
            for child in self.children:
                if (code := child.process.poll()) is not None:
                    raise FlowdagError(
                        f"The {child.name} ended by itself (code {code}).", f"Its log tells why: {child.log}"
                    )
            if time.monotonic() - said >= every_s:
                said = time.monotonic()
                _say(f"{doing()}… {said - began:.0f} s")
            time.sleep(0.2)


def run_demo(port: int | None, open_browser: bool, home: Path) -> int:
    """Run the demo, whose data lie in `home`, until somebody stops it; the answer is the exit code 0.

    The app listens on `port` (8501 unless given) or the next free one. If a demo of this home is running already, its
    address is printed instead. Raises FlowdagError when something does not come up or ends by itself.
    """
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            print("flowdag demo is running already:", lock.read() or "it is just starting.")
            return 0
        lock.truncate(0)
        with _stop_signals() as asked:
            demo = _Demo(home, [], asked)
            try:
                _supervise(demo, port or FIRST_PORT, open_browser, lock)
            except _AskedToStop:
                return 0
            finally:
                _stop(demo)


def _supervise(demo: _Demo, port: int, open_browser: bool, lock: IO[str]) -> NoReturn:
    _say("Starting the Prefect server…")
    server = start_server(demo.home)
    demo.children.append(_Child("Prefect server", server.process, server.log))
    url = _start_app(demo, free_port(port), server.api_url)
    demo.until(server.is_ready, lambda: "Starting the Prefect server")
    progress = _start_seeder(demo, server.api_url)
    demo.until(lambda: _read_progress(progress)[0] > 0, lambda: _progress_line(progress))
    _await_app(demo, url)
    _say(f"flowdag demo: {url}")
    _say("Press Ctrl-C to stop it.")
    lock.write(url)
    lock.flush()
    if open_browser:
        _open_browser(url)
    demo.until(lambda: _all_there(progress), lambda: _progress_line(progress), every_s=10.0)
    _say("All sample runs are there; a slow one is started again and again.")
    demo.until(lambda: False, lambda: "", every_s=math.inf)
    raise AssertionError("until returns only when ready")


def _start_app(demo: _Demo, port: int, api_url: str) -> str:
    """Start the app at once, beside the server. Its folder holds the demo's tenants, so that no others are shown."""
    folder = demo.home / "app"
    secrets = folder / ".streamlit" / "secrets.toml"
    secrets.parent.mkdir(parents=True, exist_ok=True)
    secrets.write_text(SECRETS.format(api_url=api_url))
    command = [sys.executable, "-P", "-m", "flowdag.ui.streamlit_run", "run", str(app_root() / "app.py")]
    command += ["--server.address=127.0.0.1", f"--server.port={port}", "--server.headless=true"]
    command += ["--browser.gatherUsageStats=false"]
    log = demo.home / "app.log"
    demo.children.append(_Child("app", start(command, env=clean_env(demo.home), cwd=folder, log=log), log))
    return f"http://127.0.0.1:{port}"


def _await_app(demo: _Demo, url: str) -> None:
    deadline = time.monotonic() + APP_PATIENCE_S

    def ready() -> bool:
        if time.monotonic() > deadline:
            log = demo.home / "app.log"
            raise FlowdagError(f"The app did not come up within {APP_PATIENCE_S:.0f} s.", f"Its log tells why: {log}")
        return answers(f"{url}/_stcore/health")

    demo.until(ready, lambda: "Starting the app")


def _start_seeder(demo: _Demo, api_url: str) -> Path:
    """Start running the sample flows; the answer is the file in which they tell how far they are."""
    progress = demo.home / "seed.json"
    env = clean_env(demo.home, PREFECT_API_URL=api_url)
    log = demo.home / "seed.log"
    command = [sys.executable, "-P", "-m", "flowdag.demo.seed", str(progress)]
    process = start(command, env=env, cwd=demo.home / "prefect", log=log)
    demo.children.append(_Child("process of the sample flows", process, log))
    return progress


def _read_progress(progress: Path) -> tuple[int, int]:
    if not progress.exists():
        return 0, 0
    noted = json.loads(progress.read_text())
    return noted["done"], noted["total"]


def _all_there(progress: Path) -> bool:
    done, total = _read_progress(progress)
    return done == total


def _progress_line(progress: Path) -> str:
    done, total = _read_progress(progress)
    return f"Running sample flows: {done} of {total}" if total else "Preparing the sample flows"


def _stop(demo: _Demo) -> None:
    """The sample flows first: they still tell the server what they did not finish."""
    processes = [child.process for child in demo.children]
    stop(processes[2:])
    stop(processes[:2])


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Within, the signals that mean stop are only noted: none can come between a start and its entry in the list."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        numbers.append(signal.SIGHUP)
    noted: list[int] = []
    before = {number: signal.signal(number, lambda number, _frame: noted.append(number)) for number in numbers}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _open_browser(url: str) -> None:
    """Open a window, where there can be one: without a display it would be a browser for the terminal."""
    if sys.platform == "darwin" or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))):
        webbrowser.open(url)


def _say(line: str) -> None:
    with suppress(OSError):  # the terminal may be gone
        print(line, flush=True)
