"""Reading that takes a while: how far it is, and several requests at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import anyio

T = TypeVar("T")

FIRST_GUESS_S = 1.0  # before that the time left would be a wild guess


@dataclass(frozen=True)
class Reached:
    """How many of `what` (such as "task runs") are read, of how many (0: unknown), about how many seconds are left."""

    what: str
    done: int
    in_all: int
    left_s: float | None = None

    @property
    def words(self) -> str:
        """Such as "Reading task runs: 4,200 of 50,000, about 12 s left"."""
        left = f", about {self.left_s:.0f} s left" if self.left_s else ""
        of = f" of {self.in_all:,}" if self.in_all else " so far"
        return f"Reading {self.what}: {self.done:,}{of}{left}"


Progress = Callable[[Reached], None]


def counting(what: str, in_all: int, progress: Progress | None) -> Callable[[int], None]:
    """A function that takes how many are read by now, and passes it on; the number never falls."""
    begin, most = time.monotonic(), 0

    def tell(done: int) -> None:
        nonlocal most
        most = max(most, min(done, in_all))
        took = time.monotonic() - begin
        left = took * (in_all - most) / most if most and took >= FIRST_GUESS_S else None
        if progress:
            progress(Reached(what, most, in_all, left))

    return tell


async def each(work: Callable[[T], Coroutine[Any, Any, None]], items: Iterable[T]) -> None:
    """Run `work` for all items at once; the first failure ends all, and is raised. `send` bounds the requests."""
    try:
        async with anyio.create_task_group() as group:
            for item in items:
                group.start_soon(work, item)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
