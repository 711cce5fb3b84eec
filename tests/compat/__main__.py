"""Runs the reading tests against real Prefect servers of other versions: `make compat`, or one: `... VERSION=3.0.11`.

Each version is installed with what was current soon after its release into .compat/, which later runs use again; it
serves, and it runs the flows. Prints a table; the logs lie in .compat/.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests import postgresql
from tests.needs import ROOT

HOME = ROOT / ".compat"
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
READING = ("sample_flows", "odd_flows", "graph_v2", "scope", "task_runs")
TESTS = ["tests/compat/reads.py", *(f"tests/prefect_api/test_{name}.py" for name in READING)]


@dataclass(frozen=True)
class Version:
    """A release, a date by which all that it needs was out, the databases to try it with, and what it needs besides."""

    number: str
    by: str
    databases: tuple[str, ...] = (SQLITE,)
    besides: tuple[str, ...] = ()


VERSIONS = (
    Version("2.10.21", "2023-07-20"),  # too old: one clear sentence
    Version("2.20.26", "2026-09-10"),
    Version("3.0.11", "2024-11-15", (SQLITE, POSTGRESQL)),
    Version("3.1.9", "2025-01-05"),  # its own default for graph-v2's `since` is naive
    Version("3.2.15", "2025-04-10"),
    Version("3.4.11", "2025-08-15", (SQLITE, POSTGRESQL)),
    Version("3.6.13", "2026-02-05"),
    Version("3.7.4", "2026-06-08"),  # the last whose graph-v2 hides what never started
    Version("3.8.8", "2026-10-20", (SQLITE, POSTGRESQL), ("fastapi<0.151",)),  # as pyproject.toml
)


@dataclass(frozen=True)
class Result:
    """`differ`: what this version's Prefect does otherwise (tests/compat/plugin.py); `why`: nothing could be run."""

    version: str
    database: str
    passed: int = 0
    failed: int = 0
    differ: int = 0
    skipped: int = 0
    took_s: float = 0.0
    why: str = ""

    def __str__(self) -> str:
        counts = f"{self.passed:>6} {self.failed:>6} {self.differ:>6} {self.skipped:>7} {self.took_s:>6.0f}"
        return f"{self.version:<8} {self.database:<10} " + (self.why or counts)


def main(wanted: list[str]) -> int:
    os.nice(10)
    HOME.mkdir(exist_ok=True)
    results = []
    print(
        f"{'Prefect':<8} {'database':<10} {'passed':>6} {'failed':>6} {'differ':>6} {'skipped':>7} {'s':>6}", flush=True
    )
    for version in VERSIONS:
        for database in version.databases:
            if not wanted or version.number in wanted:
                results.append(tried(version, database))
                print(results[-1], flush=True)
    bad = [result for result in results if result.failed or (result.why and not result.why.startswith("skipped"))]
    print(f"{len(results)} servers in {sum(result.took_s for result in results) / 60:.0f} min, {len(bad)} of them bad")
    return 1 if bad or not results else 0


def tried(version: Version, database: str) -> Result:
    """What the reading tests say of one server."""
    began = time.monotonic()
    if database == POSTGRESQL and postgresql.programs() is None:
        return Result(version.number, database, why="skipped: PostgreSQL is not installed")
    try:
        python = installed(version)
    except subprocess.CalledProcessError as error:
        return Result(version.number, database, why=f"cannot be installed: {error.stderr.strip().splitlines()[-1]}")
    name = f"{version.number}-{database.lower()}"
    report = HOME / f"{name}.xml"
    report.unlink(missing_ok=True)
    with database_url(database) as url, (HOME / f"{name}.log").open("w") as log:
        env = os.environ | {"COMPAT_VERSION": version.number, "COMPAT_PYTHON": str(python)}
        env |= {"COMPAT_DATABASE": url} if url else {}
        command = [sys.executable, "-m", "pytest", "-p", "tests.compat.plugin", "--timeout=900", f"--junitxml={report}"]
        subprocess.run([*command, *TESTS], env=env, cwd=ROOT, stdout=log, stderr=log, check=False)
    if not report.exists():
        return Result(version.number, database, why=f"no test ran: see {log.name}")
    suite = ElementTree.parse(report).getroot()[0]  # our own pytest wrote it
    failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    left_out = [skipped.get("type") == "pytest.xfail" for skipped in suite.iter("skipped")]
    differ, skipped = sum(left_out), len(left_out) - sum(left_out)
    passed = int(suite.get("tests", 0)) - failed - len(left_out)
    return Result(version.number, database, passed, failed, differ, skipped, time.monotonic() - began)


@contextmanager
def database_url(database: str) -> Iterator[str | None]:
    """The connection URL of an empty database; None for the server's own SQLite file."""
    programs = postgresql.programs()
    with postgresql.cluster(programs) if database == POSTGRESQL and programs else nullcontext() as url:
        yield url


def installed(version: Version) -> Path:
    """The interpreter of the version's own environment, made where it is not there yet."""
    folder = HOME / version.number
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists():
        _run(uv(), "venv", "--clear", "--python", sys.executable, str(folder))
        wanted = [f"prefect=={version.number}", *version.besides, "pandas", "asyncpg", "setuptools<70"]
        _run(uv(), "pip", "install", "--python", str(python), *wanted, "--exclude-newer", version.by)
        done.touch()
    return python


def uv() -> str:
    """The path of uv, in an environment of its own where it is not installed."""
    own = HOME / "uv"
    found = shutil.which("uv")
    if found is None and not (own / "bin" / "uv").exists():
        _run(sys.executable, "-m", "venv", str(own))
        _run(str(own / "bin" / "python"), "-m", "pip", "install", "uv")
    return found or str(own / "bin" / "uv")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
