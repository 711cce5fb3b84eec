"""The command line: `flowdag demo | serve | check | export`. Subcommands import what they need: --help is quick."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from flowdag.errors import FlowdagError, RunNotFound

if TYPE_CHECKING:
    from flowdag.model import FlowRunGraph
    from flowdag.prefect_api.reading import Reached
    from flowdag.tenants import Tenant

INTERRUPTED = 130  # what a shell reports after Ctrl-C
BROKEN_PIPE = 141  # and after the reader of a pipe has gone
EXPORTS = ("json", "csv", "parquet", "mermaid", "dot", "graphml", "html")
CLEARED = "\r\033[K"  # a terminal's line, empty again


class NeedsFile(FlowdagError):
    """What a terminal cannot show was asked for, and no file named."""

    exit_code = 2


class CannotWrite(FlowdagError):
    """The file of --output cannot be written."""

    exit_code = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the answer is the exit code: 0, or 1 not found, 2 usage or configuration, 3 the API."""
    args = _parser().parse_args(argv)
    try:
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except FlowdagError as error:
        print("flowdag:", " ".join(str(error).split()), file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="flowdag", description="Self-service insight into Prefect flow runs.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    demo = commands.add_parser("demo", help="start a Prefect server with sample runs, and the app on it")
    demo.add_argument("--port", type=_port, metavar="N", default=os.environ.get("FLOWDAG_DEMO_PORT") or None)
    demo.add_argument("--no-browser", action="store_true", help="do not open a browser")
    demo.set_defaults(run=_demo)

    serve = commands.add_parser("serve", help="start the app for the configured tenants")
    serve.add_argument("--port", type=_port, metavar="N", help="8501 or the next free one unless given")
    serve.add_argument("--host", metavar="H", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.set_defaults(run=_serve)

    check = commands.add_parser("check", help="tell for each tenant whether its Prefect API answers")
    check.set_defaults(run=_check)

    export = commands.add_parser("export", help="print a flow run's graph and timings, or write a report of it")
    export.add_argument("run_id", metavar="RUN_ID")
    export.add_argument("--tenant", required=True, metavar="NAME", help="the tenant's slug, see `flowdag check`")
    export.add_argument("--format", choices=EXPORTS, default="json", help="default: %(default)s; html is a report")
    export.add_argument(
        "--depth", type=_depth, metavar="N", help="levels of flow runs: 1 is the run alone; default: all"
    )
    export.add_argument("--output", type=Path, metavar="FILE", help="write to a file instead of standard output")
    export.set_defaults(run=_export)
    return parser


def _port(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 1 to 65535")
    return int(text)


def _depth(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a depth: give 1 or more")
    return int(text)


def _demo(args: argparse.Namespace) -> int:
    from flowdag.demo.run import run_demo

    open_browser = not args.no_browser and os.environ.get("FLOWDAG_DEMO_OPEN") != "0"
    return run_demo(args.port, open_browser, Path.cwd() / ".flowdag")


def _serve(args: argparse.Namespace) -> int:
    """Become Streamlit: one process, which Ctrl-C ends."""
    from flowdag.paths import app_root

    # -P: a file called streamlit.py in the working directory must not be taken for Streamlit
    command = [sys.executable, "-P", "-m", "flowdag.ui.streamlit_run", "run", str(app_root() / "app.py")]
    command += ["--server.address", args.host]
    command += ["--server.port", str(args.port)] if args.port else []
    os.execv(sys.executable, command)


def _check(_args: argparse.Namespace) -> int:
    import anyio

    from flowdag.checks import check_tenants, lines
    from flowdag.prefect_api.profiles import configured_tenants

    checks = anyio.run(check_tenants, configured_tenants())
    for line in lines(checks):
        print(line)
    return 3 if any(check.problem for check in checks) else 0


def _export(args: argparse.Namespace) -> int:
    import anyio

    from flowdag.export import FORMATS
    from flowdag.prefect_api.profiles import configured_tenants
    from flowdag.tenants import tenant_by_slug

    form = FORMATS.get(args.format)
    if form and form.binary and args.output is None and sys.stdout.isatty():
        todo = f"Add --output run.{form.suffix}, or send it to a pipe."
        raise NeedsFile(f"{form.title} is nothing that a terminal can show.", todo)
    tenant = tenant_by_slug(configured_tenants(), args.tenant)
    run_id, depth = args.run_id, args.depth
    content = form.make(anyio.run(_read, tenant, run_id, depth)) if form else anyio.run(_report, tenant, run_id, depth)
    _write(content, args.output)  # bytes: UTF-8 and plain line ends, whatever the terminal's locale
    return 0


async def _report(tenant: Tenant, run_id: str, depth: int | None) -> bytes:
    from flowdag.analysis.failures import ended_badly, failures
    from flowdag.prefect_api.client import connect
    from flowdag.prefect_api.messages import read_messages
    from flowdag.report import Told, report

    graph = await _read(tenant, run_id, depth)
    bad = graph.nodes.loc[ended_badly(graph)]
    flow_runs = (bad["kind"] == "flow-run").to_numpy()
    async with connect(tenant) as client:
        messages = await read_messages(client, bad.index[~flow_runs].tolist(), bad.index[flow_runs].tolist())
    return report(Told(graph, failures(graph, messages), tenant.title, UTC)).encode()


async def _read(tenant: Tenant, run_id: str, depth: int | None) -> FlowRunGraph:
    from flowdag.prefect_api.client import connect
    from flowdag.prefect_api.read_run import read_run
    from flowdag.prefect_api.scope import require_visible

    try:
        run_id = str(UUID(run_id))
    except ValueError:
        raise RunNotFound from None
    async with connect(tenant) as client:
        await require_visible(client, tenant.scope, run_id)
        try:
            return await read_run(client, run_id, depth, _tell_progress if sys.stderr.isatty() else None)
        finally:
            if sys.stderr.isatty():
                print(CLEARED, end="", file=sys.stderr, flush=True)


def _tell_progress(reached: Reached) -> None:
    print(f"{CLEARED}{reached.words}…", end="", file=sys.stderr, flush=True)


def _write(content: bytes, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(content)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise CannotWrite(f"{output} cannot be written: {error.strerror}.", "Choose another file.") from None


if __name__ == "__main__":
    sys.exit(main())
