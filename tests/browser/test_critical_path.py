"""The critical path: read out above the graph, highlighted in it, and walked along with the keyboard alone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import click_task, drawn, graph, main, query, settle, shows, until, view, visit
from tests.samples import Samples

INK = {"light": "#111827", "dark": "#FFFFFF"}
# nightly_etl in flowdag/demo/nightly.py: what must come after each other, whatever ended last before `convert`
LAST = ["load-warehouse", "publish-report / publish acme report", "final-report"]


def links_on_path(page: Page, ink: str) -> list[dict[str, Any]]:
    edges = graph(page).evaluate("() => JSON.parse(JSON.stringify(__net.body.data.edges.get()))")
    return [edge for edge in edges if edge.get("color", {}).get("color") == ink]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_stands_out_and_is_read_out(page: Page, app_url: str, samples: Samples, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"])
    tiles = main(page).locator(".fd-tiles > div")
    expect(tiles.first).to_contain_text("%")
    until(page, lambda: len(links_on_path(page, INK[scheme])) >= 5, "links in ink")
    assert all(edge["width"] > 3 for edge in links_on_path(page, INK[scheme]))
    on_path = {name for name, node in drawn(graph(page)).items() if "◆" in node["label"]}
    assert {"convert", "stage", "verify-totals", "rank-regions", "final-report"} <= on_path
    assert not {"prepare-warehouse", "check-quality"} & on_path  # nothing waited for them
    expect(main(page)).to_contain_text("critical path")


def test_a_walk_with_the_keyboard(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"])
    graph(page)
    passed: list[str] = []
    while not passed or passed[-1] not in passed[:-1]:
        before = query(page).get("task")
        page.keyboard.press("n")
        page.wait_for_timeout(300)
        settle(page)
        if query(page).get("task") == before:  # the last has no next
            break
        passed.append(main(page).locator(".fd-title").inner_text().split("\n")[0].rsplit(" ", 2)[0].strip())
        assert len(passed) < 40
    assert len(passed) >= 8
    assert [name for name in passed if name in LAST] == LAST
    page.keyboard.press("b")
    until(page, lambda: query(page)["task"] != before, "one back")
    expect(main(page)).to_contain_text("On the path")


def test_the_graph_leaves_the_keyboard_to_the_page(page: Page, app_url: str, samples: Samples) -> None:
    """After a click into it: `u` unfolds, `f` shows all again, `/` goes to the search."""
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"])
    click_task(page, "final-report")
    page.keyboard.press("u")
    until(page, lambda: query(page).get("open") == ["all"], "all is unfolded")
    settle(page)
    whole = view(graph(page))
    graph(page).evaluate("() => __net.moveTo({scale: 3 * __net.getScale()})")
    until(page, lambda: view(graph(page))[0] > whole[0] * 1.2, "zoomed in")
    page.keyboard.press("f")
    until(page, lambda: view(graph(page))[0] == pytest.approx(whole[0], rel=0.02), "all is in sight again")
    page.keyboard.press("/")
    field = page.locator(".st-key-match input")
    expect(field).to_be_focused()
    page.keyboard.type("clean-north")
    page.keyboard.press("Enter")
    expect(main(page)).to_contain_text("1 of 29 stand out")
    shows(page, "final-report")
