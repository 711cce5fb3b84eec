"""Long reads: each made once for all who wait for it, telling how far it is, given up when nobody waits any more."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from concurrent.futures import TimeoutError as StillRunning
from typing import Generic, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from flowdag.prefect_api.reading import Progress, Reached

T = TypeVar("T")

FORGOTTEN_AFTER_S = 5.0  # a page that waits asks several times a second; a reload takes a second or two


class GivenUp(Exception):
    """Nobody had been waiting for this read for a while; whoever wants it now begins it again."""


class Job(Generic[T]):
    """A read in the portal's event loop. Threads wait for it in small steps, and look how far it is."""

    def __init__(
        self,
        portal: BlockingPortal,
        read: Callable[[Progress], Awaitable[T]],
        forgotten_after_s: float = FORGOTTEN_AFTER_S,
    ) -> None:
        self.reached: Reached | None = None
        self._forgotten_after_s = forgotten_after_s
        self._asked_at = time.monotonic()
        self._stopped = False
        self._scope: anyio.CancelScope | None = None
        self._future = portal.start_task_soon(self._run, read)

    async def _run(self, read: Callable[[Progress], Awaitable[T]]) -> T:
        with anyio.CancelScope() as self._scope:
            return await read(self._tell)
        raise GivenUp

    def _tell(self, reached: Reached) -> None:
        self.reached = reached
        forgotten = time.monotonic() - self._asked_at > self._forgotten_after_s
        if self._scope and (self._stopped or forgotten):
            self._scope.cancel()

    def stop(self) -> None:
        """Give the read up at its next step, whoever waits for it."""
        self._stopped = True

    def is_done(self, within_s: float) -> bool:
        """Wait a little, and say whether the read has ended, well or not."""
        self._asked_at = time.monotonic()
        try:
            self._future.exception(within_s)
        except StillRunning:
            return False
        return True

    def result(self) -> T:
        """What was read, once it is done. Raises what the read raised, or GivenUp."""
        return self._future.result()
