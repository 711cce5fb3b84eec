"""The timeline: what a click and a drag do, and that names stay text."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.driving import query, settle, shows, until, visit
from tests.samples import Samples

CHART = ".st-key-gantt"


def turn_to(page: Page, title: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_text(title, exact=True).click()
    settle(page)


def bar(page: Page, said: str) -> Locator:
    """What is drawn of a task or its path, by what a screen reader says of it."""
    return page.locator(f'{CHART} path[aria-label^="{said}"]').first


def points_at(page: Page, bar: Locator) -> bool:
    """Move onto a bar, from elsewhere on it: a busy page may miss it. While a chart changes there is none."""
    box = bar.bounding_box()
    if box is None:
        return False
    for aside in (3, 0):
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 + aside)
    return True


def times(page: Page) -> list[str]:
    """What the axis names."""
    return page.locator(f"{CHART} g.mark-text").first.locator("text").all_text_contents()


def test_a_clicked_bar_is_chosen_everywhere_and_a_dragged_stretch_is_in_the_address(
    page: Page, app_url: str, samples: Samples
) -> None:
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"])
    turn_to(page, "Timeline")
    verify = bar(page, "verify-totals: Ran, completed")
    verify.click()
    shows(page, "verify-totals")
    task = query(page)["task"]
    whole = times(page)

    box = page.locator(CHART).bounding_box()
    assert box
    middle, height = box["x"] + box["width"] * 0.65, box["y"] + 120
    page.mouse.move(middle - 60, height)
    page.mouse.down()
    page.mouse.move(middle, height)
    page.mouse.move(middle + 60, height)
    page.mouse.up()
    until(page, lambda: "range" in query(page), "the address names a stretch")
    settle(page)
    until(page, lambda: times(page) != whole, "another stretch is drawn")
    part, zoomed = query(page)["range"], times(page)
    start, end = map(float, part[0].split("-"))
    assert 0 < start < end
    assert query(page)["task"] == task  # dragging chooses nothing else

    page.reload()
    settle(page)
    until(page, lambda: times(page) == zoomed, "the same stretch is drawn again")
    shows(page, "verify-totals")
    page.get_by_role("button", name="Whole run").click()
    until(page, lambda: times(page) == whole, "the whole run is drawn again")
    assert "range" not in query(page)

    turn_to(page, "Graph")
    shows(page, "verify-totals")
    assert query(page)["task"] == task


def test_names_are_only_text_in_the_chart_and_in_what_hovering_tells(
    page: Page, app_url: str, samples: Samples
) -> None:
    visit(page, app_url, tenant="odd", run=samples.runs["hostile"])
    turn_to(page, "Timeline")
    page.get_by_role("radio", name="Tasks").click()
    settle(page)
    tells = page.locator("#vg-tooltip-element")
    bars = page.locator(f"{CHART} path[aria-label*=': Ran']")
    expect(bars.first).to_be_attached()
    for one in bars.all():
        until(page, lambda one=one: points_at(page, one) and tells.is_visible(), "the tooltip")  # type: ignore[misc]
        assert not tells.locator("img, svg, a, script").count()
    expect(tells).to_contain_text("Ran")
    assert page.locator(CHART).get_by_text(re.compile("<img src=x")).count()
    assert page.evaluate("window.__hacked") is None
