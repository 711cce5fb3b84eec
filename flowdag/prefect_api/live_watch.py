"""One watch of a run for all who look at it: however many ask, the Prefect API gets one poll per interval."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from flowdag.errors import ApiRefused, FlowdagError
from flowdag.model import FlowRunGraph
from flowdag.prefect_api import live
from flowdag.prefect_api.client import Client
from flowdag.prefect_api.live import Watched
from flowdag.prefect_api.live_read import begin, poll
from flowdag.prefect_api.reading import Progress

Ask = Callable[[Callable[[Client], Awaitable[Watched]]], Watched]


@dataclass(frozen=True)
class Shown:
    """What a viewer is shown of a watched run.

    next_due: when the next poll is due (`time.monotonic()`); None when the run has settled and nothing more is asked.
    problem: why the last poll failed, in words; the graph is that of the last good one.
    """

    graph: FlowRunGraph
    next_due: float | None
    problem: FlowdagError | None = None


class Watch:
    """A run that any number of threads look at.

    `ask` puts a question to the tenant's API and waits for the answer, e.g. through a portal to the loop of requests.
    """

    def __init__(self, run_id: str, ask: Ask, watched: Watched | None = None) -> None:
        self._run_id = run_id
        self._ask = ask
        self._asking = threading.Lock()
        self._held: tuple[Watched, Shown] | None = None
        self._failures = 0
        self._refused: tuple[float, FlowdagError] | None = None
        if watched:
            self._show(watched, time.monotonic(), time.monotonic())

    def current(self, now: float | None = None, progress: Progress | None = None) -> Shown:
        """The run as it is known. Who comes first when a poll is due makes it; others get the last graph at once.

        now: `time.monotonic()`. progress: as for `read_run`, called during the first read only. Before the first read
        there is no graph to show: all wait for it, and where it fails it raises what `read_run` raises, to all who
        come before the next try is due.
        """
        now = time.monotonic() if now is None else now
        if self._held is None:
            with self._asking:
                return self._held[1] if self._held else self._first(now, progress)
        shown = self._held[1]
        if shown.next_due is None or now < shown.next_due or not self._asking.acquire(blocking=False):
            return shown
        try:
            watched, latest = self._held
            # else somebody has polled since `shown` was looked up
            return self._poll(now, watched, shown) if latest is shown else latest
        finally:
            self._asking.release()

    def _first(self, now: float, progress: Progress | None) -> Shown:
        if self._refused and now < self._refused[0]:
            raise self._refused[1].with_traceback(None)
        started = time.monotonic()
        try:
            return self._show(self._ask(lambda client: begin(client, self._run_id, progress)), now, started)
        except FlowdagError as problem:
            self._refused = (self._after_failure(now, started, live.SHORTEST_S, problem), problem)
            raise

    def _poll(self, now: float, watched: Watched, shown: Shown) -> Shown:
        started = time.monotonic()
        try:
            return self._show(self._ask(lambda client: poll(client, watched)), now, started)
        except FlowdagError as problem:
            due = self._after_failure(now, started, live.interval_s(watched), problem)
            failed = Shown(shown.graph, due, problem)
            self._held = (watched, failed)
            return failed

    def _show(self, watched: Watched, now: float, started: float) -> Shown:
        graph = live.graph(watched)
        due = None if live.is_finished(watched) else _since(now, started) + live.interval_s(watched)
        shown = Shown(graph, due)
        self._held = (watched, shown)
        self._failures = 0
        return shown

    def _after_failure(self, now: float, started: float, interval: float, problem: FlowdagError) -> float:
        self._failures += 1
        asked = problem.retry_after_s if isinstance(problem, ApiRefused) else None
        return _since(now, started) + live.back_off_s(interval, self._failures, asked)


def _since(now: float, started: float) -> float:
    """What `now` has become: a wait begins when the answer has come."""
    return now + time.monotonic() - started
