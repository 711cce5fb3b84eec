"""No page is reached without passing app.py: each path asked of a server process that nobody has used before."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.driving import main, picked, visit
from tests.needs import ROOT
from tests.running_app import running_app
from tests.samples import Samples

PATHS = {
    **dict.fromkeys(("", "timeline", "failures", "logs"), "acme nightly"),
    "runs": "Runs of Client Acme",
}


def test_only_a_marker_lies_in_pages() -> None:
    assert [path.name for path in (ROOT / "pages").glob("*.py")] == ["__init__.py"]
    assert (ROOT / "pages" / "__init__.py").read_text() == ""


@pytest.mark.parametrize("path", PATHS)
def test_a_direct_request_in_a_fresh_process(path: str, page: Page, samples: Samples, tmp_path: Path) -> None:
    samples.configure(tmp_path)
    with running_app(tmp_path) as url:
        visit(page, url, path, tenant="acme", run=samples.runs["nightly"])
        expect(picked(page, "Tenant")).to_have_value("Client Acme")
        expect(main(page)).to_contain_text(PATHS[path])
        expect(main(page)).not_to_contain_text("cannot be opened by itself")
        expect(page.get_by_text("Page not found")).to_have_count(0)
