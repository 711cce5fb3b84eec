"""Pages of log lines: the server's rows made readable, and those of many owners in one order of time."""

from __future__ import annotations

import heapq
import logging
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prefect.client.orchestration import PrefectClient

from flowdag.errors import ApiRefused
from flowdag.prefect_api.client import request
from flowdag.prefect_api.columns import ID, TEXT, require
from flowdag.prefect_api.guard import TooLarge
from flowdag.prefect_api.reading import each

PAGE = 200  # the server's own limit
SMALLEST_PAGE = 10  # a line may have a megabyte: where a page is too large, smaller ones are asked for
AT_ONCE = 1000  # ids in one request: databases allow some ten thousand
PATIENCE_S = 30.0  # for each page: whoever waits sees how far it is
CANNOT_SEARCH = (422, 500)  # before 3.4.20; on SQLite before 3.44, which lacks a function that the search needs
SEARCHED = 200  # characters of text that the server searches for at most

ROW = {
    **dict.fromkeys(("message", "timestamp"), ID),
    **dict.fromkeys(("flow_run_id", "task_run_id"), TEXT),
    "level": frozenset({int}),
}
ESCAPES = re.compile(  # what a terminal obeys: colours, titles, links
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x9b[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-Z\\^-~]"
)
UNSEEN = re.compile(  # control characters, and what turns the direction of the text or is nothing to see
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


@dataclass(frozen=True)
class LogLine:
    """One log line; `at` is UTC, `level` a name such as INFO. `task_run_id` is None for what the flow itself logged."""

    at: datetime
    level: str
    message: str
    number: int = logging.INFO
    id: str = ""
    flow_run_id: str | None = None
    task_run_id: str | None = None


@dataclass(frozen=True)
class Owners:
    """Whose lines: of these flow runs with all their tasks, and of these task runs."""

    flow_runs: tuple[str, ...] = ()
    task_runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogQuery:
    """Which lines: `at_least` this level (logging.INFO is 20), every word of `text` in the message, in any case.

    `after` and `before` are inclusive.
    """

    owners: Owners
    at_least: int = 0
    text: str = ""
    after: datetime | None = None
    before: datetime | None = None


def readable(message: str) -> str:
    """A message without what a terminal would obey and what cannot be seen; lines end in a line feed."""
    return UNSEEN.sub("", ESCAPES.sub("", message.replace("\r\n", "\n")).replace("\r", "\n")).rstrip()


def log_line(row: dict[str, Any]) -> LogLine:
    """One of the server's rows. Raises ApiAnswerInvalid if it has another shape."""
    require(all(type(row.get(name)) in types for name, types in ROW.items()), "log lines")
    level, ids = int(row["level"]), (row.get("flow_run_id"), row.get("task_run_id"))
    name = logging.getLevelName(level)
    return LogLine(_moment(row["timestamp"]), name, readable(row["message"]), level, row["id"], *ids)


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
        require(at.tzinfo is not None, "log lines")
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        require(False, "log lines")
        raise


async def pages_of(
    client: PrefectClient, query: LogQuery, newest_first: bool
) -> AsyncGenerator[tuple[list[LogLine], bool], None]:
    """Lines of all owners in order, and whether they are the last: of each owner's page what no other's can precede."""
    streams = [_Stream(client, query, owner, newest_first) for owner in _parts(query.owners)]
    while True:
        await each(_Stream.fill, [stream for stream in streams if not stream.lines and not stream.is_over])
        open_ends = [stream.lines[-1].at for stream in streams if stream.lines and not stream.is_over]
        if any(not stream.lines and not stream.is_over for stream in streams):
            continue  # a page of known lines only
        edge = (max if newest_first else min)(open_ends) if open_ends else None
        batches = [stream.take(edge) for stream in streams]
        last = not open_ends
        yield list(heapq.merge(*batches, key=lambda line: line.at, reverse=newest_first)), last
        if last and not any(stream.lines for stream in streams):
            return


def _parts(whose: Owners) -> list[dict[str, Any]]:
    """As filters, of so many ids that a request can hold them."""
    kinds = (("flow_run_id", whose.flow_runs), ("task_run_id", whose.task_runs))
    return [{name: {"any_": list(ids[at : at + AT_ONCE])}} for name, ids in kinds for at in range(0, len(ids), AT_ONCE)]


class _Stream:
    """The lines of some owners, page by page: each begins at the instant of the last line of the one before.

    Deep offsets would cost the server more and more, and shift while lines are added.
    """

    def __init__(self, client: PrefectClient, query: LogQuery, owner: dict[str, Any], newest_first: bool) -> None:
        self._client, self._query, self._owner, self._newest_first = client, query, owner, newest_first
        self._edge: datetime | None = query.before if newest_first else query.after
        self._offset, self._page = 0, PAGE
        self._search = _search(query.text)
        self._at_edge: set[str] = set()
        self._stale = 0
        self.lines: list[LogLine] = []
        self.is_over = False

    def take(self, edge: datetime | None) -> list[LogLine]:
        """The lines up to this instant, all if there is none; they are not held any longer."""
        count = len(self.lines)
        if edge is not None:
            passed = [line.at < edge if self._newest_first else line.at > edge for line in self.lines]
            count = passed.index(True) if True in passed else count
        taken, self.lines = self.lines[:count], self.lines[count:]
        return taken

    async def fill(self) -> None:
        """Read the next page."""
        rows = await self._read()
        page = [log_line(row) for row in rows]
        self.lines = [line for line in page if line.id not in self._at_edge]
        # a page of nothing new is met where many lines share an instant; where two follow, the server does not go on
        self._stale = 0 if self.lines else self._stale + 1
        self.is_over = len(page) < self._page or self._stale > 1
        if not page:
            return
        last = page[-1].at
        # a whole page of one instant: step over it by offset, within the instant only
        same = last == self._edge
        self._offset = self._offset + len(page) if same else 0
        at_last = {line.id for line in page if line.at == last}
        self._at_edge = self._at_edge | at_last if same else at_last
        self._edge = last

    async def _read(self) -> list[dict[str, Any]]:
        while True:
            try:
                return list(
                    await request(self._client, "POST", "/logs/filter", json=self._body(), patience_s=PATIENCE_S)
                )
            except TooLarge:
                if self._page <= SMALLEST_PAGE:
                    raise
                self._page = max(SMALLEST_PAGE, self._page // 4)
            except ApiRefused as refused:
                if refused.status not in CANNOT_SEARCH or not self._search:
                    raise
                self._search = ""

    def _body(self) -> dict[str, Any]:
        span = {"after_": self._query.after, "before_": self._query.before}
        if self._edge:
            span["before_" if self._newest_first else "after_"] = self._edge
        logs = dict(self._owner)
        if told := {name: at.isoformat() for name, at in span.items() if at}:
            logs["timestamp"] = told
        if self._query.at_least:
            logs["level"] = {"ge_": self._query.at_least}
        if self._search:
            logs["text"] = {"query": self._search}
        sort = "TIMESTAMP_DESC" if self._newest_first else "TIMESTAMP_ASC"
        return {"logs": logs, "sort": sort, "limit": self._page, "offset": self._offset}


def _search(text: str) -> str:
    """What the server can look for as we do, each piece required: it knows capitals of ASCII letters only.

    Pieces of words, as signs may have a meaning there, and colours of a terminal may stand between them.
    """
    kept = ""
    for piece in re.findall(r"[A-Za-z0-9_]+", " ".join(word for word in text.split() if word.isascii())):
        longer = f'{kept} +"{piece}"'.strip()
        kept = longer if len(longer) <= SEARCHED else kept
    return kept
