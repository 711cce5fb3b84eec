"""Servers that are down, refuse or talk nonsense: each ends in words for people, and no secret is among them."""

from __future__ import annotations

import functools
import gzip
import logging
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import anyio
import pytest
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, Settings, get_current_settings
from pydantic import SecretStr

from flowdag.demo.processes import free_port
from flowdag.errors import ApiAnswerInvalid, ApiRefused, ApiUnreachable, FlowdagError, RunNotFound
from flowdag.prefect_api import client as client_module
from flowdag.prefect_api import guard
from flowdag.prefect_api.client import Client, server_version
from flowdag.prefect_api.flow_runs import count_runs, list_runs, read_flow_run
from flowdag.prefect_api.guard import TooLarge
from flowdag.prefect_api.read_run import read_run
from flowdag.prefect_api.scope import require_visible
from flowdag.prefect_api.task_runs import read_histories, read_task_runs
from flowdag.tenants import Scope, Tenant
from tests import misbehaving
from tests.misbehaving import Answer, Request, as_json, without_csrf
from tests.truth import ask

Caplog = pytest.LogCaptureFixture
Answering = Callable[[Callable[[Request], Answer]], AbstractContextManager[str]]
SECRET = "pnu_Sentinel0Secret"
RUN = "11111111-1111-4111-8111-111111111111"
FLOW_RUN = {"id": RUN, "name": "a run", "flow_id": RUN, "state_type": "COMPLETED", "state_name": "Completed"}


@functools.cache
def no_retries() -> Settings:
    return get_current_settings().copy_with_update(updates={PREFECT_CLIENT_MAX_RETRIES: 0})


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No retries, neither Prefect's nor flowdag's: their pauses grow to seconds."""
    monkeypatch.setattr(client_module, "_settings", no_retries)
    monkeypatch.setattr(guard, "PATIENCE_S", 0)


def whom(api_url: str) -> Tenant:
    return Tenant(slug="acme", title="Acme", api_url=api_url, api_key=SecretStr(SECRET))


@pytest.fixture(params=["from the first request on", "later"])
def answering(request: pytest.FixtureRequest) -> Answering:
    """Servers that fail at once, and servers that fail after Prefect's client has asked for a CSRF token."""
    if request.param == "later":
        return lambda answer: misbehaving.answering(misbehaving.without_csrf(answer))
    return misbehaving.answering


def failure(api_url: str, caplog: Caplog) -> FlowdagError:
    """What listing the tenant's runs raises, after a look at everything that is shown of it."""
    caplog.set_level(logging.INFO)
    with pytest.raises(FlowdagError) as raised:
        ask(whom(api_url), lambda client: list_runs(client, Scope()))
    error = raised.value
    shown = "".join(traceback.format_exception(error)) + repr(error) + str(error) + caplog.text
    assert SECRET not in shown
    for sentence in (error.what, error.todo):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "\n" not in sentence
        assert "Traceback" not in sentence
    assert error.exit_code == 3
    return error


REFUSALS = [
    (401, ApiRefused, "refused the tenant's key"),
    (403, ApiRefused, "refused the tenant's key"),
    (404, ApiRefused, "does not know this"),
    (422, ApiRefused, "does not understand this request"),
    (429, ApiRefused, "asks for fewer requests"),
    (500, ApiRefused, "an error of its own (HTTP 500)"),
    (502, ApiRefused, "is busy or being maintained (HTTP 502)"),
    (503, ApiRefused, "is busy or being maintained (HTTP 503)"),
]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("status", "kind", "words"), REFUSALS)
def test_refusals(status: int, kind: type[FlowdagError], words: str, answering: Answering, caplog: Caplog) -> None:
    """The server repeats the key that it got in every field that it has."""

    def answer(request: Request) -> Answer:
        told = {"exception_message": request.headers.get("Authorization"), "detail": request.headers}
        return as_json(told, status, **{"X-Key": SECRET, "Retry-After": "0"})

    with answering(answer) as api_url:
        error = failure(api_url, caplog)
    assert isinstance(error, kind)
    assert words in error.what
    assert "127.0.0.1" in error.what


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'[{"id": "1', {"Content-Type": "application/json"}),
        (b"", {}),
        (b"<!doctype html><title>Sign in</title>", {"Content-Type": "text/html"}),
        (b"\xff\xfe\x00", {}),
        (b"[NaN]", {}),
        (b"[]", {"Content-Encoding": "gzip"}),  # says that it is packed, and is not
    ],
)
def test_answers_that_are_no_json(body: bytes, headers: dict[str, str], answering: Answering, caplog: Caplog) -> None:
    with answering(lambda _: Answer(200, body, headers)) as api_url:
        error = failure(api_url, caplog)
    assert isinstance(error, ApiAnswerInvalid)
    assert "api_url" in error.todo


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_to_a_sign_in_page(status: int, answering: Answering, caplog: Caplog) -> None:
    with misbehaving.answering(lambda _: Answer(200, b"<html>", {"Content-Type": "text/html"})) as elsewhere:

        def answer(_: Request) -> Answer:
            return Answer(status, b"", {"Location": f"{elsewhere}/sign-in"})

        with answering(answer) as api_url:
            assert isinstance(failure(api_url, caplog), ApiAnswerInvalid)


@pytest.mark.usefixtures("impatient")
def test_a_line_cut_in_the_middle(answering: Answering, caplog: Caplog) -> None:
    with answering(lambda _: Answer(200, b'[{"id"', length=1000)) as api_url:
        assert isinstance(failure(api_url, caplog), ApiUnreachable)


@pytest.mark.usefixtures("impatient")
def test_nobody_listens(caplog: Caplog) -> None:
    error = failure(f"http://127.0.0.1:{free_port()}/api", caplog)
    assert isinstance(error, ApiUnreachable)
    assert "cannot be reached" in error.what


@pytest.mark.usefixtures("impatient")
def test_a_name_that_does_not_exist(caplog: Caplog) -> None:
    error = failure("http://prefect.invalid/api", caplog)
    assert isinstance(error, ApiUnreachable)
    assert "prefect.invalid" in error.what


@pytest.mark.usefixtures("impatient")
def test_https_asked_of_a_plain_server(caplog: Caplog) -> None:
    with misbehaving.answering(lambda _: as_json([])) as api_url:
        assert isinstance(failure(api_url.replace("http:", "https:"), caplog), ApiUnreachable)


@pytest.mark.usefixtures("impatient")
def test_a_server_that_hangs(monkeypatch: pytest.MonkeyPatch, answering: Answering, caplog: Caplog) -> None:
    monkeypatch.setattr(client_module, "READ_S", 0.3)
    with answering(lambda _: Answer(200, b"[", length=1000, then=lambda _: time.sleep(1.5))) as api_url:
        error = failure(api_url, caplog)
    assert isinstance(error, ApiUnreachable)
    assert "did not answer in time" in error.what


def dripping(line: Any) -> None:
    for _ in range(20):
        line.write(b" ")
        line.flush()
        time.sleep(0.1)


@pytest.mark.usefixtures("impatient")
def test_a_server_that_drips(monkeypatch: pytest.MonkeyPatch, answering: Answering, caplog: Caplog) -> None:
    """Every byte comes in time, the whole never does."""
    monkeypatch.setattr(client_module, "DEADLINE_S", 0.5)
    with answering(lambda _: Answer(200, b"[", length=1000, then=dripping)) as api_url:
        error = failure(api_url, caplog)
    assert isinstance(error, ApiUnreachable)
    assert "did not answer in time" in error.what


@pytest.mark.usefixtures("impatient")
def test_maintenance_that_does_not_end(caplog: Caplog) -> None:
    """Prefect's own client asks again for ever while a server says that it is being maintained."""
    resting = as_json({}, 503, **{"Prefect-Maintenance": "true", "Retry-After": "0.1"})
    with misbehaving.answering(lambda _: resting) as api_url:
        assert "being maintained" in failure(api_url, caplog).what


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_busy_server_is_asked_again_as_often_as_a_person_waits(status: int, caplog: Caplog) -> None:
    """After half a second, one and two; four more would be too long."""
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return as_json({}, status)

    with misbehaving.answering(without_csrf(answer)) as api_url:
        error = failure(api_url, caplog)
    assert isinstance(error, ApiRefused)
    assert (error.status, error.retry_after_s) == (status, None)
    assert len(asked) == 4


def test_a_pause_that_is_asked_for_is_made() -> None:
    asked: list[float] = []

    def answer(_: Request) -> Answer:
        asked.append(time.monotonic())
        return as_json({}, 429, **{"Retry-After": "2"}) if len(asked) == 1 else as_json(7)

    with misbehaving.answering(without_csrf(answer)) as api_url:
        assert ask(whom(api_url), lambda client: count_runs(client, Scope())) == 7
    first, second = asked
    assert second - first >= 2


def test_a_pause_longer_than_a_person_waits_is_told(caplog: Caplog) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return as_json({}, 429, **{"Retry-After": "120"})

    with misbehaving.answering(without_csrf(answer)) as api_url:
        error = failure(api_url, caplog)
    assert error.todo == "Wait 120 s, then refresh."
    assert isinstance(error, ApiRefused)
    assert error.retry_after_s == 120
    assert len(asked) == 1


# --- answers without end ---------------------------------------------------------------------------------------------

MB = 1_000_000


class Flood:
    """Sends up to 200 MB, and counts what has gone."""

    def __init__(self) -> None:
        self.sent = 0

    def __call__(self, line: Any) -> None:
        for _ in range(200):
            line.write(b" " * MB)
            self.sent += MB


def test_a_flood_is_cut_off(answering: Answering, caplog: Caplog) -> None:
    flood = Flood()
    with answering(lambda _: Answer(200, b"[", length=200 * MB, then=flood)) as api_url:
        error = failure(api_url, caplog)
    assert isinstance(error, TooLarge)
    assert "larger than 64 MB" in error.what
    assert flood.sent < 100 * MB  # some lies in the sockets


def test_a_flood_that_comes_packed_is_cut_off(answering: Answering, caplog: Caplog) -> None:
    packed = gzip.compress(b" " * 200 * MB)
    with answering(lambda _: Answer(200, packed, {"Content-Encoding": "gzip"})) as api_url:
        assert isinstance(failure(api_url, caplog), TooLarge)


# --- several requests at once ----------------------------------------------------------------------------------------


def test_no_more_than_four_at_once_of_a_client() -> None:
    busy, most = [0], [0]
    lock = threading.Lock()

    def answer(_: Request) -> Answer:
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        time.sleep(0.02)
        with lock:
            busy[0] -= 1
        return as_json([])

    async def two_reads(client: Client) -> None:
        async with anyio.create_task_group() as group:
            for kind in ("task_run", "flow_run"):
                group.start_soon(read_histories, client, kind, [f"{kind}-{number}" for number in range(20)])

    with misbehaving.answering(without_csrf(answer)) as api_url:
        ask(whom(api_url), two_reads)
    assert most == [4]


def test_a_cancelled_read_ends_and_asks_no_more() -> None:
    """The server would keep its pages until the test lets it go."""
    asked: list[str] = []
    let_go = threading.Event()

    def answer(request: Request) -> Answer:
        if request.path.endswith("/count"):
            return as_json(10_000)
        asked.append(request.path)
        let_go.wait(60)
        return as_json([])

    async def read_and_cancel(client: Client) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(read_task_runs, client, [RUN])
            while len(asked) < 3:
                await anyio.sleep(0.01)
            group.cancel_scope.cancel()

    with misbehaving.answering(without_csrf(answer)) as api_url:
        ask(whom(api_url), read_and_cancel)
        seen = len(asked)
        let_go.set()
        time.sleep(0.3)
        assert len(asked) == seen


def test_a_server_that_recovers_is_no_error() -> None:
    left = [as_json({}, 503, **{"Retry-After": "0"}), as_json({}, 429, **{"Retry-After": "0"})]

    def answer(_: Request) -> Answer:
        return left.pop() if left else as_json(7)

    with misbehaving.answering(without_csrf(answer)) as api_url:
        assert ask(whom(api_url), lambda client: count_runs(client, Scope())) == 7
    assert left == []


# --- JSON of another shape -------------------------------------------------------------------------------------------

QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "list": lambda client: list_runs(client, Scope()),
    "count": lambda client: count_runs(client, Scope()),
    "run": lambda client: read_flow_run(client, RUN),
    "graph": lambda client: read_run(client, RUN),
    "gate": lambda client: require_visible(client, Scope(), RUN),
    "version": server_version,
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("body", [None, 3, "ok", {"status": "ok"}, [{"a": 1}], [1]])
def test_json_that_is_not_prefects(question: str, body: object) -> None:
    """A portal, another product, a newer server: an answer in words, or an answer, but never a traceback."""
    with misbehaving.answering(without_csrf(lambda _: as_json(body))) as api_url:
        try:
            ask(whom(api_url), QUESTIONS[question])
        except FlowdagError as error:
            assert isinstance(error, ApiAnswerInvalid | RunNotFound)  # noqa: PT017


@pytest.mark.usefixtures("impatient")
def test_a_csrf_token_that_is_none(caplog: Caplog) -> None:
    """Prefect's client reads that answer itself, before flowdag's first request."""
    for body in (None, [1], {"status": "ok"}):
        with misbehaving.answering(lambda _, body=body: as_json(body)) as api_url:
            assert isinstance(failure(api_url, caplog), ApiAnswerInvalid)


@pytest.mark.usefixtures("impatient")
def test_a_run_whose_lists_are_another_shape() -> None:
    def answer(request: Request) -> Answer:
        if request.path.endswith(f"/flow_runs/{RUN}"):
            return as_json(FLOW_RUN)
        return as_json({"detail": "no"}) if request.method == "POST" else as_json(True)

    with misbehaving.answering(without_csrf(answer)) as api_url, pytest.raises(ApiAnswerInvalid):
        ask(whom(api_url), lambda client: read_run(client, RUN))


# --- the credential --------------------------------------------------------------------------------------------------


def test_the_credential_is_the_tenants_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process's own Prefect settings hold is another server's."""
    monkeypatch.setenv("PREFECT_API_KEY", "pnu_Own")
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "own:password")
    sent: list[str | None] = []

    def answer(request: Request) -> Answer:
        sent.append(request.headers.get("Authorization"))
        return as_json(0)

    with misbehaving.answering(without_csrf(answer)) as api_url:
        for credential in ({"api_key": SecretStr(SECRET)}, {"auth_string": SecretStr("u:p")}, {}):
            one = Tenant(slug="a", title="A", api_url=api_url, **credential)
            sent.clear()
            ask(one, lambda client: count_runs(client, Scope()))
            expected = {"api_key": f"Bearer {SECRET}", "auth_string": "Basic dTpw"}.get(next(iter(credential), ""))
            assert set(sent) == {expected}
