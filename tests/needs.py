"""What a test needs beyond Python packages: elsewhere it skips with a reason, in CI a missing thing is a failure."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from tests import postgresql

ROOT = Path(__file__).resolve().parent.parent


def needs_program(*names: str) -> str:
    """The path of the first of these programs that is installed."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found or _lacks(f"needs {' or '.join(names)}: not installed")


def needs_chromium() -> str:
    """The path of the browser that the tests drive."""
    return needs_program("chromium", "chromium-browser", "google-chrome")


def needs_postgresql() -> Path:
    """The folder of PostgreSQL's programs."""
    return postgresql.programs() or _lacks("needs PostgreSQL: not installed")


def needs_shared(name: str) -> Path:
    """The path of a file or folder in `../shared`, which lies beside the repository and not in it."""
    path = ROOT.parent / "shared" / name
    if not path.exists():  # a clone alone has it nowhere, in CI neither
        pytest.skip(f"needs ../shared/{name}: not there")
    return path


def _lacks(reason: str) -> NoReturn:
    if os.environ.get("CI") in (None, "", "0", "false"):
        pytest.skip(reason)
    pytest.fail(reason, pytrace=False)
