"""Opening a run's page, beside a bare Streamlit page and the official page of the same run; and clicks on the graph.

From opening the address until all expected boxes are on the canvas and the page rests (see bench.browsing), each time
in a browser that has nothing cached. The expected boxes come from the plan that was seeded. "again" is a run that
flowdag has read already, "first" one that it has not. Of what is repeated the median counts; flowdag's page and the
bare one are opened by turns, the official one after them. That is the page that asks before it draws more than 2,000
nodes: of the two that a server brings, the quicker one. Its time ends when WebGL has painted all nodes and it rests.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import anyio
from playwright.sync_api import Browser, Page

from bench.browsing import at_rest, chromium, fresh_page, seconds_to_rest
from bench.figures import Figure, fastest
from bench.official import seconds_of_its_page, server_with_pages
from bench.seeding import Planned, layered, seed
from bench.widget import DRAWN, boxes, expected, seconds_to_facts
from flowdag.prefect_api.client import connect
from flowdag.prefect_api.read_run import read_run
from flowdag.tenants import Tenant
from tests.running_app import running_app

SIZES = (100, 1_000, 2_000, 10_000, 50_000)
OPENED = {100: (20, 20), 1_000: (25, 7), 2_000: (30, 4), 10_000: (40, 1)}  # names, opened of them: about 300 boxes
TURNS, CLICKS = 3, 20
BEYOND_BARE_S, AT = 0.7, (100, 1_000, 2_000)
OF_OFFICIAL, OFFICIAL_TURNS = {1_000: 0.7, 10_000: 0.3}, {100: 3, 1_000: 3, 2_000: 3, 10_000: 1}
BEYOND_READING_S, LARGEST = 5.0, 50_000
CLICK_S, CLICKED = 0.5, (1_000, 10_000)
TEN_NODES = """
import json
from streamlit_agraph import _agraph

nodes = [{"id": str(n), "label": f"· step-{n}\\n1 s", "shape": "box", "x": 150 * n, "y": 0} for n in range(10)]
edges = [{"id": f"e{n}", "from": str(n), "to": str(n + 1)} for n in range(9)]
options = {"height": "500px", "width": "100%", "physics": {"enabled": False}, "groups": {}}
_agraph(data=json.dumps({"nodes": nodes, "edges": edges}), config=json.dumps(options), key="graph")
"""


@dataclass(frozen=True)
class Site:
    """What is measured: the browser, the addresses, and the seeded runs."""

    browser: Browser
    api_url: str
    app_url: str
    bare_url: str
    runs: Mapping[int, str]
    opened: Mapping[int, str]

    def run_url(self, run_id: str, opened: Sequence[str] = ()) -> str:
        keys = [("open", f"group:{name}@#1") for name in opened]
        return f"{self.app_url}/?{urlencode([('tenant', 'bench'), ('run', run_id), *keys])}"


def measure(sizes: Sequence[int] = SIZES) -> list[Figure]:
    with _seeded(sizes) as (api_url, runs, opened), tempfile.TemporaryDirectory() as name:
        app, bare = _folders(Path(name), api_url)
        with running_app(app) as app_url, running_app(bare, bare / "bare.py") as bare_url, chromium() as browser:
            site = Site(browser, api_url, app_url, bare_url, runs, opened)
            _bare_s(site)  # whatever is done once in the life of a process
            _open_s(site, opened[min(sizes)], layered(min(sizes), OPENED[min(sizes)][0]))
            return [figure for size in sizes for figure in _of_size(site, size)]


@contextmanager
def _seeded(sizes: Sequence[int]) -> Iterator[tuple[str, dict[int, str], dict[int, str]]]:
    with tempfile.TemporaryDirectory() as home, server_with_pages(Path(home)) as (api_url, database):
        opened = {size: seed(database, layered(size, OPENED[size][0])) for size in sizes if size in OPENED}
        runs = {size: seed(database, layered(size)) for size in sizes}
        yield api_url, *({size: run.flow_run_id for size, run in which.items()} for which in (runs, opened))


def _folders(home: Path, api_url: str) -> tuple[Path, Path]:
    app, bare = home / "app", home / "bare"
    (app / ".streamlit").mkdir(parents=True)
    (app / ".streamlit" / "secrets.toml").write_text(f'[tenants.bench]\ntitle = "Bench"\napi_url = "{api_url}"\n')
    bare.mkdir()
    (bare / "bare.py").write_text(TEN_NODES)
    return app, bare


def _reading_s(api_url: str, run_id: str) -> float:
    """Seconds to the assembled graph; in a thread, because Playwright's loop is in this one."""

    async def read() -> None:
        async with connect(Tenant(slug="bench", title="Bench", api_url=api_url)) as client:
            await read_run(client, run_id)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(fastest, lambda: anyio.run(read), 1).result()[0]


def _of_size(site: Site, size: int) -> Iterator[Figure]:
    plan = layered(size)
    reading_s = _reading_s(site.api_url, site.runs[size])
    first_s = _open_s(site, site.runs[size], plan)
    beyond = f"at most {BEYOND_READING_S:.0f} s more" if size == LARGEST else None
    held = first_s - reading_s <= BEYOND_READING_S if beyond else None
    yield _said(Figure("drawing", "first", size, first_s, "s", "its reading", first_s / reading_s, beyond, held))
    yield _said(Figure("drawing", "its reading", size, reading_s, "s"))
    turns = [(_bare_s(site), _open_s(site, site.runs[size], plan)) for _ in range(TURNS)]
    bare_s, again_s = (median(times) for times in zip(*turns, strict=True))
    yield _said(Figure("drawing", "bare page", size, bare_s, "s"))
    yield _said(_beside_bare("again", size, again_s, bare_s))
    if size in OPENED:
        names, count = OPENED[size]
        plan, run_id = layered(size, names), site.opened[size]
        opened = list(dict.fromkeys(task.name for task in plan))[:count]
        _open_s(site, run_id, plan, opened)
        opened_s = median(_open_s(site, run_id, plan, opened) for _ in range(TURNS))
        yield _said(_beside_bare("again, about 300 boxes", size, opened_s, bare_s))
        if size in CLICKED:
            yield _said(_click("a click", site, size, site.runs[size], layered(size), []))
            yield _said(_click("a click, about 300 boxes", site, size, run_id, plan, opened))
    if size in OFFICIAL_TURNS:
        times = [
            seconds_of_its_page(site.browser, site.api_url, site.runs[size], size) for _ in range(OFFICIAL_TURNS[size])
        ]
        yield _said(_beside_official(size, again_s, median(times)))
        yield _said(Figure("drawing", "official page", size, median(times), "s"))


def _beside_bare(what: str, size: int, seconds: float, bare_s: float) -> Figure:
    must = f"at most {BEYOND_BARE_S} s more" if size in AT else None
    holds = seconds <= bare_s + BEYOND_BARE_S if must else None
    return Figure("drawing", what, size, seconds, "s", "a bare page", seconds / bare_s, must, holds)


def _beside_official(size: int, seconds: float, official_s: float) -> Figure:
    ratio = seconds / official_s
    must = f"at most {OF_OFFICIAL[size]}" if size in OF_OFFICIAL else None
    holds = ratio <= OF_OFFICIAL[size] if must else None
    return Figure("drawing", "again", size, seconds, "s", "the official page", ratio, must, holds)


def _click(what: str, site: Site, size: int, run_id: str, plan: Sequence[Planned], opened: Sequence[str]) -> Figure:
    """The median of clicks on boxes that lie evenly between all."""
    with fresh_page(site.browser) as page:
        _opened(page, site, run_id, plan, opened)
        count = len(boxes(page))
        times = []
        for nth in range(CLICKS):
            box = boxes(page)[nth * count // CLICKS]  # every click gives them other ids
            times.append(seconds_to_facts(page, box))
            at_rest(page, "() => true")
    took = median(times)
    return Figure("drawing", what, size, took, "s", None, None, f"at most {CLICK_S} s", took <= CLICK_S)


def _bare_s(site: Site) -> float:
    with fresh_page(site.browser) as page:
        return seconds_to_rest(page, site.bare_url, DRAWN, ["step"] * 10)


def _open_s(site: Site, run_id: str, plan: Sequence[Planned], opened: Sequence[str] = ()) -> float:
    with fresh_page(site.browser) as page:
        return _opened(page, site, run_id, plan, opened)


def _opened(page: Page, site: Site, run_id: str, plan: Sequence[Planned], opened: Sequence[str]) -> float:
    return seconds_to_rest(page, site.run_url(run_id, opened), DRAWN, expected(plan, opened))


def _said(figure: Figure) -> Figure:
    """Told at once, beside how busy the machine is: all of it takes minutes."""
    size = "" if figure.size is None else f" at {figure.size:,}"
    print(f"  {figure.what}{size}: {figure.value:.2f} {figure.unit} (load {os.getloadavg()[0]:.1f})", file=sys.stderr)
    return figure
