"""The built wheel alone, outside the repository: it carries the app, and `flowdag demo` works from it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import httpx
import pytest

from flowdag.demo.processes import free_port
from flowdag.demo.server import answers
from tests.needs import ROOT, needs_program
from tests.waiting import wait_until

OPEN = """
import sys
from streamlit.testing.v1 import AppTest
page = AppTest.from_file(sys.argv[1], default_timeout=60).run()
print([box.value for box in [*page.exception, *page.error]])
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("flowdag-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment with the wheel; the packages that flowdag needs are those of the running one."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False, symlinks=True)
    scheme = {"base": str(home), "platbase": str(home)}
    site_packages, scripts = (Path(sysconfig.get_path(name, "venv", scheme)) for name in ("purelib", "scripts"))
    # A .pth in a folder that a .pth adds is not read: an editable installation of flowdag stays out.
    (site_packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(scripts / "python"), "install", "--no-deps", "--no-index", "-q"]
    subprocess.run([*pip, str(wheel)], check=True)
    return scripts


def test_the_wheel_carries_the_app_and_nothing_of_the_developer(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    pages = {path.relative_to(ROOT) for path in (ROOT / "pages").rglob("*.py")}
    assert pages
    assert {f"flowdag/_app/{page.as_posix()}" for page in pages} <= names
    assert {"flowdag/_app/app.py", "flowdag/_app/.streamlit/config.toml", "flowdag/cli.py"} <= names
    foreign = {name for name in names if not re.match(r"flowdag(-[\d.]+\.dist-info)?/", name)}
    assert foreign == set()
    assert [name for name in names if "secrets" in name or name.startswith("flowdag/_app/flowdag")] == []
    assert [name for name in names if name.endswith((".pyc", ".db", ".log"))] == []


def test_demo_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    where = "import flowdag.paths as p; print(p.app_root() / 'app.py')"
    app = Path(run(installed / "python", "-P", "-c", where).strip())
    assert app.is_file()
    assert app.is_relative_to(installed.parent)

    port = free_port()
    command = [str(installed / "flowdag"), "demo", "--no-browser", "--port", str(port)]
    log = tmp_path / "demo.log"
    with (
        log.open("w") as output,
        subprocess.Popen(command, stdout=output, stderr=output, text=True, cwd=tmp_path, process_group=0) as process,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until(lambda: answers(f"{address}/_stcore/health"), process, at_most_s=180)
            page = httpx.get(address, trust_env=False)
            assert page.status_code == 200
            assert "<title>Streamlit</title>" in page.text
            wait_until(lambda: address in log.read_text(), process, at_most_s=180)
            assert any(str(app) in line for line in command_lines())
            # what the app says to the demo's tenants: everything that it imports and registers is in the wheel
            assert run(installed / "python", "-P", "-c", OPEN, app, cwd=tmp_path / ".flowdag" / "app") == "[]\n"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
    assert [line for line in command_lines() if str(installed.parent) in line] == []
    assert "Traceback" not in log.read_text()


def run(*command: str | Path, cwd: Path | None = None) -> str:
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=cwd, env=env, stdout=subprocess.PIPE, text=True, check=True).stdout


def command_lines() -> list[str]:
    """The command line of every process of this machine."""
    return run(needs_program("ps"), "-e", "-ww", "-o", "args=").splitlines()
