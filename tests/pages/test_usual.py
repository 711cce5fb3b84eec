"""Is it usual: what a person reads about a run beside those before it, within a scope and without one."""

from __future__ import annotations

import time

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from flowdag.analysis.time_left import TimeLeft
from flowdag.analysis.usual import LONGER, Standing
from flowdag.looks.usual import WORK, standing, time_left
from tests.opened import opened, tables, words, write_tenants
from tests.prefect_api.made import DONE, Maker

RUNNING = {"type": "RUNNING", "name": "Running"}
OWN, OTHER, AGAIN = "client:usual-page", "client:usual-page-other", "client:usual-page-again"
PATIENCE_S = 30


def made(maker: Maker, tag: str, seconds: float = 0, *, ends: bool = True, flow: str = "usual-page") -> str:
    run = maker.run(flow, [tag], RUNNING)
    maker.task_run(run, "<b>step</b>")
    time.sleep(seconds)
    if ends:
        maker.post(f"/flow_runs/{run}/set_state", {"state": DONE, "force": True})
    return run


@pytest.fixture(scope="module")
def runs(prefect_server: str) -> dict[str, str]:
    """Eleven that take no time, two of another client, then one of more than a second, and one that goes on."""
    maker = Maker(prefect_server)
    for tag in (*[OWN] * 11, *[OTHER] * 2):
        made(maker, tag)
    return {"slow": made(maker, OWN, 1.5), "running": made(maker, OWN, ends=False)}


def read(api_url: str, said: str, tag: str = OWN, **query: str) -> AppTest:
    """The page once it says so, for a tenant who sees runs with this tag, and one who sees all."""
    own = f'[tenants.own]\ntitle = "Own"\napi_url = "{api_url}"\nscope.tags = ["{tag}"]\n'
    write_tenants(f'{own}[tenants.all]\ntitle = "All"\napi_url = "{api_url}"\n')
    app = opened(**query)
    until(app, said)
    return app


def until(app: AppTest, said: str) -> None:
    """Wait for it: the runs before are read in the background."""
    end = time.monotonic() + PATIENCE_S
    while said not in words(app):
        assert time.monotonic() < end, words(app)
        time.sleep(0.2)
        app.run()
    assert not app.exception


def test_a_run_longer_than_those_before(prefect_server: str, runs: dict[str, str]) -> None:
    app = read(prefect_server, "Longer than usual.", tenant="own", run=runs["slow"], table="By task name")
    said = words(app.run())
    assert "▲ longer than usual" in said, "in the head"
    assert "is longer than all of the last 11 runs (median" in said
    assert "Compared with the 11 runs of this flow that completed and started before it." in said
    (table,) = tables(app)
    assert table["task"].tolist() == ["<b>step</b>"]
    assert table[["usual", "rank"]].to_numpy().tolist() == [["● usual", 50.0]]
    assert [len(last) for last in table["last"]] == [12]


def test_runs_of_another_client_never_count(prefect_server: str, runs: dict[str, str]) -> None:
    app = read(prefect_server, "Longer than usual.", tenant="all", run=runs["slow"])
    assert "of the last 13 runs" in words(app)
    assert "of the last 11 runs" in words(read(prefect_server, "Longer", tenant="own", run=runs["slow"]))


def test_a_running_run(prefect_server: str, runs: dict[str, str]) -> None:
    said = words(read(prefect_server, "No estimate of the time left", tenant="own", run=runs["running"]))
    assert "of 12 earlier runs none took as long from here" in said
    assert "so far is longer than all of the last 12 runs" in said


def test_refresh_reads_the_runs_before_anew(prefect_server: str) -> None:
    maker = Maker(prefect_server)
    gone, *_, last = [made(maker, AGAIN, flow="usual-page-again") for _ in range(12)]
    app = read(prefect_server, "Compared with the 11 runs", AGAIN, tenant="own", run=last)
    maker.http.delete(f"/flow_runs/{gone}").raise_for_status()
    assert "Compared with the 11 runs" in words(app.run()), "kept until somebody asks"
    end = time.monotonic() + PATIENCE_S
    while not (refresh := [button for button in app.button if button.label == "Refresh"]):
        assert time.monotonic() < end, "it is followed still"
        time.sleep(0.2)
        app.run()
    refresh[0].click().run()
    until(app, "Compared with the 10 runs")


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (TimeLeft(185, 118, 301, 40, 50), "About 3 min left (2 to 5 min)"),
        (TimeLeft(44, 31, 130, 40, 50), "About 45 s left (30 s to 2 min)"),
        (TimeLeft(3.2, 3.1, 3.4, 40, 50), "About 3 s left</b>, as in 40 earlier runs"),
        (TimeLeft(5000, 3590, 40_000, 40, 50), "About 1 h 20 min left (1 h 00 min to 11 h)"),
        (TimeLeft(7200, 5400, 9000, 40, 50), "About 2 h 00 min left (1 h 30 min to 2 h 30 min)"),
        (TimeLeft(np.nan, np.nan, np.nan, 7, 7), "No estimate of the time left: only 7 earlier runs."),
        (TimeLeft(np.nan, np.nan, np.nan, 0, 50), "of 50 earlier runs none took as long"),
        (TimeLeft(np.nan, np.nan, np.nan, 4, 50), "of 50 earlier runs only 4 took as long"),
    ],
)
def test_time_left_in_words(left: TimeLeft, expected: str) -> None:
    assert expected in time_left(left)


@pytest.mark.parametrize(
    ("found", "goes_on", "expected"),
    [
        (Standing(9.0, 12, 1.0, 4.0, 5.0, LONGER), False, "<b>▲ Longer than usual.</b> <bdi>9.00 s</bdi> is longer than"
         " all of <bdi>the runs</bdi> (median 4.00 s, p95 5.00 s)."),
        (Standing(3.0, 4, 0.25, 4.0, 5.0, None), False, "<bdi>3.00 s</bdi> is shorter than 75 % of"
         " <bdi>the runs</bdi> (median 4.00 s)."),
        (Standing(3.0, 1, 0.0, 4.0, 4.0, None), False, "<bdi>3.00 s</bdi>, beside 4.00 s in the only one before."),
        (Standing(3.0, 12, 0.0, 4.0, 5.0, None), True, "<bdi>3.00 s</bdi>; the median of <bdi>the runs</bdi> is"
         " 4.00 s."),
        (Standing(4.5, 12, 0.75, 4.0, 5.0, None), True, "<bdi>4.50 s</bdi> is longer than 75 % of"
         " <bdi>the runs</bdi> (median 4.00 s, p95 5.00 s)."),
    ],
)  # fmt: skip
def test_where_a_value_stands_in_words(found: Standing, goes_on: bool, expected: str) -> None:
    assert standing(found, WORK, f"{found.value:.2f} s", "the runs", goes_on=goes_on) == expected
