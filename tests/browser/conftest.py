"""The real app on the sample runs, and a browser to look at it with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.needs import needs_chromium
from tests.running_app import running_app
from tests.samples import Samples

expect.set_options(timeout=20_000)  # machines may be busy
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. Not for the whole session: while Playwright lives, no event loop can be started in this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=needs_chromium(), args=[*FLAGS, "--disable-component-update"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def app_url(samples: Samples, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the app, with the tenants of the samples."""
    folder = tmp_path_factory.mktemp("app")
    samples.configure(folder)
    with running_app(folder) as url:
        yield url


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page of a viewer whom the app has never seen."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, timezone_id="Europe/Berlin")
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()
