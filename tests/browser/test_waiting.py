"""A read that takes long: it says how far it is, can be stopped, and begins again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import drawn, graph, main, visit
from tests.misbehaving import Answer, Request, answering, passed_on
from tests.running_app import running_app
from tests.sample_runs import WIDE
from tests.samples import Samples

PAGES_AT_FIRST = 1


class Gate:
    """Passes requests on to the real server, but pages of task runs after the first ones only while it is open."""

    def __init__(self, api_url: str) -> None:
        self.open = threading.Event()
        self._api_url = api_url
        self._pages = 0

    def answer(self, request: Request) -> Answer:
        if request.path.endswith("/task_runs/filter") and request.json.get("limit", 0) > 1:
            self._pages += 1
            if self._pages > PAGES_AT_FIRST:
                self.open.wait(60)
        return passed_on(request, self._api_url)


@pytest.fixture
def gate(samples: Samples) -> Gate:
    return Gate(samples.api_url)


@pytest.fixture
def slow_app(gate: Gate, samples: Samples, tmp_path: Path) -> Iterator[str]:
    """The app, whose only way to the server is the gate."""
    with answering(gate.answer) as api_url:
        replace(samples, api_url=api_url).configure(tmp_path)
        with running_app(tmp_path) as url:
            yield url
        gate.open.set()


def test_a_long_read_tells_how_far_it_is_and_can_be_stopped(
    page: Page, slow_app: str, gate: Gate, samples: Samples
) -> None:
    page.goto(f"{slow_app}/?tenant=globex&run={samples.runs['wide']}")
    expect(main(page)).to_contain_text(f"Reading task runs: 200 of {WIDE + 2}", timeout=60_000)
    main(page).get_by_role("button", name="Stop reading").click()
    expect(main(page)).to_contain_text("Reading was stopped")
    assert page.locator("iframe").count() == 0, "nothing of a part is shown"

    gate.open.set()
    page.get_by_role("button", name="Read it").click()
    assert len(drawn(graph(page))) == 3
    expect(main(page)).to_contain_text(f"{WIDE + 2} tasks")
    visit(page, slow_app, tenant="globex", run=samples.runs["wide"])
    assert len(drawn(graph(page))) == 3
