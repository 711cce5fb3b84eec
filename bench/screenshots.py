"""Pictures of every page, at 1280 and 1920 wide, light and dark: to look at, and for the README.

    python bench/screenshots.py OUTDIR              # of a demo that is started for it, in a folder that is thrown away
    python bench/screenshots.py OUTDIR --url URL    # of a demo that is running already

docs/graph.png in the README is `task-1920-light.png`, with fewer colours.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script, this folder is there instead

from flowdag.demo.processes import clean_env, free_port, start, stop
from tests.browser.driving import TABLE, click_task, graph, query, settle, visit
from tests.needs import ROOT, needs_chromium

SIZES = {1280: 800, 1920: 1080}
RUNS = {  # the page's name: tenant and filters whose latest run is shown
    "graph": {"tenant": "acme", "flow": "nightly-etl", "state": "Completed"},
    "failing": {"tenant": "acme", "flow": "nightly-etl", "state": "Failed"},
    "wide": {"tenant": "globex", "flow": "score-customers"},
}
PAGES = {"timeline": "graph", "compare": "failing", "failures": "failing", "logs": "failing"}  # and the run of each


@contextmanager
def demo() -> Iterator[str]:
    """The address of a demo of its own, once all its sample runs are there."""
    with tempfile.TemporaryDirectory(prefix="flowdag-screenshots-") as name:
        folder, port = Path(name), free_port()
        command = [sys.executable, "-m", "flowdag.cli", "demo", "--no-browser", "--port", str(port)]
        log = folder / "demo.log"
        process = start(command, env=clean_env(folder, PYTHONPATH=str(ROOT)), cwd=folder, log=log)
        try:
            while "All sample runs are there" not in log.read_text():
                assert process.poll() is None, log.read_text()
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}"
        finally:
            stop([process])


def photograph(page: Page, url: str, folder: Path, suffix: str) -> None:
    """Save a picture of each page as `<page>-<suffix>.png`."""

    def save(name: str) -> None:
        page.mouse.move(0, 0)
        page.screenshot(path=folder / f"{name}-{suffix}.png")
        print(folder / f"{name}-{suffix}.png")

    shown: dict[str, dict[str, str]] = {}
    for name, filters in RUNS.items():
        visit(page, url, **filters)
        shown[name] = {"tenant": filters["tenant"], "run": query(page)["run"][0]}
        visit(page, url, **shown[name])
        graph(page)
        save(name)
        if name == "graph":
            click_task(page, "clean")
            graph(page)
            save("task")
    for name, run in PAGES.items():
        visit(page, url, name, **shown[run])
        page.wait_for_timeout(3000)  # charts paint themselves, and fragments follow
        save(name)
    visit(page, url, "runs", tenant="demo")
    expect(page.locator(TABLE).last).to_be_visible()
    settle(page)
    page.wait_for_timeout(500)  # the table paints itself
    save("runs")


def photograph_all(url: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=needs_chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        for width, height in SIZES.items():
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme=scheme, timezone_id="Europe/Berlin"
                )
                photograph(context.new_page(), url, folder, f"{width}-{scheme}")
                context.close()
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Pictures of every page.")
    parser.add_argument("folder", type=Path, metavar="OUTDIR")
    parser.add_argument("--url", help="a running demo's address")
    options = parser.parse_args()
    if options.url:
        photograph_all(options.url, options.folder)
        return
    with demo() as url:
        photograph_all(url, options.folder)


if __name__ == "__main__":
    main()
