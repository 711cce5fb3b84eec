"""What every answer passes before it is read: large ones are cut off, and a busy server is met with some patience.

Prefect's client reads any body whole, and after 429, 502 or 503 it sleeps longer than people wait, even after its last
try. A hook in its httpx client sees each answer first.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from weakref import WeakKeyDictionary

import anyio
import httpx
from prefect.client.orchestration import PrefectClient

from flowdag.errors import ApiAnswerInvalid

# Requests of one client. With SQLite on one machine more gain nothing (10,000 task runs, 1, 2, 4, 8 at once: 4.2, 4.2,
# 4.5, 4.9 s, the server is busy all the time); elsewhere they hide the way there and back.
AT_ONCE = 4
MAX_BYTES = 64_000_000  # a page of 200 task runs has 0.3 MB; with a thousand inputs each it has 15 MB
PATIENCE_S = 5.0  # a person is waiting
FIRST_PAUSE_S = 0.5
BUSY = {408, 429, 502, 503}
AT_MOST = "flowdag.at_most"  # the extension of a request that says how large its answer may be

_bounds: WeakKeyDictionary[PrefectClient, anyio.CapacityLimiter] = WeakKeyDictionary()


class TooLarge(ApiAnswerInvalid):
    """The answer is larger than flowdag reads, or than the server gives."""


class ServerIsBusy(Exception):
    """A busy server's answer, before it has become words."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response.status_code)
        self.response = response


def bound(client: PrefectClient) -> anyio.CapacityLimiter:
    """What lets so many requests of a client through at once; from the first on its answers are watched."""
    if client not in _bounds:
        client._client.event_hooks["response"].append(_watch)
        _bounds[client] = anyio.CapacityLimiter(AT_ONCE)
    return _bounds[client]


async def _watch(response: httpx.Response) -> None:
    """Raise ServerIsBusy or TooLarge, or keep the body.

    A client may be somebody else's too: only flowdag's own requests are looked at, and those for the CSRF token that
    Prefect's client makes before them.
    """
    at_most = response.request.extensions.get(AT_MOST)
    if at_most is None and not response.request.url.path.endswith("/csrf-token"):
        return
    if response.status_code in BUSY:
        raise ServerIsBusy(response)
    await _read(response, at_most or MAX_BYTES)


async def _read(response: httpx.Response, at_most: int) -> None:
    """As `response.aread()`, but what is larger (unpacked) is left where it is; httpx closes the connection then."""
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > at_most:
            raise TooLarge(
                f"The answer of {response.url.host} is larger than {at_most / 1e6:.0f} MB.",
                "Look at it in Prefect's own pages, or check the tenant's api_url.",
            )
        parts.append(part)
    response._content = b"".join(parts)


def retry_after_s(response: httpx.Response) -> float | None:
    """For how many seconds the server asks to be left alone (`Retry-After`: seconds or a date); None if it does not."""
    asked = response.headers.get("Retry-After", "")
    try:
        return max(0.0, float(asked) if asked.isdigit() else _seconds_until(asked))
    except (TypeError, ValueError):
        return None


def _seconds_until(date: str) -> float:
    return (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()


async def patiently(ask: Callable[[], Awaitable[httpx.Response]], patience_s: float) -> httpx.Response:
    """Ask a busy server again after growing pauses, or after what it asks for.

    Raises ServerIsBusy once that would take longer than `patience_s` in all.
    """
    begin, pause = anyio.current_time(), FIRST_PAUSE_S
    while True:
        try:
            return await ask()
        except ServerIsBusy as busy:
            wait = max(pause, retry_after_s(busy.response) or 0) * random.uniform(1, 1.2)  # noqa: S311 - not all at once again
            if anyio.current_time() - begin + wait > patience_s:
                raise
        await anyio.sleep(wait)
        pause *= 2
