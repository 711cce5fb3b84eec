"""The model: one flow run as a graph of its task runs and subflows, and the contracts of its tables.

Times are UTC (`datetime64[us, UTC]`), durations seconds as float, NaT and NaN where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

TIME: Final = "datetime64[us, UTC]"

NODES: Mapping[str, str] = {
    "kind": "object",
    "flow_run_id": "object",
    "task_run_id": "object",
    "label": "object",
    "task_name": "object",
    "task_key": "object",
    "state_type": "object",
    "state_name": "object",
    "expected_start": TIME,
    "start": TIME,
    "end": TIME,
    "blocked_s": "float64",
    "queue_s": "float64",
    "run_s": "float64",
    "retry_s": "float64",
    "wall_s": "float64",
    "tries": "int64",
    "attempt": "int64",
    "container": "object",
    "tags": "object",
}
EDGES: Mapping[str, str] = {"source": "object", "target": "object", "kind": "object", "plausible": "bool"}
TRIES: Mapping[str, str] = {"node": "object", "try": "int64", "start": TIME, "end": TIME, "state_name": "object"}
STATES: Mapping[str, str] = {
    "flow_run_id": "object",
    "attempt": "int64",
    "state_type": "object",
    "state_name": "object",
    "start": TIME,
    "end": TIME,
}

TERMINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
FAILURES = frozenset({"FAILED", "CRASHED"})
NOT_STARTED = frozenset({"PENDING", "SCHEDULED"})


@dataclass(frozen=True)
class FlowRun:
    """The facts of one flow run, as Prefect tells them.

    `run_s` is Prefect's total run time: seconds in RUNNING over all attempts. `lateness_s` is how much later than
    expected it started (so far, if it has not). `started_by` is what created the run, in words, or None if unknown.
    """

    id: str
    name: str
    flow_id: str
    flow_name: str
    state_type: str
    state_name: str
    state_message: str | None = None
    expected_start: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None
    updated: datetime | None = None
    run_s: float = 0.0
    lateness_s: float = 0.0
    attempts: int = 0
    tags: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    flow_version: str | None = None
    deployment_id: str | None = None
    deployment_name: str | None = None
    work_pool: str | None = None
    work_queue: str | None = None
    started_by: str | None = None
    parent_task_run_id: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state_type in TERMINAL

    def wall_s(self, as_of: datetime) -> float | None:
        """Seconds from start to end, or to `as_of` while it runs; None if it never started."""
        if self.start is None:
            return None
        return max(0.0, ((self.end or as_of) - self.start).total_seconds())


Ends = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def ends_of(nodes: pd.DataFrame, edges: pd.DataFrame) -> Ends:
    """Where the sources of the edges stand among the nodes (index `id`), and where their targets."""
    at = {node: place for place, node in enumerate(nodes.index)}
    sources, targets = (np.fromiter(map(at.__getitem__, edges[end]), np.int64) for end in ("source", "target"))
    return sources, targets


@dataclass(frozen=True)
class FlowRunGraph:
    """One flow run, whole: its facts and four tables (columns and dtypes: `NODES`, `EDGES`, `TRIES`, `STATES`).

    nodes: one row a task run or subflow, index `id`; see `NODES` and the design, section 2.
    edges: one row a pair of nodes; `kind` is `data` or `wait_for` (`data` where both), `plausible` is False when the
        target started before the source ended. No duplicates, no self loops, no dangling ends.
    ends: where the sources of the edges stand among the nodes, and where their targets: `ends_of(nodes, edges)`.
    tries: one row a try of a node that started.
    states: one row a state of the run, from its start on, in order of time; also of subflows that were tried more than
        once or paused. `end` is NaT while the state lasts; `attempt` is 0 between two attempts.
    as_of: when it was read, by the server's clock. complete: False while task runs may still arrive.
    notes: what was repaired or is uncertain, in sentences for people.
    """

    run: FlowRun
    nodes: pd.DataFrame
    edges: pd.DataFrame
    ends: Ends
    tries: pd.DataFrame
    states: pd.DataFrame
    as_of: datetime
    complete: bool
    notes: tuple[str, ...] = ()


def table(columns: Mapping[str, npt.NDArray[Any]], contract: Mapping[str, str], index: Any = None) -> pd.DataFrame:
    """A frame with exactly the contract's columns, order and dtypes; times without a time zone are UTC."""
    index = pd.RangeIndex(len(columns[next(iter(contract))])) if index is None else index
    return pd.DataFrame({name: _column(columns[name], dtype, index) for name, dtype in contract.items()}, index=index)


def _column(values: npt.NDArray[Any], dtype: str, index: Any) -> pd.Series:
    if dtype == TIME:
        return pd.Series(pd.DatetimeIndex(values).as_unit("us").tz_localize("UTC"), index)
    return pd.Series(values, index, dtype)


def times(values: Sequence[str | None]) -> npt.NDArray[Any]:
    """ISO 8601 texts (or None) as UTC times, `datetime64[us]`; what cannot be read is NaT."""
    told = np.fromiter((value is not None for value in values), bool, len(values))
    texts = pd.Index([value for value in values if value is not None], dtype="object")
    parsed = pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce").as_unit("us")
    found = np.full(len(values), np.datetime64("NaT", "us"))
    found[told] = parsed.tz_localize(None).to_numpy()
    return found


def seconds(span: pd.Series) -> pd.Series:
    """Timedeltas as float seconds, NaN for NaT."""
    return pd.Series(span.dt.total_seconds().astype("float64"))
