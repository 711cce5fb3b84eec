"""Prefect's rows by column, their types checked once: what is built on them may trust these."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import NoneType
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from flowdag.errors import ApiAnswerInvalid
from flowdag.model import times

Row = Mapping[str, Any]
Array = npt.NDArray[Any]

Types = frozenset[type]
ID: Final[Types] = frozenset({str})
TEXT: Final[Types] = frozenset({str, NoneType})
LIST: Final[Types] = frozenset({list, NoneType})
OBJECT: Final[Types] = frozenset({dict, NoneType})
WHEN, COUNT, SECONDS = "when", "count", "seconds"  # read as arrays
TYPES: Final[Mapping[str, Types]] = {
    WHEN: TEXT,
    COUNT: frozenset({int, NoneType}),
    SECONDS: frozenset({int, float, NoneType}),
}
RANGE: Final = {COUNT: (0, 2**31), SECONDS: (-1e12, 1e12)}

_RUN: Mapping[str, Any] = {
    "id": ID,
    "name": TEXT,
    "state_type": TEXT,
    "state_name": TEXT,
    "state": OBJECT,
    "tags": LIST,
    "expected_start_time": WHEN,
    "start_time": WHEN,
    "end_time": WHEN,
    "run_count": COUNT,
    "total_run_time": SECONDS,
}
TASK_RUN: Final[Mapping[str, Any]] = {
    **_RUN,
    "flow_run_id": TEXT,
    "task_key": TEXT,
    "dynamic_key": TEXT,
    "task_inputs": OBJECT,
    "flow_run_run_count": COUNT,
    "updated": WHEN,
}
SUBFLOW: Final[Mapping[str, Any]] = {**_RUN, "flow_id": TEXT, "parent_task_run_id": TEXT, "deployment_id": TEXT}
STATE: Final[Mapping[str, Any]] = {"type": ID, "name": ID, "timestamp": WHEN}


class State(NamedTuple):
    """One state of a history; `at` is UTC."""

    type: str
    name: str
    at: np.datetime64


@dataclass(frozen=True)
class Columns:
    """Rows by column: times (`datetime64[us]`, UTC) and numbers are arrays, all else lists of what came.

    unreadable: how many times were told and could not be read; they are NaT.
    """

    of: Mapping[str, Any]
    unreadable: int

    def __getitem__(self, name: str) -> Any:
        return self.of[name]

    def __len__(self) -> int:
        return len(next(iter(self.of.values())))


def columns(rows: Sequence[Row], shape: Mapping[str, Any], what: str) -> Columns:
    """The rows by column; of rows with the same id the last. Raises ApiAnswerInvalid if they have another shape."""
    require(set(map(type, rows)) <= {dict}, what)
    if "id" in shape and len({str(row.get("id")) for row in rows}) < len(rows):
        rows = list({str(row.get("id")): row for row in rows}.values())
    told = [row.get(name) for row in rows for name in shape]  # row by row: each lies elsewhere in memory
    found: dict[str, Any] = {}
    unreadable = 0
    for at, (name, kind) in enumerate(shape.items()):
        values = told[at :: len(shape)]
        require(set(map(type, values)) <= (TYPES[kind] if isinstance(kind, str) else kind), what)
        if kind == WHEN:
            found[name] = times(values)
            unreadable += count_unreadable(values, found[name])
        elif kind in (COUNT, SECONDS):
            found[name] = _numbers(values, kind, what)
        else:
            found[name] = values
    if "tags" in found:
        require(set(map(type, chain.from_iterable(filter(None, found["tags"])))) <= {str}, what)
    return Columns(found, unreadable)


def require(sound: bool, what: str) -> None:
    """Raises ApiAnswerInvalid, unless the rows are sound."""
    if not sound:
        raise ApiAnswerInvalid(
            f"The Prefect server's {what} have another shape than flowdag knows.",
            "It may be older or newer than flowdag supports: see the README for the range.",
        )


def count_unreadable(texts: Sequence[str | None], parsed: Array) -> int:
    """How many of these times are told and could not be read."""
    return int(np.isnat(parsed).sum()) - texts.count(None)


def among(values: Iterable[Any], these: Collection[Any]) -> Array:
    """Whether each is one of these."""
    return np.fromiter(map(these.__contains__, values), bool)


def objects(values: Collection[Any]) -> Array:
    """An array of these objects, whatever they are."""
    return np.fromiter(values, dtype="object", count=len(values))


def _numbers(values: Sequence[float | None], kind: str, what: str) -> Array:
    low, high = RANGE[kind]
    told = [value or 0 for value in values]
    require(all(low <= value < high for value in told), what)
    return np.array(told, dtype="int64" if kind == COUNT else "float64")


def states_by_run(histories: Mapping[str, Sequence[Row]]) -> tuple[dict[str, list[State]], int]:
    """State histories in order of time, and how many states had no time that can be read: they are left out."""
    require(set(map(type, histories.values())) <= {list, tuple}, "states")
    told = columns(list(chain.from_iterable(histories.values())), STATE, "states")
    states = (State(*state) for state in zip(told["type"], told["name"], told["timestamp"], strict=True))
    found = {}
    for run, rows in histories.items():
        own = [next(states) for _ in rows]
        found[run] = sorted((state for state in own if not np.isnat(state.at)), key=lambda state: state.at)
    return found, int(np.isnat(told["timestamp"]).sum())
