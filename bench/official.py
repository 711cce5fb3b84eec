"""A Prefect server with its own page of a run: what flowdag's page is measured beside."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser

from bench.browsing import fresh_page, seconds_to_rest
from flowdag.demo.processes import clean_env, free_port, start, stop
from flowdag.demo.server import Server

# Its WebGL paints at least a quad a node, of two triangles. Above 2,000 nodes the page asks first: the button is
# clicked as soon as it is there.
ALL_PAINTED = """(size) => {
  [...document.querySelectorAll('button')].find((button) => /display graph/i.test(button.textContent))?.click();
  return window.__painted() >= 6 * size
    && performance.getEntriesByType('resource').some((entry) => entry.name.endsWith('/graph-v2'));
}"""


@contextmanager
def server_with_pages(home: Path) -> Iterator[tuple[str, Path]]:
    """A running server with everything in `home`; yields its API URL and its database."""
    home = home.resolve()
    (home / "prefect").mkdir(parents=True)
    port, log = free_port(), home / "server.log"
    api_url = f"http://127.0.0.1:{port}/api"
    env = clean_env(
        home,
        PREFECT_SERVER_UI_API_URL=api_url,
        PREFECT_SERVER_UI_STATIC_DIRECTORY=str(home / "pages"),
        PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT="false",
    )
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    server = Server(start(command, env=env, cwd=home / "prefect", log=log), api_url, log, time.monotonic())
    try:
        while not server.is_ready():
            time.sleep(0.1)
        yield api_url, home / "prefect" / "prefect.db"
    finally:
        stop([server.process])


def seconds_of_its_page(browser: Browser, api_url: str, run_id: str, size: int, picture: Path | None = None) -> float:
    """Seconds from opening the run's page until all its nodes are painted and the page rests."""
    with fresh_page(browser) as page:
        url = f"{api_url.removesuffix('/api')}/runs/flow-run/{run_id}"
        seconds = seconds_to_rest(page, url, ALL_PAINTED, size)
        if picture:
            page.screenshot(path=picture)
        return seconds
