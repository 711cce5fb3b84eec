"""What a person takes away of a run from its page, and that a report opens where there is no network and no script."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.driving import click_task, main, query, visit
from tests.samples import Samples


@pytest.fixture(scope="module")
def report(
    browser: Browser, app_url: str, samples: Samples, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str, str]:
    """The report of the failing run, as the menu gives it; what the page calls the run, and its first finding."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    visit(page, app_url, tenant="acme", run=samples.runs["failing"])
    name, finding = (main(page).locator(what).first.text_content() or "" for what in (".fd-head b", ".fd-tiles > div"))
    main(page).get_by_role("button", name="Take away").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Report", exact=True).click()
    file = tmp_path_factory.mktemp("report") / saved.value.suggested_filename
    saved.value.save_as(file)
    page.close()
    return file, name, finding


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_report_opens_offline(theme: str, browser: Browser, report: tuple[Path, str, str]) -> None:
    file, name, finding = report
    context = browser.new_context(
        offline=True, java_script_enabled=False, color_scheme="dark" if theme == "dark" else "light"
    )
    page = context.new_page()
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri())
    expect(page.locator("h1")).to_contain_text("✗ Failed")
    expect(page.locator("h1")).to_contain_text(name)
    assert page.locator(".fd-tiles > div").first.text_content() == finding
    expect(page.get_by_text("1 task failed first; because of it")).to_have_count(2)  # in a tile, and above the causes
    expect(page.locator("pre").first).to_contain_text("ValueError: Region east")
    expect(page.locator("svg:visible")).to_have_count(2)
    expect(page.locator("svg:visible").first).to_contain_text("convert")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(16, 19, 26)" if theme == "dark" else "rgb(255, 255, 255)")
    assert (asked, said) == ([file.as_uri()], [])
    context.close()


def test_the_chosen_task_opens_in_prefect_and_the_data_is_that_of_the_run(
    page: Page, app_url: str, samples: Samples, tmp_path: Path
) -> None:
    run = samples.runs["nightly"]
    visit(page, app_url, tenant="acme", run=run)
    click_task(page, "check-quality")
    main(page).get_by_role("button", name="Take away").click()
    (task,) = query(page)["task"]
    begin = samples.api_url.removesuffix("/api")
    expect(page.get_by_role("link", name="This run")).to_have_attribute("href", f"{begin}/runs/flow-run/{run}")
    expect(page.get_by_role("link", name="The chosen task")).to_have_attribute("href", f"{begin}/runs/task-run/{task}")
    with page.expect_download() as saved:
        page.get_by_role("button", name="JSON", exact=True).click()
    saved.value.save_as(tmp_path / "run.json")
    whole = json.loads((tmp_path / "run.json").read_text())
    assert (whole["run"]["id"], task in {node["id"] for node in whole["nodes"]}) == (run, True)


def test_a_picture_is_what_its_page_shows_and_from_elsewhere_what_it_showed_last(
    page: Page, app_url: str, samples: Samples, tmp_path: Path
) -> None:
    visit(page, app_url, "timeline", tenant="acme", run=samples.runs["nightly"], match="convert", hide="true")
    page.get_by_role("link", name="Failures").click()
    expect(main(page)).to_contain_text("Nothing failed")
    main(page).get_by_role("button", name="Take away").click()
    told = {}
    for name in ("Timeline", "Graph"):
        with page.expect_download() as saved:
            page.get_by_role("button", name=name, exact=True).click()
        saved.value.save_as(tmp_path / name)
        told[name] = (tmp_path / name).read_text()
    assert ("convert" in told["Timeline"], "check-quality" in told["Timeline"]) == (True, False)
    assert ("convert" in told["Graph"], "check-quality" in told["Graph"]) == (True, True), "it was not looked at"
