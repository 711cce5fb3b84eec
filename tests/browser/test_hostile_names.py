"""Names with HTML, quotes, emoji, markdown, 300 characters or right-to-left text are text; nothing in them runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from flowdag.looks.words import clean
from tests.browser.driving import (
    cells,
    click_row,
    click_task,
    close_box,
    drawn,
    graph,
    main,
    offered,
    open_filters,
    selected_row,
    settle,
    shows,
    until,
    visit,
)
from tests.sample_runs import HOSTILE_NAMES, MARKDOWN, MARKUP
from tests.samples import Samples

# what the browser would have made of the names, had it read them as HTML or markdown
MADE = 'img[src="x"], svg[onload], a[href^="javascript:"], .katex, [onerror]'


@pytest.fixture
def wary(page: Page) -> Iterator[Page]:
    """A page of which, at the end of the test, nothing may have been run, opened or asked for."""
    dialogs: list[str] = []
    asked: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    yield page
    assert [url for url in asked if url.endswith("/x")] == []
    assert dialogs == []
    assert len(page.context.pages) == 1
    for frame in page.frames:
        assert frame.evaluate("() => typeof window.__hacked") == "undefined"
        assert frame.locator(MADE).count() == 0


def made_of_names(page: Page) -> list[str]:
    """Texts that are bold, coloured or code, and would not be if names were left alone."""
    return [
        text
        for text in main(page).locator("strong, em, code:not(pre code), [class*=colored]").all_inner_texts()
        if text in ("bold", "x", "y")
    ]


def test_every_hostile_name_is_text_in_graph_table_and_details(wary: Page, app_url: str, samples: Samples) -> None:
    visit(wary, app_url, tenant="odd", run=samples.runs["hostile"])
    expect(wary.get_by_text(MARKUP, exact=True).first).to_be_visible()  # the run's name
    labels = [node["label"] for node in drawn(graph(wary)).values()]
    assert len(labels) == len(HOSTILE_NAMES)
    assert any("<img" in label for label in labels)
    assert any("**bold**" in label for label in labels)
    assert all(len(label.split("\n")[0]) < 40 for label in labels), "the 300 characters are shortened"

    until(wary, lambda: len(cells(wary)) == len(HOSTILE_NAMES), "a row for each task")
    assert {row[0] for row in cells(wary)} == {*HOSTILE_NAMES.values()}
    short = {node["label"][2:5]: name for name, node in drawn(graph(wary)).items()}
    for name in HOSTILE_NAMES.values():
        click_task(wary, short[clean(name)[:3]], clean(name))
        expect(selected_row(wary)).to_have_text(name)
        expect(main(wary).locator("pre", has_text=clean(name)[:20]).last).to_be_visible()  # its log line
        assert made_of_names(wary) == []


def test_parameters_tags_message_and_artifacts_are_text(wary: Page, app_url: str, samples: Samples) -> None:
    visit(wary, app_url, tenant="odd", run=samples.runs["hostile"])
    text = main(wary)
    expect(text).to_contain_text(f"ValueError: {MARKUP} {MARKDOWN} {MARKDOWN}")  # its message
    expect(text).to_contain_text(f'"{MARKUP}": "{MARKUP}"')  # a parameter
    expect(text).to_contain_text(f"client:odd, {MARKUP}, {MARKDOWN}")  # its tags
    assert made_of_names(wary) == []

    click_row(wary, MARKUP)
    shows(wary, MARKUP)
    for words in (f"{MARKUP} {MARKDOWN}", f"# {MARKUP}", MARKDOWN):
        expect(text).to_contain_text(words)
    until(wary, lambda: [MARKUP, MARKDOWN] in tables(wary), "the table artifact")
    settle(wary)
    assert made_of_names(wary) == []


def tables(page: Page) -> list[list[str]]:
    """The rows of every table on the page."""
    return [row.locator("td").all_text_contents() for row in page.locator("table[role=grid] tbody tr").all()]


def test_lists_of_runs_show_names_as_text(wary: Page, app_url: str) -> None:
    visit(wary, app_url, "runs", tenant="odd")
    until(wary, lambda: any(MARKUP in row for row in cells(wary)), "the run's name in the table")
    expect(offered(wary, "Run").filter(has_text=MARKUP)).to_be_visible()
    close_box(wary)
    open_filters(wary)
    expect(offered(wary, "Flow").filter(has_text="**bold**")).to_be_visible()
    assert made_of_names(wary) == []


def test_an_address_is_text(wary: Page, app_url: str) -> None:
    visit(wary, app_url, tenant=MARKUP, run=MARKUP, task=MARKUP, state=MARKUP, flow=MARKUP)
    expect(main(wary)).not_to_contain_text("Traceback")
    visit(wary, app_url, tenant="acme", run=MARKUP)
    expect(main(wary)).to_contain_text("There is no such flow run here.")
