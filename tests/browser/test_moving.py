"""Moving about: pages, browser history, filters and links keep what a person has chosen."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.driving import (
    TABLE,
    cells,
    choose,
    click_row,
    click_task,
    graph,
    main,
    open_filters,
    picked,
    query,
    settle,
    shows,
    sidebar,
    until,
    visit,
)
from tests.samples import Samples


def go(page: Page, name: str) -> None:
    """To another page, through the sidebar."""
    sidebar(page).get_by_role("link", name=name).click()
    page.wait_for_url(re.compile(r"/runs\b" if name == "Runs" else r"/(\?|$)"))
    settle(page)


def test_pages_keep_tenant_run_and_task(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"], open="all")
    click_task(page, "extract-west")
    chosen = query(page)
    assert set(chosen) == {"tenant", "run", "task", "open"}
    go(page, "Runs")
    expect(page.locator(TABLE).first).to_be_visible()
    until(page, lambda: query(page) == chosen, "the address keeps the choice")
    go(page, "Graph")
    shows(page, "extract-west")
    until(page, lambda: query(page) == chosen, "the address keeps the choice")
    expect(picked(page, "Tenant")).to_have_value("Client Acme")


def test_a_row_of_the_runs_opens_that_run(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, "runs", tenant="acme", run=samples.runs["failing"])
    until(page, lambda: len(cells(page)) == 2, "the two runs of acme")
    assert [row[0] for row in cells(page)] == ["✗ Failed", "✓ Completed"]
    click_row(page, "✓ Completed")
    until(page, lambda: query(page).get("run") == [samples.runs["nightly"]], "the address of that run")
    graph(page)
    assert "/runs" not in page.url
    expect(picked(page, "Run")).to_have_value(re.compile("✓ acme nightly"))


def test_back_in_the_browser(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"])
    graph(page)
    go(page, "Runs")
    until(page, lambda: "run" in query(page), "the address keeps the choice")
    while "/runs" in page.url:  # the choice that is written back into the address may be a step of its own
        page.go_back()
        page.wait_for_timeout(500)  # a second step while the page follows the first may be lost to Streamlit
        settle(page)
    graph(page)
    expect(picked(page, "Run")).to_have_value(re.compile("✓ acme nightly"))
    until(page, lambda: query(page).get("run") == [samples.runs["nightly"]], "the address of the run")


def test_another_tenant_forgets_the_run(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"], open="all")
    click_task(page, "extract-west")
    choose(page, "Tenant", "Client Globex")
    expect(picked(page, "Run")).to_have_value(re.compile("globex scores of"))
    assert query(page) == {"tenant": ["globex"], "run": [samples.runs["wide"]]}


def test_filters_live_in_the_address(page: Page, app_url: str) -> None:
    visit(page, app_url, "runs", tenant="demo")
    until(page, lambda: len(cells(page)) >= 6, "the runs of everybody")
    open_filters(page)
    choose(page, "Flow", "nightly-etl")
    choose(page, "State", "Failed")
    choose(page, "Started within", "24 hours")
    until(page, lambda: len(cells(page)) == 1, "only the failed nightly run")
    filters = {key: query(page)[key] for key in ("flow", "state", "within")}
    assert filters == {"flow": ["nightly-etl"], "state": ["Failed"], "within": ["24 hours"]}

    other = page.context.new_page()
    other.goto(page.url)
    settle(other)
    until(other, lambda: len(cells(other)) == 1, "the same list behind the link")
    assert {key: query(other)[key] for key in filters} == filters
    go(other, "Graph")
    until(other, lambda: {key: query(other).get(key) for key in filters} == filters, "filters on the other page")
    expect(picked(other, "Run")).to_have_value(re.compile("✗ acme nightly"))


def test_a_pasted_id_or_address_finds_its_run(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, tenant="acme", run=samples.runs["failing"])
    find = sidebar(page).get_by_role("textbox", name="Find a run")
    find.fill(f"https://prefect.example/runs/flow-run/{samples.runs['subflow']}?g_range=1")
    find.press("Enter")
    until(page, lambda: query(page)["run"] == [samples.runs["subflow"]], "the run's id in the address")
    expect(main(page)).to_contain_text("publish acme report")
    expect(picked(page, "Run")).to_have_value(re.compile("publish acme report"))
    find.fill("nightly, please")
    find.press("Enter")
    expect(sidebar(page)).to_contain_text("There is no run id in this text")


def test_the_table_in_sight_is_in_the_address(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"])
    main(page).get_by_role("tab", name="By task name").click()
    until(page, lambda: query(page).get("table") == ["By task name"], "the table in the address")
    until(page, lambda: any(row[0] == "extract" for row in cells(page)), "one row for all task runs of a name")

    other = page.context.new_page()
    other.goto(page.url)
    settle(other)
    until(other, lambda: any(row[0] == "extract" for row in cells(other)), "the same table behind the link")
