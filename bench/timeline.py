"""The timeline of a run that has been read: computing it, and turning to its page.

Computing: bars, rows, counts and both charts as they are sent, without the critical path (bench.computing). Turning to
the page: in a browser in which the run's graph is open, from the click on "Timeline" until both charts are drawn and
the page rests; the first time, when all is computed, and the median of further times. "tasks" has a row a task, of
which one page is drawn.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC
from pathlib import Path
from statistics import median
from typing import Literal
from urllib.parse import urlencode

from playwright.sync_api import Page

from bench.browsing import at_rest, chromium, fresh_page, seconds_to_rest
from bench.computing import AS_OF, whole_run
from bench.figures import Figure, fastest
from bench.seeding import layered, seed, seeded_server
from flowdag.analysis.critical_path import CriticalPath, critical_path
from flowdag.analysis.time_axis import time_axis
from flowdag.analysis.timeline import timeline
from flowdag.analysis.timeline_rows import RowView, arranged
from flowdag.looks.timeline_marks import Scene, in_sight
from flowdag.model import FlowRunGraph
from flowdag.prefect_api.assemble import assemble
from flowdag.ui.load_chart import load_chart
from flowdag.ui.timeline import PAGE
from flowdag.ui.timeline_chart import timeline_chart
from tests.running_app import running_app

SIZES, SIZE, TURNS = (1_000, 10_000), 10_000, 3
WITHIN_S = 2.0
BOTH: tuple[Literal["groups", "tasks"], ...] = ("groups", "tasks")
GRAPH = """() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
  && document.querySelector('.st-key-graph iframe')"""
CHARTS = """() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
  && ['gantt', 'load'].every((chart) => document.querySelector(`.st-key-${chart} :is(svg.marks, canvas.marks)`))"""


def measure(sizes: Sequence[int] = SIZES, drawn: int = SIZE) -> list[Figure]:
    return [*(figure for size in sizes for figure in _computed(size)), *_drawn(drawn)]


def _computed(size: int) -> Iterator[Figure]:
    graph = assemble(whole_run(size), AS_OF)
    path = critical_path(graph)
    for by in BOTH:
        took, _ = fastest(lambda by=by: _charts(graph, path, by), 3)
        yield _said(Figure("timeline", f"computed, rows by {by}", size, took, "s"))


def _charts(graph: FlowRunGraph, path: CriticalPath, by: Literal["groups", "tasks"]) -> None:
    found = timeline(graph)
    rows = arranged(graph, path.tasks["path_s"], RowView(by))
    axis = time_axis(*found.span, found.idle)
    seen = in_sight(found, rows, found.span)[:PAGE]
    scene = Scene(found, axis, rows, seen, path, frozenset(), UTC, dark=False)
    timeline_chart(graph, scene).chart.to_dict()
    load_chart(found, axis, UTC, dark=False).to_dict()


def _drawn(size: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name, seeded_server(Path(name) / "server") as (api_url, database):
        run = seed(database, layered(size)).flow_run_id
        app = Path(name) / "app"
        (app / ".streamlit").mkdir(parents=True)
        (app / ".streamlit" / "secrets.toml").write_text(f'[tenants.bench]\ntitle = "Bench"\napi_url = "{api_url}"\n')
        with running_app(app) as app_url, chromium() as browser, fresh_page(browser) as page:
            url = f"{app_url}/?{urlencode({'tenant': 'bench', 'run': run})}"
            seconds_to_rest(page, url, GRAPH)
            first = _turn_s(page)
            again = median(_back_and_turn_s(page) for _ in range(TURNS))
            for what, took in (("turned to, the first time", first), ("turned to again", again)):
                must = f"within {WITHIN_S:.0f} s"
                yield _said(Figure("timeline", what, size, took, "s", must=must, holds=took <= WITHIN_S))


def _back_and_turn_s(page: Page) -> float:
    _turn_to(page, "Graph")
    at_rest(page, GRAPH)
    return _turn_s(page)


def _turn_s(page: Page) -> float:
    begin = time.time()
    _turn_to(page, "Timeline")
    return at_rest(page, CHARTS) - begin


def _turn_to(page: Page, title: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_text(title, exact=True).click()


def _said(figure: Figure) -> Figure:
    """Told at once, beside how busy the machine is."""
    print(f"  {figure.what} at {figure.size:,}: {figure.value:.2f} s (load {os.getloadavg()[0]:.1f})", file=sys.stderr)
    return figure
