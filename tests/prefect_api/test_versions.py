"""Servers too old to be read: one clear sentence, and nobody is asked for a version as long as all goes well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from flowdag.checks import check_tenants
from flowdag.errors import ApiRefused, FlowdagError, RunNotFound
from flowdag.prefect_api import task_runs
from flowdag.prefect_api.flow_runs import ANY, count_running_at, count_runs, list_runs
from flowdag.prefect_api.read_run import read_run
from flowdag.prefect_api.versions import too_old
from flowdag.tenants import Scope
from tests.misbehaving import Answer, Request, answering, as_json, without_csrf
from tests.prefect_api.test_task_runs import Table
from tests.truth import ask, tenant

RUN = "11111111-1111-4111-8111-111111111111"
UNKNOWN_FILTER = as_json({"exception_message": "Invalid request received.", "exception_detail": []}, 422)
UNKNOWN_PATH = as_json({"detail": "Not Found"}, 404)
UNKNOWN_RUN = as_json({"detail": "Flow run not found"}, 404)
SENTENCE = "The Prefect server at 127.0.0.1 is version 2.10.21: flowdag reads 2.20 and newer."


@contextmanager
def server(version: Answer, other: Answer) -> Iterator[tuple[str, list[str]]]:
    """The API URL of a server that tells this version and answers everything else alike; the paths it was asked for."""
    asked: list[str] = []

    def answer(request: Request) -> Answer:
        asked.append(request.path.removeprefix("/api"))
        return version if asked[-1] == "/admin/version" else other

    with answering(without_csrf(answer)) as api_url:
        yield api_url, asked


def refusal(api_url: str, question: Callable[[Any], Any]) -> FlowdagError:
    with pytest.raises(FlowdagError) as raised:
        ask(tenant(api_url), question)
    return raised.value


@pytest.mark.parametrize("other", [UNKNOWN_FILTER, UNKNOWN_PATH])
def test_an_old_server_is_told_by_its_version(other: Answer) -> None:
    for question in (lambda client: read_run(client, RUN), lambda client: list_runs(client, Scope())):
        with server(as_json("2.10.21"), other) as (api_url, asked):
            error = refusal(api_url, question)
        assert isinstance(error, ApiRefused)
        assert error.what == SENTENCE
        assert error.todo == "Ask whoever runs it for a newer one."
        assert asked[1:] == ["/admin/version"]


def test_a_missing_run_is_no_question_of_the_version() -> None:
    with server(as_json("2.10.21"), UNKNOWN_RUN) as (api_url, asked):
        assert isinstance(refusal(api_url, lambda client: read_run(client, RUN)), RunNotFound)
    assert asked == [f"/flow_runs/{RUN}"]


@pytest.mark.parametrize(
    "version", [as_json("3.8.8"), as_json("2.20.0"), as_json("4.0"), as_json("a fork"), UNKNOWN_PATH]
)
def test_any_other_server_has_not_understood(version: Answer) -> None:
    with server(version, UNKNOWN_FILTER) as (api_url, _):
        error = refusal(api_url, lambda client: list_runs(client, Scope()))
    assert "does not understand this request" in error.what


def test_who_understands_is_not_asked_for_a_version() -> None:
    with server(as_json("2.10.21"), as_json(7)) as (api_url, asked):
        assert ask(tenant(api_url), lambda client: count_runs(client, Scope())) == 7
    assert asked == ["/flow_runs/count"]


@pytest.mark.parametrize(("version", "is_reason"), [("2.20.26", True), ("3.1.4", True), ("3.1.5", False)])
def test_several_tags_need_a_newer_server(version: str, is_reason: bool) -> None:
    with server(as_json(version), UNKNOWN_FILTER) as (api_url, _):
        error = refusal(api_url, lambda client: list_runs(client, Scope(tags=("a", "b"))))
        one = refusal(api_url, lambda client: list_runs(client, Scope(tags=("a",))))
    needs = f"The Prefect server at 127.0.0.1 is version {version}: a scope of several tags needs 3.1.5 or newer."
    assert (error.what == needs) is is_reason
    assert one.what != needs


def test_task_runs_come_by_offset_where_their_expected_start_is_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect 2.20; all of them share one moment, as where the filter is needed most."""
    monkeypatch.setattr(task_runs, "PAGE", 3)
    held = Table()
    held.rows = [{"id": f"id-{at:02d}", "expected_start_time": "2026-01-01T00:00:00Z"} for at in range(20)]

    def answer(request: Request) -> Answer:
        if request.path.endswith("/admin/version"):
            return as_json("2.20.26")
        filters = (request.json or {}).get("task_runs", {})
        return UNKNOWN_FILTER if "expected_start_time" in filters else held.answer(request)

    with answering(without_csrf(answer)) as api_url:
        rows = ask(tenant(api_url), lambda client: task_runs.read_task_runs(client, [RUN]))
    assert [row["id"] for row in rows] == [row["id"] for row in held.rows]


def test_who_ran_at_a_moment_is_unknown_where_ends_are_no_filter() -> None:
    now = datetime.now(UTC)
    with server(as_json("3.0.3"), UNKNOWN_FILTER) as (api_url, _):
        assert ask(tenant(api_url), lambda client: count_running_at(client, Scope(), ANY, now)) is None
    with server(as_json("2.10.21"), UNKNOWN_FILTER) as (api_url, _):
        assert refusal(api_url, lambda client: count_running_at(client, Scope(), ANY, now)).args[0].startswith(SENTENCE)


def test_check_names_a_server_that_is_too_old_though_it_answers() -> None:
    with server(as_json("2.10.21"), as_json(0)) as (api_url, asked):
        (check,) = anyio.run(check_tenants, [tenant(api_url)])
    assert check.problem is not None
    assert check.problem.startswith(SENTENCE)
    assert asked == ["/admin/version"]


@pytest.mark.parametrize("version", ["2.20.0", "2.20.26", "3.0.0", "3.8.8", "3.9.0rc1", "10.1", "cloud", "0+untagged"])
def test_versions_that_are_read(version: str) -> None:
    """The last is Prefect's own sources without their tags: nobody knows how old."""
    assert too_old(version, "there") is None


@pytest.mark.parametrize("version", ["0.15.13", "2.0.0", "2.10.21", "2.19.9"])
def test_versions_that_are_not(version: str) -> None:
    assert too_old(version, "there") is not None
