"""The app as `streamlit run` serves it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowdag.demo.processes import clean_env, free_port, start, stop
from flowdag.demo.server import answers
from flowdag.paths import app_root


@contextmanager
def running_app(folder: Path, script: Path | None = None) -> Iterator[str]:
    """The address of the app, whose tenants are those of `folder`; no traceback must have come to its log.

    Or of another script, for comparison.
    """
    port, log = free_port(), folder / "app.log"
    script = script or app_root() / "app.py"
    command = [sys.executable, "-m", "flowdag.ui.streamlit_run", "run", str(script), "--server.headless", "true"]
    command += ["--server.port", str(port), "--server.address", "127.0.0.1", "--server.fileWatcherType", "none"]
    process = start(command, env=clean_env(folder), cwd=folder, log=log)
    until = time.monotonic() + 60
    try:
        while not answers(f"http://127.0.0.1:{port}/_stcore/health"):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop([process])
    assert "Traceback" not in log.read_text(), log.read_text()
