"""The command line as somebody at a terminal meets it, on a real Prefect server."""

from __future__ import annotations

import csv
import http.server
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flowdag.cli import main
from flowdag.demo.processes import free_port
from flowdag.demo.server import answers
from tests.needs import ROOT
from tests.waiting import wait_until

SECRET = "pnu_Sentinel0Secret"
NOT_HERE = (
    "flowdag: There is no such flow run here. Check the id, or choose another tenant: it may belong to one of them.\n"
)
TASKS = {"read-orders", "check-keys", "check-freshness", "verdict"}  # what the flow table-check does

RUN_TWO = """
from prefect import tags
from flowdag.demo.flows import quick_check
for client in ("acme", "beta"):
    with tags(f"client:{client}"):
        print(quick_check(client, "orders", return_state=True).state_details.flow_run_id)
"""


@dataclass(frozen=True)
class Runs:
    """One run of each of two clients on the same server."""

    api_url: str
    acme: str
    beta: str


@pytest.fixture(scope="module")
def runs(prefect_server: str) -> Runs:
    env = {**os.environ, "PREFECT_API_URL": prefect_server, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", RUN_TWO], env=env, capture_output=True, text=True, check=True)
    acme, beta = done.stdout.split()[-2:]
    return Runs(prefect_server, acme, beta)


def configure(**tenants: str) -> None:
    """Tenants by slug; the value is the lines of the table."""
    text = "\n".join(f"[tenants.{slug}]\n{lines}" for slug, lines in tenants.items())
    path = Path(".streamlit/secrets.toml")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


@pytest.fixture
def tenants(runs: Runs) -> Runs:
    """`acme` sees its own tag only, `all` everything."""
    configure(
        acme=f'api_url = "{runs.api_url}"\napi_key = "{SECRET}"\nscope.tags = ["client:acme"]',
        all=f'api_url = "{runs.api_url}"',
    )
    return runs


@pytest.fixture
def refusing_server() -> Iterator[str]:
    """Answers everything with 401 and repeats the credential that it got."""

    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"exception_message": self.headers.get("Authorization")}).encode()
            self.send_response(401, self.headers.get("Authorization"))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


# --- usage -----------------------------------------------------------------------------------------------------------


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(f"\n    {command} " in said for command in ("demo", "serve", "check", "export"))


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["export"],
        ["export", "x"],
        ["export", "x", "--tenant", "acme", "--depth", "0"],
        ["export", "x", "--tenant", "acme", "--format", "xml"],
        ["serve", "--port", "70000"],
    ],
)
def test_wrong_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert "flowdag" in capsys.readouterr().err


def test_wrong_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    configure(acme=f'api_url = "acme.test"\nauth_string = "{SECRET}"')
    assert main(["check"]) == 2
    said = capsys.readouterr()
    assert said.err == (
        "flowdag: [tenants.acme] api_url: must start with http:// or https://. Correct it in .streamlit/secrets.toml.\n"
    )
    assert said.out == ""


# --- check -----------------------------------------------------------------------------------------------------------


def test_check_when_all_answer(tenants: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    said = capsys.readouterr()
    acme, everything = said.out.splitlines()
    assert acme == f"acme  {tenants.api_url}  reachable  Prefect 3.8.8  1 run in the last 24 h"
    # other tests run flows on this server too
    assert re.fullmatch(rf"all   {tenants.api_url}  reachable  Prefect 3\.8\.8  \d+ runs in the last 24 h", everything)
    assert SECRET not in said.out + said.err


def test_check_tells_why_not(tenants: Runs, refusing_server: str, capsys: pytest.CaptureFixture[str]) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/api"
    configure(
        works=f'api_url = "{tenants.api_url}"',
        down=f'api_url = "{nobody}"\napi_key = "{SECRET}"',
        refused=f'api_url = "{refusing_server}"\napi_key = "{SECRET}"',
        nothing=f'api_url = "{tenants.api_url}/nothing"\nauth_string = "u:{SECRET}"',
    )
    assert main(["check"]) == 3
    said = capsys.readouterr()
    works, down, refused, nothing = said.out.splitlines()
    assert works.startswith("works    ")
    assert "reachable  Prefect 3.8.8" in works
    assert "cannot be reached" in down
    assert "refused the tenant's key" in refused
    assert "reachable  " not in nothing
    assert len({line.index("http://") for line in said.out.splitlines()}) == 1
    assert SECRET not in said.out + said.err


# --- export ----------------------------------------------------------------------------------------------------------


def exported(argv: list[str], capsys: pytest.CaptureFixture[str], is_whole: Callable[[str], bool]) -> str:
    """What `export` prints, as soon as Prefect has recorded the whole run (it does so some seconds late)."""
    until = time.monotonic() + 60
    while True:
        assert main(["export", *argv]) == 0
        text = capsys.readouterr().out
        if is_whole(text) or time.monotonic() > until:
            return text
        time.sleep(0.2)


def test_export_json(tenants: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    text = exported([tenants.acme, "--tenant", "acme"], capsys, lambda text: bool(json.loads(text)["run"]["complete"]))
    whole = json.loads(text)
    assert list(whole) == ["flowdag", "run", "nodes", "edges", "tries", "critical_path", "notes"]
    assert whole["run"]["id"] == tenants.acme
    assert whole["run"]["flow_name"] == "table-check"
    assert whole["run"]["tags"] == ["client:acme"]
    assert {node["label"] for node in whole["nodes"]} == TASKS
    assert SECRET not in text


def test_export_csv_to_a_file(tenants: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    exported([tenants.acme, "--tenant", "acme"], capsys, lambda text: bool(json.loads(text)["run"]["complete"]))
    argv = [
        "export",
        tenants.acme.upper(),
        "--tenant",
        "acme",
        "--format",
        "csv",
        "--depth",
        "1",
        "--output",
        "run.csv",
    ]
    assert main(argv) == 0
    assert capsys.readouterr().out == ""
    rows = list(csv.DictReader(io.StringIO(Path("run.csv").read_text("utf-8"))))
    assert {row["label"] for row in rows} == TASKS


def test_export_of_a_report_and_of_parquet(
    tenants: Runs, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = ["export", tenants.acme, "--tenant", "acme", "--format"]
    assert main([*argv, "html", "--output", "run.html"]) == 0
    text = Path("run.html").read_text("utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "acme check of orders" in text
    assert SECRET not in text
    assert main([*argv, "parquet"]) == 0  # a pipe takes it
    assert capfdbinary.readouterr().out[:4] == b"PAR1"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert main([*argv, "parquet"]) == 2
    said = capfdbinary.readouterr()
    assert said.out == b""
    assert said.err.startswith(b"flowdag: Parquet is nothing that a terminal can show. Add --output run.parquet, or ")


def test_a_run_outside_the_scope_is_told_in_the_words_of_an_unknown_one(
    tenants: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    for run_id in (tenants.beta, "00000000-0000-4000-8000-000000000000", "latest", "../admin/version", ""):
        assert main(["export", run_id, "--tenant", "acme"]) == 1
        said = capsys.readouterr()
        assert (said.out, said.err) == ("", NOT_HERE)
    assert main(["export", tenants.beta, "--tenant", "all"]) == 0


def test_export_errors_are_one_line(
    tenants: Runs, refusing_server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(argv: list[str], code: int) -> str:
        assert main(["export", *argv]) == code
        streams = capsys.readouterr()
        assert streams.out == ""
        assert streams.err.count("\n") == 1
        assert SECRET not in streams.err
        return streams.err

    assert "There is no tenant 'gamma'. Choose one of: acme, all." in said([tenants.acme, "--tenant", "gamma"], 2)
    nowhere = str(tmp_path / "none" / "run.json")
    assert f"{nowhere} cannot be written: No such file or directory." in said(
        [tenants.acme, "--tenant", "acme", "--output", nowhere], 2
    )
    configure(refused=f'api_url = "{refusing_server}"\napi_key = "{SECRET}"')
    assert "refused the tenant's key" in said([tenants.acme, "--tenant", "refused"], 3)
    configure(down=f'api_url = "http://127.0.0.1:{free_port()}/api"\napi_key = "{SECRET}"')
    assert "cannot be reached" in said([tenants.acme, "--tenant", "down"], 3)


def test_a_reader_that_goes_away_is_no_traceback(tenants: Runs) -> None:
    read, write = os.pipe()
    os.close(read)
    argv = [sys.executable, "-m", "flowdag.cli", "export", tenants.acme, "--tenant", "acme"]
    with os.fdopen(write) as gone:
        done = subprocess.run(
            argv, stdout=gone, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
        )
    assert done.stderr.decode() == ""
    assert done.returncode == 141


# --- serve -----------------------------------------------------------------------------------------------------------


def test_serve_answers_until_interrupted() -> None:
    configure(acme=f'api_url = "http://127.0.0.1:{free_port()}/api"')
    Path("streamlit.py").write_text("raise SystemExit('not the real one')")
    port = free_port()
    argv = [sys.executable, "-m", "flowdag.cli", "serve", "--port", str(port)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "STREAMLIT_SERVER_HEADLESS": "true"}
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}/_stcore/health"), process)
        finally:
            process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[0]
    assert process.returncode in (0, 130)
    assert "Traceback" not in said
