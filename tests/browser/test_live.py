"""A run that goes on while somebody looks at it."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from tests.browser.driving import click_task, drawn, graph, main, query, settle, until, view, visit
from tests.samples import Samples
from tests.slow_flow import WAVES, WIDE, slow_run


def count(page: Page) -> int:
    """How many task runs the group of steps stands for."""
    labels = [node["label"] for node in drawn(graph(page)).values()]
    found = [int(match.group(1)) for label in labels if (match := re.search(r"× (\d+)", label))]
    return found[0] if found else len(labels)


def known(samples: Samples, run_id: str) -> int:
    body = {"flow_runs": {"id": {"any_": [run_id]}}}
    return int(httpx.post(f"{samples.api_url}/task_runs/count", json=body, trust_env=False).json())


def test_a_running_run_keeps_its_page_up_to_date(page: Page, app_url: str, samples: Samples, tmp_path: Path) -> None:
    with slow_run(samples.api_url, tmp_path) as run_id:
        visit(page, app_url, tenant="demo", run=run_id)
        expect(page.locator(".fd-head")).to_contain_text("Running")
        until(page, lambda: count(page) >= WIDE, "the first wave", 30)
        graph(page).evaluate("() => __net.moveTo({scale: 0.8, position: {x: 30, y: 20}})")
        place, before = view(graph(page)), count(page)
        until(page, lambda: count(page) > before, "another wave, without a reload", 30)
        assert view(graph(page)) == place, "zoom and place stay"

        page.get_by_text("Live", exact=True).click()
        settle(page)
        paused = count(page)
        known_then = known(samples, run_id)
        until(page, lambda: known(samples, run_id) > known_then, "the run has gone on", 30)
        page.wait_for_timeout(4000)
        assert count(page) == paused, "the page stands still"
        page.get_by_text("Live", exact=True).click()
        settle(page)

        if "step" in drawn(graph(page)):  # as one box
            click_task(page, "step")
            page.get_by_role("button", name=re.compile("Draw all")).click()
            until(page, lambda: "open" in query(page), "the group is open")
    # the flow has ended; its last task runs are still to be recorded
    until(page, lambda: len(drawn(graph(page))) == WAVES * WIDE, "all steps, in the group that was opened", 60)
    expect(page.locator(".fd-head")).to_contain_text("Completed", timeout=60_000)
    expect(page.get_by_role("button", name="Refresh")).to_be_visible(timeout=60_000)
    settle(page)
    expect(main(page)).to_contain_text(f"{WAVES * WIDE} tasks")
    signs = {node["label"][0] for node in drawn(graph(page)).values()}
    assert signs == {"✓"}
