"""A page's script executed by itself, without app.py before it, shows the guard's sentence and no data."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.needs import ROOT
from tests.opened import drawn, opened, tables, words
from tests.samples import Samples

SCRIPTS = sorted((ROOT / "pages").glob("*/*.py"))


def test_there_are_pages() -> None:
    assert len(SCRIPTS) >= 2


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_by_itself(script: Path, samples: Samples) -> None:
    page = AppTest.from_file(str(script), default_timeout=60)
    page.query_params["tenant"] = "acme"
    page.query_params["run"] = samples.runs["nightly"]
    page.run()
    assert words(page) == "This page cannot be opened by itself. Open the app's start page."
    assert (tables(page), drawn(page), list(page.exception)) == ([], [], [])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_what_app_admitted_is_not_left_behind(script: Path, samples: Samples) -> None:
    """The session of somebody who has been in the app gives a page by itself nothing either."""
    session = opened(tenant="acme", run=samples.runs["nightly"])
    assert len(drawn(session)) == 1
    session._script_path = str(script)
    session.run()
    assert words(session) == "This page cannot be opened by itself. Open the app's start page."
    assert (tables(session), drawn(session)) == ([], [])
