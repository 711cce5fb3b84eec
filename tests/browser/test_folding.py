"""Groups are opened and folded where they are; the address says which are open."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.driving import click_task, drawn, graph, query, settle, shows, visit
from tests.sample_runs import PARTS, WIDE
from tests.samples import Samples


def middle(page: Page, names: list[str]) -> tuple[float, float]:
    """The middle of these boxes, in pixels of the canvas."""
    frame = graph(page)
    ids = [drawn(frame)[name]["id"] for name in names]
    spots = frame.evaluate("ids => ids.map(id => __net.canvasToDOM(__net.getPositions([id])[id]))", ids)
    return sum(spot["x"] for spot in spots) / len(ids), sum(spot["y"] for spot in spots) / len(ids)


def test_a_group_is_opened_and_folded_where_it_is(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, tenant="odd", run=samples.runs["two parts"])
    assert set(drawn(graph(page))) == {"part", "piece"}
    click_task(page, "piece")
    expect(page.get_by_role("button", name=f"Draw all {WIDE - PARTS}")).to_be_disabled()
    click_task(page, "part")
    before = middle(page, ["part"])
    page.get_by_role("button", name=f"Draw all {PARTS}").click()
    expect(page.get_by_role("button", name=f"Fold {PARTS} together")).to_be_visible()
    settle(page)
    parts = [f"part-{number}" for number in range(PARTS)]
    assert set(drawn(graph(page))) == {*parts, "piece"}
    after = middle(page, parts)
    assert abs(after[0] - before[0]) < 2
    assert abs(after[1] - before[1]) < 2

    click_task(page, "part-3")
    visit(page, app_url, **{key: values[0] for key, values in query(page).items()})
    shows(page, "part-3")
    assert set(drawn(graph(page))) == {*parts, "piece"}
    page.get_by_role("button", name=f"Fold {PARTS} together").click()
    expect(page.get_by_role("button", name=f"Draw all {PARTS}")).to_be_visible()
    settle(page)
    assert set(drawn(graph(page))) == {"part", "piece"}
    assert "open" not in query(page)
