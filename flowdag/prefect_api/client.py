"""One door to a tenant's Prefect API: its client, and requests whose failures are already words for people."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import orjson
from prefect.client.orchestration import PrefectClient
from prefect.context import SettingsContext, get_settings_context
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, Settings, get_current_settings

from flowdag.errors import ApiAnswerInvalid, ApiRefused, ApiUnreachable, FlowdagError
from flowdag.prefect_api import guard, versions
from flowdag.prefect_api.guard import ServerIsBusy, retry_after_s

if TYPE_CHECKING:
    from flowdag.tenants import Tenant

Client = PrefectClient  # for those who may not import prefect

VERSION_PATH = "/admin/version"
CONNECT_S, READ_S, DEADLINE_S = 5.0, 30.0, 45.0
SKEW = timedelta(seconds=2)  # the Date header knows whole seconds only: below this our own clock is the better one


class NotFound(ApiRefused):
    """404: callers know what was looked for, and say so."""


class TooSlow(ApiUnreachable):
    """The server did not answer in time, or not to the end."""


@asynccontextmanager
async def connect(tenant: Tenant) -> AsyncIterator[PrefectClient]:
    """A client for the tenant's API and no other: nothing of Prefect's own profile reaches it."""
    with _own_headers(tenant):
        client = PrefectClient(
            tenant.api_url,
            api_key=tenant.api_key.get_secret_value() if tenant.api_key else None,
            auth_string=tenant.auth_string.get_secret_value() if tenant.auth_string else None,
            httpx_settings={"timeout": httpx.Timeout(READ_S, connect=CONNECT_S)},
        )
    async with client:
        yield client


def _own_headers(tenant: Tenant) -> SettingsContext:
    """PREFECT_CLIENT_CUSTOM_HEADERS are for the API that Prefect itself is set to: no other server gets to see them."""
    settings = get_current_settings()
    theirs = str(settings.api.url or "").rstrip("/") == tenant.api_url
    headers = {name: value for name, value in settings.client.custom_headers.items() if theirs}
    if tenant.api_key or tenant.auth_string:
        headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
    own = settings.model_copy(update={"client": settings.client.model_copy(update={"custom_headers": headers})})
    return SettingsContext(profile=get_settings_context().profile, settings=own)


async def request(client: PrefectClient, method: str, path: str, **options: Any) -> Any:
    """The decoded JSON answer of one request (`json=`, `params=` as in httpx; bounds and errors as in `send`)."""
    return answer_of(await send(client, method, path, **options), client, path)


def answer_of(response: httpx.Response, client: PrefectClient, path: str) -> Any:
    """The decoded JSON of an answer to this path; raises ApiAnswerInvalid if it is not Prefect's."""
    answer = decode(response, client)
    if not has_prefects_shape(path, answer):
        raise ApiAnswerInvalid(
            f"The answer of {client.api_url.host} is not Prefect's.",
            "Check that the tenant's api_url is a Prefect API and ends in /api.",
        )
    return answer


async def send(
    client: PrefectClient,
    method: str,
    path: str,
    *,
    at_most: int = guard.MAX_BYTES,
    within_s: float | None = None,
    patience_s: float | None = None,
    **options: Any,
) -> httpx.Response:
    """One request; no more than four of a client run at once.

    at_most: bytes of the answer. within_s: the deadline, with all tries (45 s unless given). patience_s: for how long
    a busy server is asked again (5 s unless given).
    Raises ApiUnreachable (TooSlow), ApiRefused (NotFound for 404) or ApiAnswerInvalid (TooLarge).
    """
    where = client.api_url.host
    options["extensions"] = {guard.AT_MOST: at_most}
    try:
        async with guard.bound(client):
            with impatient(), anyio.fail_after(within_s or DEADLINE_S):
                ask = partial(client.request, method, path, **options)  # type: ignore[arg-type]
                return await guard.patiently(ask, guard.PATIENCE_S if patience_s is None else patience_s)
    except (PrefectHTTPStatusError, ServerIsBusy) as error:
        too_old = await _told_by_its_version(client, path, error.response, options.get("json"))
        raise too_old or refusal(error.response, where) from None
    except (httpx.TimeoutException, TimeoutError):
        raise TooSlow(
            f"The Prefect server at {where} did not answer in time.", "Try again in a moment; it may be overloaded."
        ) from None
    except (httpx.TransportError, httpx.InvalidURL):
        raise ApiUnreachable(
            f"The Prefect server at {where} cannot be reached.",
            "Check that it is running and that the tenant's api_url is right, then refresh.",
        ) from None
    except (httpx.HTTPError, ValueError):  # ValueError: Prefect's client reads the answer about a CSRF token itself
        raise ApiAnswerInvalid(
            f"The answer of {where} could not be read.", "Check that the tenant's api_url is a Prefect API."
        ) from None


def impatient() -> SettingsContext:
    """One retry of a broken line instead of five: a person is waiting, and is told sooner."""
    # not SettingsContext(...), which checks all settings again: 0.2 ms for each request
    return SettingsContext.model_construct(profile=get_settings_context().profile, settings=_settings())


@cache
def _settings() -> Settings:
    return get_current_settings().copy_with_update(updates={PREFECT_CLIENT_MAX_RETRIES: 1})


def refusal(response: httpx.Response, where: str) -> ApiRefused:
    """What an HTTP error means, in words."""
    wait_s = retry_after_s(response)
    refused = _refusal(response.status_code, where, f"{wait_s:.0f} s" if wait_s else "a minute")
    refused.status, refused.retry_after_s = response.status_code, wait_s
    return refused


def _refusal(status: int, where: str, wait: str) -> ApiRefused:
    if status == 404:
        return NotFound(f"The Prefect server at {where} does not know this.", "Check the id, or the tenant's api_url.")
    if status in (401, 403):
        return ApiRefused(
            f"The Prefect server at {where} refused the tenant's key.",
            "Ask whoever configured the tenant to check its api_key or auth_string.",
        )
    if status == 400:
        return ApiRefused(
            f"The Prefect server at {where} refused this request.",
            "It may be older or newer than flowdag supports: see the README for the range.",
        )
    if status == 422:
        return ApiRefused(
            f"The Prefect server at {where} does not understand this request.",
            "It may be older than flowdag supports: see the README for the range.",
        )
    if status == 429:
        return ApiRefused(f"The Prefect server at {where} asks for fewer requests.", f"Wait {wait}, then refresh.")
    if status in guard.BUSY:
        return ApiRefused(
            f"The Prefect server at {where} is busy or being maintained (HTTP {status}).",
            f"Wait {wait}, then refresh; if it stays, look at its log.",
        )
    return ApiRefused(
        f"The Prefect server at {where} had an error of its own (HTTP {status}).", "Try again; then look at its log."
    )


def decode(response: httpx.Response, client: PrefectClient) -> Any:
    """The answer's JSON; raises ApiAnswerInvalid if it is none."""
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        raise ApiAnswerInvalid(
            f"The answer of {client.api_url.host} is not JSON.", "Check that the tenant's api_url ends in /api."
        ) from None


def _has_id(row: dict[str, Any]) -> bool:
    return isinstance(row.get("id"), str)


def has_prefects_shape(path: str, answer: Any) -> bool:
    """Whether an answer is what Prefect's paths promise: rows with ids, a number, a text, else one object.

    What stands in between (a portal, another product) may answer any request with JSON of its own.
    """
    if path.endswith(("/filter", "_states/")):
        return isinstance(answer, list) and all(isinstance(row, dict) and _has_id(row) for row in answer)
    if path.endswith("/count") and not path.startswith("/ui/"):
        return isinstance(answer, int)
    if path == VERSION_PATH:
        return isinstance(answer, str)
    return isinstance(answer, dict) and ("id" in answer or path.endswith(("/graph-v2", "/count")))


def server_now(response: httpx.Response) -> datetime:
    """The server's time at this answer, UTC: our clock, unless the Date header says that the two differ."""
    now = datetime.now(UTC)
    try:
        date = parsedate_to_datetime(response.headers["Date"])
        ahead = date - now
    except (KeyError, TypeError, ValueError):
        return now
    return now if abs(ahead) <= SKEW else now + timedelta(seconds=round(ahead.total_seconds()))


async def _told_by_its_version(
    client: PrefectClient, path: str, response: httpx.Response, asked: Any
) -> ApiRefused | None:
    """The words for a server that is too old, asked only where it knows no such path or filter; None for others."""
    unknown_path = response.status_code == 404 and b'"Not Found"' in response.content[:100]
    if path == VERSION_PATH or not (unknown_path or response.status_code == 422):
        return None
    with suppress(FlowdagError):
        return versions.too_old(await server_version(client), client.api_url.host, asked)
    return None


async def server_version(client: PrefectClient) -> str:
    """The server's Prefect version, e.g. `3.8.8`; Prefect Cloud tells none: `cloud`."""
    if client.server_type.value == "cloud":
        return "cloud"
    return str(await request(client, "GET", VERSION_PATH))
