"""One watch of a run for all who look at it: however many ask, the Prefect API gets one poll per interval."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from flowdag.errors import ApiRefused, FlowdagError
from flowdag.model import FlowRunGraph
from flowdag.prefect_api import live
from flowdag.prefect_api.client import Client
from flowdag.prefect_api.live import Watched
from flowdag.prefect_api.live_read import poll

EARLY_S = 0.15  # browsers do not look to the millisecond

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
    `watched` is what `begin` has read. Raises ApiAnswerInvalid where that makes no graph.
    """

    def __init__(self, ask: Ask, watched: Watched) -> None:
        self._ask = ask
        self._asking = threading.Lock()
        self._failures = 0
        self._held = self._found(watched, time.monotonic())

    def current(self, now: float | None = None) -> Shown:
        """The run as it is known. Who comes first when a poll is due makes it; others get the last graph at once.

        now: `time.monotonic()`.
        """
        now = time.monotonic() if now is None else now
        shown = self._held[1]
        if shown.next_due is None or now < shown.next_due or not self._asking.acquire(blocking=False):
            return shown
        try:
            if self._held[1] is shown:  # else somebody has polled since it was looked up
                self._poll(now)
            return self._held[1]
        finally:
            self._asking.release()

    def _poll(self, now: float) -> None:
        started = time.monotonic()
        watched, shown = self._held
        try:
            latest = self._ask(lambda client: poll(client, watched))
            self._held = self._found(latest, now)
            self._failures = 0
        except FlowdagError as problem:
            self._failures += 1
            asked = problem.retry_after_s if isinstance(problem, ApiRefused) else None
            wait = live.back_off_s(live.interval_s(watched), self._failures, asked)
            self._held = watched, Shown(shown.graph, now + time.monotonic() - started + wait, problem)

    @staticmethod
    def _found(watched: Watched, asked_at: float) -> tuple[Watched, Shown]:
        """Due a little before whole looks have passed: else one viewer, who looks every two seconds, would just miss
        every other poll, and many viewers, who look at any moment, would not.
        """
        looks = math.ceil(live.interval_s(watched) / live.SHORTEST_S)
        due = asked_at + looks * live.SHORTEST_S - EARLY_S
        return watched, Shown(live.graph(watched), None if live.is_finished(watched) else due)
