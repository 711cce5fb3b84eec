"""The page Compare: real runs whose difference is known, what to compare with, and what is said where that is none."""

from __future__ import annotations

from typing import Any

import httpx
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from flowdag.analysis.compare import compare
from flowdag.analysis.critical_path import critical_path
from flowdag.analysis.profile import Profile, profile
from flowdag.prefect_api.read_run import read_run
from tests.opened import opened, tables, words, write_tenants
from tests.pages.test_in_words import is_plain
from tests.samples import Samples
from tests.truth import ask, tenant
from tests.usual_flows import BEFORE, OWN, PACE, SLOW

COMPARE = "pages/run/compare.py"
OVERHEAD_S = 0.6  # of Prefect around a call, on a busy machine
LONGER = SLOW - PACE  # what the second task of the slow run took more


@pytest.fixture
def ran(prefect_server: str, usual_runs: dict[str, list[str]]) -> dict[str, list[str]]:
    """The runs, and a tenant that sees those of one of the two clients."""
    write_tenants(f'[tenants.own]\napi_url = "{prefect_server}"\nscope.tags = ["{OWN}"]')
    return usual_runs


def by_task(app: AppTest) -> pd.DataFrame:
    """The table by task: the one with a column for the difference on the path."""
    return next(table for table in tables(app) if "path_s_diff" in table).set_index("task")


def test_the_steps_name_what_took_longer(prefect_server: str, ran: dict[str, list[str]]) -> None:
    """`load`, called twice in a row, slept 1.55 s longer the first time."""

    def told(run_id: str) -> Profile:
        graph = ask(tenant(prefect_server), lambda client: read_run(client, run_id))
        return profile(graph, critical_path(graph))

    last, slow = told(ran["before"][-1]), told(ran["slow"][0])
    found = compare(slow, [last])
    names = found.tasks["task"].tolist()
    at_work = {names[one.row]: one.diff_us / 1e6 for one in found.shares.itertuples() if one.part == "run"}
    assert max(at_work, key=lambda name: abs(at_work[name])) == "load (after extract)"
    assert at_work["load (after extract)"] == pytest.approx(LONGER, abs=OVERHEAD_S)
    assert int(found.shares["diff_us"].sum()) == found.diff_us == slow.whole_us - last.whole_us
    assert found.tasks.set_index("task")["median_s_diff"]["load (after load)"] == pytest.approx(0, abs=OVERHEAD_S)
    many = [told(run_id) for run_id in ran["before"]]
    load = compare(slow, many).tasks.set_index("task").loc["load (after extract)"]
    assert load["median_s_other"] == pytest.approx(sorted(one.tasks["median_s"].iloc[1] for one in many)[5], abs=0.1)


def test_against_the_last_good_run(ran: dict[str, list[str]]) -> None:
    app = opened(COMPARE, tenant="own", run=ran["slow"][0])
    said = words(app)
    assert is_plain(app)
    assert "the last good run" in said
    assert "times as long" in said
    assert by_task(app)["median_s_diff"]["load (after extract)"] == pytest.approx(LONGER, abs=OVERHEAD_S)
    assert "Both runs called the same tasks, in the same places." in said
    changed = next(table for table in tables(app) if "Parameter" in table)
    assert changed.to_numpy().tolist() == [["seconds", str(SLOW), str(PACE)]]
    assert len(app.main.get("vega_lite_chart")) == 2


def test_against_the_median_of_the_last_good_ones(ran: dict[str, list[str]]) -> None:
    app = opened(COMPARE, tenant="own", run=ran["slow"][0], **{"with": "median"})
    said = words(app)
    assert is_plain(app)
    assert f"the median of the last {BEFORE} good runs" in said, "none of the other client"
    assert "medians would not add up" in said
    assert by_task(app)["median_s_diff"]["load (after extract)"] == pytest.approx(LONGER, abs=OVERHEAD_S)


def test_another_run_is_chosen(ran: dict[str, list[str]]) -> None:
    app = opened(COMPARE, tenant="own", run=ran["before"][5])
    box = app.selectbox(key="compare-with")
    assert len(box.options) == BEFORE + 2, "the last good one, the median, and all others but itself"
    box.set_value(ran["slow"][0]).run()
    assert "".join(app.query_params["with"]) == ran["slow"][0]
    assert by_task(app)["median_s_diff"]["load (after extract)"] == pytest.approx(-LONGER, abs=OVERHEAD_S)


def test_a_run_beside_itself(ran: dict[str, list[str]]) -> None:
    app = opened(COMPARE, tenant="own", run=ran["slow"][0], **{"with": ran["slow"][0]})
    assert "both took equally long" in words(app)
    assert "There is none: both runs spent the same time on the same things." in words(app)
    table = by_task(app)
    assert table[[name for name in table if name.endswith("_diff")]].isna().all(axis=None), "zero is shown as –"
    assert is_plain(app)


def test_the_first_run_has_no_good_one_before_it(ran: dict[str, list[str]]) -> None:
    app = opened(COMPARE, tenant="own", run=ran["before"][0])
    assert "No run of this flow has completed before this one." in words(app)
    assert is_plain(app)


@pytest.mark.parametrize("other", ["00000000-0000-4000-8000-000000000000", "<b>", "foreign", "flow"])
def test_what_cannot_be_compared(other: str, ran: dict[str, list[str]], samples: Samples) -> None:
    """Another client's run, or one of another flow, is not there; not even that it exists is told."""
    asked = {"foreign": ran["foreign"][0], "flow": samples.runs["nightly"]}.get(other, other)
    app = opened(COMPARE, tenant="own", run=ran["slow"][0], **{"with": asked})
    assert "There is no such run of this flow here." in words(app)
    assert tables(app) == []
    assert is_plain(app)


def test_a_run_that_has_not_started_is_not_compared_with(samples: Samples) -> None:
    app = opened(COMPARE, tenant="odd", run=samples.runs["no tasks"], **{"with": samples.runs["scheduled"]})
    assert "There is no other run of this flow." in words(app)
    assert is_plain(app)


def test_a_row_chooses_the_task(ran: dict[str, list[str]], prefect_server: str) -> None:
    rows = task_runs(prefect_server, ran["slow"][0])
    longest = max(rows, key=lambda row: row["total_run_time"])
    app = opened(COMPARE, tenant="own", run=ran["slow"][0], task=longest["id"])
    said = words(app)
    assert "load (after extract) in both runs" in said
    assert longest["id"] in said


def test_tasks_that_one_run_never_came_to(samples: Samples) -> None:
    """The failing run called none of the subflows' tasks; its parameters have one more."""
    app = opened(COMPARE, tenant="acme", run=samples.runs["failing"], **{"with": samples.runs["nightly"]})
    said = words(app)
    assert is_plain(app)
    assert "Not in this run" in said
    assert "Failed (other run: Completed)" in said
    assert by_task(app)["failures_diff"]["convert"] == 1
    assert ["fail", "true", "–"] in next(table for table in tables(app) if "Parameter" in table).to_numpy().tolist()


def test_nothing_to_compare_with(samples: Samples) -> None:
    app = opened(COMPARE, tenant="globex", run=samples.runs["wide"])
    assert "There is no other run of this flow." in words(app)
    waiting = opened(COMPARE, tenant="odd", run=samples.runs["scheduled"])
    assert "This run has not started yet." in words(waiting)
    assert is_plain(app)
    assert is_plain(waiting)


def task_runs(api_url: str, run_id: str) -> list[dict[str, Any]]:
    asked = {"flow_runs": {"id": {"any_": [run_id]}}}
    found: list[dict[str, Any]] = (
        httpx.post(f"{api_url}/task_runs/filter", json=asked, trust_env=False).raise_for_status().json()
    )
    return found
