"""What makes a graph readable: everything folded or not, containers closed, search, lineage, colours."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.driving import click_task, drawn, graph, main, query, settle, shows, until, view, visit
from tests.samples import Samples

REGIONS = ("north", "east", "south", "west")
EXTRACTS = {f"extract-{region}" for region in REGIONS}


def boxes(page: Page) -> set[str]:
    return set(drawn(graph(page)))


def grey(page: Page) -> set[str]:
    """The names of boxes that are dimmed: they share the look of one that surely is."""
    nodes = drawn(graph(page))
    faded = nodes["verify-totals"]["color"]["background"]
    return {name for name, node in nodes.items() if node["color"]["background"] == faded}


def test_unfold_all_and_fold_all(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"])
    assert {"extract", "clean", "convert"} < boxes(page)
    assert not EXTRACTS & boxes(page)
    expect(main(page)).to_contain_text("29 task runs are shown as 18")
    page.get_by_role("button", name="Unfold all").click()
    until(page, lambda: boxes(page) > EXTRACTS, "all members")
    assert len(boxes(page)) == 29
    assert query(page)["open"] == ["all"]
    page.get_by_role("button", name="Fold all").click()
    until(page, lambda: "extract" in boxes(page), "the groups again")
    until(page, lambda: "open" not in query(page), "the address says nothing of it")


def test_a_deep_graph_is_tall_enough_to_be_read(page: Page, app_url: str, samples: Samples) -> None:
    """Fourteen layers on a small screen: words of 14 px are at least 8 px high; on one screen they were 4.6 px."""
    page.set_viewport_size({"width": 1280, "height": 800})
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"])
    zoom, *_ = view(graph(page))
    assert zoom > 8 / 14
    click_task(page, "final-report")  # the last one, below the screen


def test_a_group_says_how_many_how_long_and_in_which_states(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, tenant="acme", run=samples.runs["failing"])
    label = drawn(graph(page))["convert"]["label"]
    assert re.match(r"✗ convert\n× 4, 1 (failed|✗  ◆ [\d.]+ %)\n", label), label
    assert re.search(r"s, max [\d.]+ m?s$", label)
    bars = graph(page).evaluate("() => __net.body.data.nodes.get().filter(node => node.shape == 'image').length")
    assert bars == sum("×" in node["label"] for node in drawn(graph(page)).values())


def test_a_subflow_is_closed_and_opened(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"], task=samples.runs["subflow"])
    assert {"rank-regions", "archive-message"} < boxes(page)
    page.get_by_role("button", name="Close it").click()
    until(page, lambda: "rank-regions" not in boxes(page), "what ran inside is hidden")
    (closed,) = [node["label"] for node in drawn(graph(page)).values() if "inside" in node["label"]]
    assert "6 inside" in closed  # rank, archive, the subflow in it, and what ran inside that
    assert query(page)["shut"] == [samples.runs["subflow"]]
    page.goto(page.url)
    settle(page)
    assert "rank-regions" not in boxes(page)
    page.get_by_role("button", name="Show what ran inside").click()
    until(page, lambda: "rank-regions" in boxes(page), "it is open again")
    assert "shut" not in query(page)


def test_find_dims_or_hides_the_others(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"], open="all", match="EXTRACT nor")
    expect(main(page)).to_contain_text("1 of 29 stand out")
    assert boxes(page) - grey(page) == {"extract-north"}
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"], open="all", match="extract", hide="true")
    expect(main(page)).to_contain_text("4 of 29 stand out; the others are hidden")
    assert boxes(page) == EXTRACTS


def test_the_filter_is_typed(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"], open="all")
    graph(page)
    page.get_by_role("button", name="Find and filter").click()
    box = page.get_by_role("searchbox", name="Name or id").or_(page.get_by_role("textbox", name="Name or id")).first
    box.fill("clean-")
    box.press("Enter")
    expect(main(page)).to_contain_text("4 of 29 stand out")
    until(page, lambda: query(page).get("match") == ["clean-"], "the address says it")
    assert boxes(page) - grey(page) == {f"clean-{region}" for region in REGIONS}


def test_what_a_task_needed_stands_out(page: Page, app_url: str, samples: Samples) -> None:
    address = {"tenant": "acme", "run": samples.runs["nightly"], "open": "all"}
    visit(page, app_url, **address, match="check-quality", hide="true")
    (node,) = [node["id"].split("#")[0] for node in drawn(graph(page)).values()]
    visit(page, app_url, **address, task=node)
    shows(page, "check-quality")
    page.get_by_test_id("stMain").get_by_text("Upstream", exact=True).click()
    expect(main(page)).to_contain_text("10 of 29 stand out")
    lit = boxes(page) - grey(page)
    (holidays,) = lit - {"check-quality", *EXTRACTS, *(f"clean-{region}" for region in REGIONS)}
    assert holidays.startswith("holidays-fo")  # too long for its box
    visit(page, app_url, **address, task=node, trace="Downstream", steps="1 step")
    expect(main(page)).to_contain_text("2 of 29 stand out")
    assert boxes(page) - grey(page) == {"check-quality", "final-report"}


def test_colours_by_run_time(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"], open="all")
    by_state = {name: node["color"] for name, node in drawn(graph(page)).items()}
    expect(page.locator(".fd-legend")).to_contain_text("Completed")
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"], open="all", colour="Duration")
    by_time = {name: node["color"] for name, node in drawn(graph(page)).items()}
    assert by_state != by_time
    expect(page.locator(".fd-legend")).to_contain_text(re.compile("under|over"))
    expect(page.locator(".fd-legend")).not_to_contain_text("Completed")
