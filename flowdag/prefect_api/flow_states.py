"""The states of flow runs over time: when they ran, when they were paused, when they waited for another attempt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from flowdag.model import STATES, TERMINAL, FlowRun, table
from flowdag.prefect_api.columns import State, objects
from flowdag.prefect_api.tries import begins

if TYPE_CHECKING:
    from flowdag.prefect_api.nodes import Nodes

NOT_YET = np.datetime64("NaT", "us")


class _Span(NamedTuple):
    flow_run: str
    attempt: int
    state_type: str
    state_name: str
    start: np.datetime64
    end: np.datetime64


def states_table(run: FlowRun, nodes: Nodes, histories: Mapping[str, Sequence[State]]) -> pd.DataFrame:
    """One row a state of the run from its start on, and of those of its subflows whose history was read."""
    if run.id in histories:
        spans = list(_spans(run.id, histories[run.id]))
    else:
        spans = [_Span(run.id, 1, "RUNNING", "Running", _utc(run.start), _utc(run.end))] if run.start else []
    subflows = set(nodes["id"][nodes["kind"] == "flow-run"])
    for flow_run in (flow_run for flow_run in histories if flow_run in subflows):
        spans += _spans(flow_run, histories[flow_run])
    names = ("flow_run_id", "attempt", "state_type", "state_name")
    columns = {name: objects([span[at] for span in spans]) for at, name in enumerate(names)}
    columns["attempt"] = columns["attempt"].astype("int64")
    times = {name: np.array([span[at] for span in spans], "datetime64[us]") for at, name in ((4, "start"), (5, "end"))}
    return table({**columns, **times}, STATES)


def _spans(flow_run: str, states: Sequence[State]) -> Iterator[_Span]:
    """Each state until the next, from the first begin on; what is neither running nor paused is of no attempt.

    A failure lasts until somebody has the run tried again; that which the run ended with is left out.
    """
    begun = {id(state) for state in begins(states)}
    attempt = 0
    for state, after in zip_longest(states, states[1:]):
        attempt += id(state) in begun
        is_over = state.type in TERMINAL
        if attempt and not (is_over and (after is None or after.type in TERMINAL)):
            between = is_over or (state.type in ("SCHEDULED", "PENDING") and state.name != "Resuming")
            end = after.at if after else NOT_YET
            yield _Span(flow_run, 0 if between else attempt, state.type, state.name, state.at, end)


def _utc(at: datetime | None) -> np.datetime64:
    return np.datetime64(at and at.astimezone(UTC).replace(tzinfo=None), "us")
