"""`python -m bench [PART ...]`: measure all parts, or those named; print a table, and write bench.json beside it.

A part is a module here with `measure() -> list[Figure]`. The exit code is 1 if a demand was not met.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from bench.figures import Figure

NAMES = ("reading", "computing", "comparing", "saving", "drawing", "timeline", "live")
PARTS = [part for part in NAMES if find_spec(f"bench.{part}")]
TITLES = ("part", "what", "size", "value", "unit", "ratio", "beside", "must hold", "holds")
RIGHT = ("size", "value", "ratio")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure flowdag; write bench.json.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)} (all, if none is named)")
    named = parser.parse_args().parts
    if unknown := sorted(set(named) - set(PARTS)):
        parser.error(f"no such part: {', '.join(unknown)}")
    figures: list[Figure] = []
    for part in named or PARTS:
        print(f"Measuring {part}…", file=sys.stderr, flush=True)
        figures += import_module(f"bench.{part}").measure()
    print(in_columns(figures))
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    found = {**machine, "figures": [asdict(figure) for figure in figures]}
    Path("bench.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(any(figure.holds is False for figure in figures))


def in_columns(figures: Sequence[Figure]) -> str:
    rows = [TITLES, *(_words(figure) for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if title in RIGHT else cell.ljust(width)
            for title, cell, width in zip(TITLES, row, widths, strict=True)
        ).rstrip()
        for row in rows
    )


def _words(figure: Figure) -> tuple[str, ...]:
    return (
        figure.part,
        figure.what,
        "" if figure.size is None else f"{figure.size:,}",
        f"{figure.value:,.3g}" if abs(figure.value) < 100 else f"{figure.value:,.0f}",
        figure.unit,
        "" if figure.ratio is None else f"{figure.ratio:.2f}",
        figure.beside or "",
        figure.must or "",
        {None: "", True: "yes", False: "NO"}[figure.holds],
    )


if __name__ == "__main__":
    sys.exit(main())
