"""The main job, as a person does it: pick a tenant and a run, see its graph beside its tables, and click about."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Browser, Page, WebSocket, expect
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.browser.driving import (
    cells,
    choose,
    click_row,
    click_task,
    drawn,
    graph,
    look,
    main,
    picked,
    query,
    selected_row,
    settle,
    shows,
    until,
    view,
    visit,
)
from tests.sample_runs import WIDE
from tests.samples import Samples


def test_pick_a_run_click_its_tasks_and_share_the_link(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url)
    choose(page, "Tenant", "Client Acme")
    choose(page, "Run", "✓ acme nightly")
    assert query(page) == {"tenant": ["acme"], "run": [samples.runs["nightly"]]}
    shows(page, "The run")
    page.get_by_role("button", name="Unfold all").click()
    until(page, lambda: query(page).get("open") == ["all"], "the address says that all is unfolded")
    settle(page)

    click_task(page, "extract-north")
    expect(selected_row(page)).to_have_text("extract-north")
    click_task(page, "check-quality")
    expect(selected_row(page)).to_have_text("check-quality")
    click_task(page, "extract-north")
    expect(selected_row(page)).to_have_text("extract-north")
    expect(main(page)).to_contain_text("Read 48 orders of region north")

    copied = page.url
    assert query(page)["run"] == [samples.runs["nightly"]]
    (task,) = query(page)["task"]
    expect(main(page)).to_contain_text(task)
    with page.context.browser.new_context() as elsewhere:  # type: ignore[union-attr]
        other = elsewhere.new_page()
        other.goto(copied)
        settle(other)
        shows(other, "extract-north")
        expect(selected_row(other)).to_have_text("extract-north")
        expect(picked(other, "Tenant")).to_have_value("Client Acme")
        expect(picked(other, "Run")).to_have_value(re.compile("acme nightly"))
        assert look(other, "extract-north") != look(other, "extract-south")
        assert other.url == copied


def test_the_table_and_the_graph_show_the_same_task(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"], open="all")
    plain = look(page, "extract-south")
    click_row(page, "extract-south")
    shows(page, "extract-south")
    settle(page)
    chosen = look(page, "extract-south")
    assert chosen != plain

    click_task(page, "prepare-warehouse")
    expect(selected_row(page)).to_have_text("prepare-warehouse")
    assert look(page, "extract-south") == plain
    assert look(page, "prepare-warehouse") == chosen

    click_row(page, "prepare-warehouse")  # taken back
    shows(page, "The run")
    settle(page)
    assert "task" not in query(page)
    assert look(page, "prepare-warehouse") == plain
    expect(selected_row(page)).to_have_count(0)

    click_task(page, "prepare-warehouse")  # the widget alone would not tell of the same box again
    expect(selected_row(page)).to_have_text("prepare-warehouse")


def test_zoom_and_place_survive_a_click(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"])
    at = drawn(graph(page))["check-quality"]
    graph(page).evaluate("at => __net.moveTo({scale: 0.9, position: at})", {"x": at["x"], "y": at["y"] + 40})
    before = view(graph(page))
    click_task(page, "check-quality")
    assert view(graph(page)) == before
    click_row(page, "extract-south")
    shows(page, "extract-south")
    settle(page)
    assert view(graph(page)) == before

    page.get_by_role("button", name="Fit").click()
    until(page, lambda: view(graph(page)) != before, "the whole graph is shown again")


@pytest.fixture
def script_ends(page: Page) -> list[int]:
    """How each run of the script ended, by the messages that reach the page: of the whole of it, or of a fragment."""
    ends: list[int] = []

    def received(frame: bytes | str) -> None:
        message = ForwardMsg.FromString(frame) if isinstance(frame, bytes) else ForwardMsg()
        if message.WhichOneof("type") == "script_finished":
            ends.append(message.script_finished)

    def connected(socket: WebSocket) -> None:
        socket.on("framereceived", received)

    page.on("websocket", connected)
    return ends


def test_a_changed_selection_runs_one_fragment_and_not_the_page(
    page: Page, app_url: str, samples: Samples, script_ends: list[int]
) -> None:
    visit(page, app_url, tenant="acme", run=samples.runs["nightly"], open="all")
    graph(page)
    assert ForwardMsg.FINISHED_SUCCESSFULLY in script_ends, "the page itself has run"
    expect(page.get_by_role("button", name="Refresh")).to_be_visible()  # it has settled, and is followed no longer
    settle(page)

    script_ends.clear()
    click_task(page, "extract-east")
    click_row(page, "extract-west")
    shows(page, "extract-west")
    settle(page)
    page.get_by_role("button", name="Close").click()
    shows(page, "The run")
    settle(page)
    assert script_ends == [ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY] * 3


def test_a_run_that_failed_half_way(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, tenant="acme", run=samples.runs["failing"], open="all")
    boxes = drawn(graph(page))
    assert boxes["convert-east"]["label"].startswith("✗")
    (load,) = [name for name in boxes if name.startswith("load_war")]  # Prefect had not named its run yet
    assert "never started" in boxes[load]["label"]
    click_task(page, load, f"load_warehouse-{load[-3:]}")
    expect(main(page)).to_contain_text("Never started")
    click_task(page, "convert-east")
    expect(main(page)).to_contain_text("Region east reports in CHF, for which there is no exchange rate")


def test_a_wide_run_is_folded_and_says_so(page: Page, app_url: str, samples: Samples) -> None:
    visit(page, app_url, tenant="globex", run=samples.runs["wide"])
    expect(main(page)).to_contain_text(f"{WIDE + 2} task runs are shown as 3")
    boxes = drawn(graph(page))
    assert {"load-customers", "rank-customers"} < set(boxes)
    (folded,) = set(boxes) - {"load-customers", "rank-customers"}
    assert f"× {WIDE}" in boxes[folded]["label"]
    click_task(page, folded)
    expect(main(page)).to_contain_text(f"Completed{WIDE}")
    until(page, lambda: any(cell.startswith("score-") for row in cells(page) for cell in row), "members come first")
    first = next(cell for row in cells(page) for cell in row if cell.startswith("score-"))
    click_row(page, first)
    shows(page, first)
    settle(page)
    assert look(page, folded) != look(page, "load-customers"), "its group is the one highlighted"


def test_times_are_in_the_zone_of_the_viewer(browser: Browser, app_url: str, samples: Samples) -> None:
    run = httpx.get(f"{samples.api_url}/flow_runs/{samples.runs['nightly']}", trust_env=False).json()
    began = datetime.fromisoformat(run["start_time"])
    for zone in ("Asia/Tokyo", "America/New_York"):
        with browser.new_context(timezone_id=zone) as context:
            page = context.new_page()
            visit(page, app_url, tenant="acme", run=samples.runs["nightly"])
            expect(main(page)).to_contain_text(zone)
            expect(main(page)).to_contain_text(f"{began.astimezone(ZoneInfo(zone)):%d %b %Y, %H:%M:%S}")
