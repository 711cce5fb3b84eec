"""A PostgreSQL cluster of its own in a throw-away folder, on a free loopback port."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowdag.demo.processes import free_port

DEBIAN = Path("/usr/lib/postgresql")  # Debian keeps the programs out of the PATH


def programs() -> Path | None:
    """The folder of initdb and pg_ctl; None where PostgreSQL is not installed."""
    found = shutil.which("initdb")
    newest = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return Path(found).parent if found else newest[-1].parent if newest else None


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A running cluster; yields the connection URL of its one empty database, as SQLAlchemy writes it.

    PostgreSQL refuses to run as root: then the user `postgres` runs it, in a folder that this user can reach.
    """
    data, port = Path(tempfile.mkdtemp(prefix="flowdag-pg-", dir="/tmp")), free_port()
    who = "postgres" if os.geteuid() == 0 else None
    if who:
        os.chown(data, pwd.getpwnam(who).pw_uid, -1)
    try:
        _run(folder, who, "initdb", "-D", str(data), "-U", "flowdag", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-h 127.0.0.1 -p {port} -k {data} -c fsync=off -c max_connections=200"
        _run(folder, who, "pg_ctl", "-D", str(data), "-l", str(data / "log"), "-o", options, "-w", "start")
        try:
            yield f"postgresql+asyncpg://flowdag@127.0.0.1:{port}/postgres"
        finally:
            _run(folder, who, "pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _run(folder: Path, who: str | None, program: str, *arguments: str) -> None:
    command = [str(folder / program), *arguments]
    # not captured through a pipe: the server would hold it open for as long as it lives
    with tempfile.TemporaryFile() as told:
        code = subprocess.call(command, user=who, cwd="/", stdin=subprocess.DEVNULL, stdout=told, stderr=told)
        told.seek(0)
        assert code == 0, f"{program}: {told.read().decode(errors='replace')[-2000:]}"
