"""From what failed first to its log lines, and among the lines: by clicks, as a person goes."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.driving import main, query, settle, until, visit
from tests.sample_runs import HOSTILE_NAMES, MARKDOWN, MARKUP
from tests.samples import Samples


@pytest.fixture(scope="module", autouse=True)
def begun(browser: Browser, app_url: str) -> None:
    """Streamlit tells the very first viewer of a server that no page but the first one exists."""
    page = browser.new_page()
    visit(page, app_url, tenant="odd")
    page.close()


def lines(page: Page) -> Locator:
    return page.get_by_role("log").locator(".row")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_from_the_failure_to_its_log_lines(theme: str, page: Page, app_url: str, samples: Samples) -> None:
    """The region east cannot be converted; its log tells the exception too."""
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    visit(page, app_url, "failures", tenant="acme", run=samples.runs["failing"])
    expect(main(page)).to_contain_text("1 task failed first; because of it")
    expect(main(page).locator("pre").first).to_contain_text("ValueError: Region east")
    main(page).get_by_role("button", name="convert-east").click()
    expect(main(page)).to_contain_text("Task run id")
    (task,) = query(page)["task"]

    main(page).get_by_role("button", name="Its log lines").click()
    expect(lines(page).first).to_be_visible()
    settle(page)
    assert (query(page)["task"], query(page)["only"]) == ([task], ["true"])
    assert set(lines(page).locator(".task").all_inner_texts()) == {"convert-east"}
    error = lines(page).filter(has_text="Traceback")
    expect(error.locator(".level")).to_have_text("✗ ERROR")

    main(page).get_by_text("Only its lines").click()
    expect(lines(page).filter(has_text="Nightly run of acme")).to_be_visible()
    expect(page.locator(".row.chosen").filter(has_text="Traceback")).to_be_visible()


def test_among_the_lines(page: Page, app_url: str, samples: Samples, tmp_path: Path) -> None:
    """Earlier lines come above those in sight; a word narrows them; a file has what matches; a name chooses."""
    visit(page, app_url, "logs", tenant="globex", run=samples.runs["wide"])
    expect(lines(page)).to_have_count(300)
    log = page.get_by_role("log")
    at_end = "log => log.scrollHeight - log.scrollTop - log.clientHeight < 30"
    until(page, lambda: bool(log.evaluate(at_end)), "the last lines are in sight")
    last = lines(page).last.inner_text()
    main(page).get_by_role("button", name="Load 500 earlier").click()
    until(page, lambda: lines(page).count() > 310, "earlier lines")
    assert lines(page).last.inner_text() == last
    expect(main(page)).to_contain_text("lines: all there are")

    main(page).get_by_placeholder("Words of a line").fill("FLOW beginning")
    main(page).get_by_placeholder("Words of a line").press("Enter")
    expect(lines(page)).to_have_count(1)
    assert query(page)["text"] == ["FLOW beginning"]
    main(page).get_by_role("button", name="Download").click()
    page.get_by_role("button", name="Text", exact=True).click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save 1 line").click()
    saved.value.save_as(tmp_path / "lines.txt")
    (text,) = (tmp_path / "lines.txt").read_text().splitlines()
    assert "Beginning flow run" in text
    page.keyboard.press("Escape")

    main(page).get_by_placeholder("Words of a line").fill("")
    main(page).get_by_placeholder("Words of a line").press("Enter")
    expect(lines(page)).to_have_count(300)
    lines(page).get_by_role("button", name="rank-customers").last.click()
    expect(main(page)).to_contain_text("Chosen: rank-customers")
    assert query(page)["task"]


def test_hostile_lines_are_text(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, "logs", tenant="odd", run=samples.runs["hostile"])
    for name in (MARKUP, MARKDOWN, HOSTILE_NAMES["breakout"]):
        expect(lines(page).locator(".message").get_by_text(name, exact=True).first).to_be_visible()
    assert page.evaluate("() => typeof window.__hacked") == "undefined"
    assert main(page).locator('img[src="x"], svg[onload], [onerror]').count() == 0
    visit(page, app_url, "failures", tenant="odd", run=samples.runs["hostile"])
    expect(main(page).locator("pre").first).to_have_text(f"ValueError: {MARKUP} {MARKDOWN} {MARKDOWN}")
    assert page.evaluate("() => typeof window.__hacked") == "undefined"
