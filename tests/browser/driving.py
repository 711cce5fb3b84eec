"""How the tests find on the page what a person sees: the drawn graph, the details beside it, and the tables.

The few selectors that tests share are here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import Error, Frame, Locator, Page, expect

from bench.agraph_probe import NETWORK

SETTLED = '[data-testid=stApp][data-test-script-state="notRunning"]'
IFRAME = "iframe[title*=agraph]"
TABLE = "[data-testid=stDataFrame]:visible"  # the lowest one: in the details there may be others
SHOWN = ".fd-title"  # whose details these are
ROW_HEIGHT = 35  # of Streamlit's tables, the header's too; their cells are painted, so that only this tells where
View = tuple[float, float, float]


# The page


def visit(page: Page, app_url: str, path: str = "", **query: str) -> None:
    """Open an address of the app, and wait until its script has ended."""
    page.goto(f"{app_url}/{path}?{urlencode(query)}")
    settle(page)


def settle(page: Page) -> None:
    expect(page.locator(SETTLED)).to_be_attached(timeout=60_000)


def query(page: Page) -> dict[str, list[str]]:
    """What the address says after the question mark."""
    return parse_qs(urlsplit(page.url).query)


def until(page: Page, is_so: Callable[[], bool], what: str, at_most_s: float = 20) -> None:
    """Return once `is_so`, looking ten times a second."""
    for _ in range(int(at_most_s * 10)):
        if is_so():
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"not within {at_most_s:.0f} s: {what}")


def shows(page: Page, name: str) -> None:
    """Wait for the details of this task, "The run" where none is chosen; a sign and a state may follow the name."""
    text = re.compile(rf"^\s*{re.escape(name)}(\s+\S [A-Z][a-z ]+)?\s*$")
    expect(page.locator(SHOWN)).to_have_text(text, timeout=10_000)


def sidebar(page: Page) -> Locator:
    return page.get_by_test_id("stSidebar")


def open_filters(page: Page) -> None:
    sidebar(page).get_by_text("Filters", exact=True).click()


def picked(page: Page, label: str) -> Locator:
    """What is chosen in one of the boxes of the sidebar, or of what it has opened."""
    return page.get_by_role("combobox", name=label)


def main(page: Page) -> Locator:
    return page.get_by_test_id("stMain")


def offered(page: Page, label: str) -> Locator:
    """Open one of the sidebar's boxes: what can be chosen there."""
    options = page.get_by_role("option")
    expect(options).to_have_count(0)  # of another box
    _again_if_lost(lambda: picked(page, label).press("ArrowDown"), lambda: options.first.wait_for(timeout=6_000))
    return options


def _again_if_lost(act: Callable[[], None], seen: Callable[[], None]) -> None:
    """Do it, and once more if nothing comes of it: a page under way, or a busy machine, loses a press now and then."""
    act()
    try:
        seen()
    except (AssertionError, Error):
        act()
        seen()


def close_box(page: Page) -> None:
    page.keyboard.press("Escape")
    expect(page.get_by_role("option")).to_have_count(0)


def choose(page: Page, label: str, option: str | re.Pattern[str]) -> None:
    """Choose in one of the page's boxes another option, the first that contains this text."""
    before = page.url
    offered(page, label).filter(has_text=option).first.click()
    until(page, lambda: page.url != before, "the address tells the choice")
    settle(page)
    close_box(page)  # where several can be chosen it stays open


def click_within(page: Page, element: Locator, right: float, down: float) -> None:
    """Click a spot of the element, given in pixels from its corner; the page is scrolled if it is out of sight."""
    for _ in range(2):
        box, size = element.bounding_box(), page.viewport_size
        assert box
        assert size
        at = box["y"] + down
        if 100 <= at <= size["height"] - 20:
            break
        main(page).evaluate("(main, by) => main.scrollBy(0, by)", at - size["height"] / 2)
        page.wait_for_timeout(200)
    page.mouse.click(box["x"] + right, at)


# The graph


def graph(page: Page) -> Frame:
    """The frame of the graph, once it is drawn and rests; `__net` is its network in there."""
    seen: list[View | None] = [None]

    def rests() -> bool:
        seen.append(_view_if_drawn(page))
        return len(seen) > 3 and seen[-1] is not None and seen[-1] == seen[-2] == seen[-3]

    until(page, rests, "the graph rests")
    return _frame(page)


def _frame(page: Page) -> Frame:
    handle = page.locator(IFRAME).element_handle()
    frame = handle.content_frame() if handle else None
    assert frame
    return frame


def _view_if_drawn(page: Page) -> View | None:
    try:
        frame = _frame(page)
        drawn = frame.evaluate(NETWORK) and frame.evaluate("() => __net.body.data.nodes.length > 0")
        return view(frame) if drawn else None
    except (Error, AssertionError):  # it is being put up, or taken down
        return None


def view(frame: Frame) -> View:
    """Zoom, and the place in the middle."""
    zoom, x, y = frame.evaluate("() => { const at = __net.getViewPosition(); return [__net.getScale(), at.x, at.y] }")
    return zoom, x, y


def drawn(frame: Frame) -> dict[str, dict[str, Any]]:
    """What is drawn of each task, by its name in the box: after the sign, before the figures."""
    nodes = frame.evaluate("() => JSON.parse(JSON.stringify(__net.body.data.nodes.get()))")
    return {re.split("\n|  ", node["label"])[0].split(" ", 1)[1]: node for node in nodes if node["label"]}


def look(page: Page, name: str) -> tuple[Any, Any]:
    """How the box of a task is bordered."""
    node = drawn(graph(page))[name]
    return node["borderWidth"], node["color"]["border"]


def click_task(page: Page, name: str, whole_name: str | None = None) -> None:
    """Click the canvas where this task is drawn (a long name shortened), and wait for its details."""

    def click() -> None:
        frame = graph(page)
        node = drawn(frame)[name]["id"]
        spot = frame.evaluate("id => __net.canvasToDOM(__net.getPositions([id])[id])", node)
        click_within(page, page.locator(IFRAME), spot["x"], spot["y"])

    _again_if_lost(click, lambda: shows(page, whole_name or name))
    settle(page)


# The tables


def cells(page: Page) -> list[list[str]]:
    """The texts of the rows and columns of the lowest table that are in sight."""
    return page.locator(TABLE).last.evaluate(
        "table => [...table.querySelectorAll('tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))"
    )


def row_of(page: Page, text: str) -> int:
    """Which row of the lowest table has this cell, counted from 0, once the table rests."""
    seen: list[list[list[str]]] = []

    def rests() -> bool:
        seen.append(cells(page))
        return len(seen) > 3 and seen[-1] == seen[-2] == seen[-3] and any(text in row for row in seen[-1])

    until(page, rests, f"a row with {text}")
    return next(number for number, row in enumerate(seen[-1]) if text in row)


def selected_row(page: Page) -> Locator:
    """The first cell of the chosen row."""
    return page.locator(TABLE).last.locator('tr[aria-selected="true"] td:first-child')


def click_row(page: Page, text: str) -> None:
    """Tick the row of the lowest table that has this cell."""
    row = row_of(page, text)
    click_within(page, page.locator(TABLE).last.locator("canvas").first, 12, (row + 1.5) * ROW_HEIGHT)
