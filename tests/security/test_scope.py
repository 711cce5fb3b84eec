"""A tenant sees its own runs and what ran inside them; others' are as unknown as an id that nobody has."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from tests.needs import ROOT
from tests.opened import drawn, opened, tables, words
from tests.samples import Samples

UNKNOWN = "00000000-0000-4000-8000-000000000000"
PAGES = [*sorted(str(path.relative_to(ROOT)) for path in (ROOT / "pages" / "run").glob("*.py")), "pages/tenant/runs.py"]


@pytest.mark.parametrize("page", PAGES)
def test_a_foreign_run_is_as_unknown_as_no_run(page: str, samples: Samples) -> None:
    unknown = words(opened(page, tenant="acme", run=UNKNOWN))
    for name in ("globex", "wide", "hostile"):
        run = samples.runs[name]
        app = opened(page, tenant="acme", run=run)
        assert without_times(words(app)) == without_times(unknown)
        assert [text for text in ("globex", "score", "<img") if text in everything(app)] == []
    known = opened(page, tenant="globex", run=samples.runs["globex"])
    assert "globex" in everything(known), "there it would be found"


def test_the_subflow_of_an_own_run_bears_no_tag_and_is_reachable(samples: Samples) -> None:
    app = opened(tenant="acme", run=samples.runs["subflow"])
    assert "publish acme report" in words(app)
    assert set(tables(app)[0]["task"]) >= {"rank-regions", "render-message", "archive-message"}
    foreign = opened(tenant="globex", run=samples.runs["subflow"])
    assert "There is no such flow run here." in words(foreign)
    assert "publish" not in everything(foreign)


def test_lists_hold_own_runs_only(samples: Samples) -> None:
    listed = {
        slug: set(tables(opened("pages/tenant/runs.py", tenant=slug))[0]["id"])
        for slug in ("demo", "acme", "globex", "odd")
    }
    own = samples.runs
    assert listed["acme"] == {own["nightly"], own["failing"]}
    assert listed["globex"] == {own["globex"], own["wide"]}
    assert listed["acme"] | listed["globex"] | listed["odd"] <= listed["demo"]


def test_two_viewers_in_one_process(samples: Samples) -> None:
    """The same addresses in turn, with warm caches: what one may see never reaches the other."""
    for _ in range(2):
        for slug, other in (("acme", "globex"), ("globex", "acme")):
            for run in (samples.runs["nightly"], samples.runs["globex"], ""):
                app = opened(tenant=slug, run=run)
                assert not app.exception
                assert f"{other} nightly" not in everything(app)
                assert f"client:{other}" not in everything(app)
    choices = opened(tenant="acme").sidebar.selectbox(key="run-picker").options
    assert len(choices) == 2
    assert all("acme nightly" in choice for choice in choices)


def test_a_task_of_another_run_is_not_shown(samples: Samples) -> None:
    foreign = tables(opened(tenant="globex", run=samples.runs["globex"]))[0]
    task = str(foreign["id"].iloc[0])
    app = opened(tenant="acme", run=samples.runs["nightly"], task=task)
    assert not app.exception
    assert task not in words(app)
    assert "acme nightly" in words(app)


def everything(app: AppTest) -> str:
    """All that is sent to the browser, but the choice of tenants and the address itself."""
    sent = [words(app), *(table.to_csv() for table in tables(app)), json.dumps(drawn(app))]
    sent += [option for box in app.sidebar.selectbox if box.label != "Tenant" for option in box.options]
    sent += [option for box in app.sidebar.multiselect for option in box.options]
    return "\n".join(sent)


def without_times(text: str) -> str:
    return "".join(char for char in text if not char.isdigit())
