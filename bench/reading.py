"""Reading a run, from the first request to the assembled graph, beside the bare HTTP requests that this takes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
from prefect.client.orchestration import PrefectClient

from bench.figures import Figure
from bench.seeding import layered, seed, seeded_server
from flowdag.prefect_api import guard
from flowdag.prefect_api.client import connect, send
from flowdag.prefect_api.read_run import read_run
from flowdag.tenants import Tenant

SIZES = {100: 5, 1_000: 5, 10_000: 3, 50_000: 1}  # task runs: how often each way is tried; the fastest counts
AT_MOST_TIMES, FROM = 1.25, 1_000


@dataclass(frozen=True)
class Asked:
    """A request of a reading, and the one whose answer it waited for: the last that had come, by its place."""

    request: httpx.Request
    after: int | None


def measure(sizes: dict[int, int] = SIZES) -> list[Figure]:
    """Seconds of both ways by turns, in one loop, on one server, over connections that are open already."""
    with tempfile.TemporaryDirectory() as home, seeded_server(Path(home)) as (api_url, database):
        runs = {size: seed(database, layered(size)).flow_run_id for size in sizes}
        return [
            figure
            for size, times in sizes.items()
            for figure in _figures(size, *anyio.run(_both_ways, api_url, runs[size], times))
        ]


def _figures(size: int, reading_s: float, bare_s: float, asked: int) -> list[Figure]:
    ratio = reading_s / bare_s
    must, holds = (f"at most {AT_MOST_TIMES}", ratio <= AT_MOST_TIMES) if size >= FROM else (None, None)
    return [
        Figure("reading", "to the graph", size, reading_s, "s", "its bare requests", ratio, must, holds),
        Figure("reading", "bare requests", size, bare_s, "s"),
        Figure("reading", "requests", size, asked, ""),
    ]


async def _both_ways(api_url: str, run_id: str, times: int) -> tuple[float, float, int]:
    reading = bare = float("inf")
    asked: Sequence[Asked] = []
    async with (
        connect(Tenant(slug="bench", title="Bench", api_url=api_url)) as client,
        httpx.AsyncClient(timeout=60, trust_env=False) as http,
    ):
        await send(client, "GET", "/health")
        await http.get(f"{api_url}/health")
        asked = await _requests(client, run_id)
        for _ in range(times):
            begin = time.perf_counter()
            await _ask_again(http, asked)
            bare = min(bare, time.perf_counter() - begin)
            begin = time.perf_counter()
            graph = await read_run(client, run_id)
            reading = min(reading, time.perf_counter() - begin)
            assert graph.complete
    return reading, bare, len(asked)


async def _requests(client: PrefectClient, run_id: str) -> list[Asked]:
    """The requests of one reading, which also warms the server up."""
    asked: list[Asked] = []
    answered: list[httpx.Request] = []

    async def goes(request: httpx.Request) -> None:
        places = {id(known.request): place for place, known in enumerate(asked)}
        asked.append(Asked(request, places[id(answered[-1])] if answered else None))

    async def comes(response: httpx.Response) -> None:
        answered.append(response.request)

    guard.bound(client)  # its hook, which reads the bodies, comes first
    hooks = client._client.event_hooks
    hooks["request"].append(goes)
    hooks["response"].append(comes)
    await read_run(client, run_id)
    hooks["request"].remove(goes)
    hooks["response"].remove(comes)
    return asked


async def _ask_again(http: httpx.AsyncClient, asked: Sequence[Asked]) -> None:
    """The same requests, as many at once, in an order as it was; bodies are thrown away as they come."""
    done = [anyio.Event() for _ in asked]

    async def ask(place: int) -> None:
        if (after := asked[place].after) is not None:
            await done[after].wait()
        first = asked[place].request
        async with http.stream(first.method, first.url, headers=first.headers, content=first.content) as response:
            async for _ in response.aiter_raw():
                pass
        done[place].set()

    async with anyio.create_task_group() as group:
        for place in range(len(asked)):
            group.start_soon(ask, place)
