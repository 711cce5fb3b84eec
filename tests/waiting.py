"""Waiting for something that another process does, by asking again and again."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any


def wait_until(is_so: Callable[[], bool], process: subprocess.Popen[Any], at_most_s: float = 60) -> None:
    """Return once `is_so`; fail when the process has ended before, or it takes too long."""
    until = time.monotonic() + at_most_s
    while not is_so():
        assert process.poll() is None, f"the process has ended with exit code {process.returncode}"
        assert time.monotonic() < until, f"not within {at_most_s:.0f} s"
        time.sleep(0.1)
