"""Two runs compared: one is chosen, the steps from one duration to the other are drawn, a task is chosen by its row."""

from __future__ import annotations

import re
from datetime import datetime

import httpx
from playwright.sync_api import Page, expect

from tests.browser.driving import choose, click_row, main, query, settle, until, visit
from tests.samples import Samples

A_RUN = re.compile(r"^\S .* Completed")  # by itself: "The last good run" may be the same one, or missing


def took_s(samples: Samples, name: str) -> float:
    """Seconds of a sample run, as Prefect tells them."""
    run = httpx.get(f"{samples.api_url}/flow_runs/{samples.runs[name]}").json()
    start, end = (datetime.fromisoformat(run[one]) for one in ("start_time", "end_time"))
    return (end - start).total_seconds()


def test_two_runs_compared(page: Page, app_url: str, samples: Samples) -> None:
    """The nightly run that failed, beside the one that went well; which took longer is the machine's affair."""
    page.emulate_media(color_scheme="dark")
    visit(page, app_url, "compare", tenant="acme", run=samples.runs["failing"], **{"with": samples.runs["failing"]})
    expect(main(page)).to_contain_text("both took equally long")
    choose(page, "Compare with", A_RUN)
    until(page, lambda: query(page).get("with") == [samples.runs["nightly"]], "the address tells the other run")
    longer = took_s(samples, "failing") > took_s(samples, "nightly")
    way = re.compile(r"\+.*(longer|times as long)" if longer else r"−.*shorter")
    expect(main(page).locator(".fd-tiles")).to_contain_text(way)
    expect(main(page).get_by_test_id("stVegaLiteChart")).to_have_count(2)
    click_row(page, "final_report")
    until(page, lambda: "task" in query(page), "the address tells the task")
    settle(page)
    expect(main(page)).to_contain_text("final_report in both runs")
    page.get_by_role("button", name="Show in graph").click()
    until(page, lambda: "compare" not in page.url and "task" in query(page), "the graph, with the task chosen")
