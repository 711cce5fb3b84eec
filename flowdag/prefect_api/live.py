"""A run that is watched: what is known of it, what to ask next, what an answer changes. Pure; no requests.

Task runs are recorded seconds after they happened, and out of order. So every poll asks again for what ended within
the last minute before the newest known end, and for all that is not known to have ended. After each poll the rows are
those of a full read at that moment, for all that was recorded within a minute (`OVERLAP`) of happening, and for every
end, however late, of a task run that was known before. A full read every tenth poll, at the end of the flow run, and
once it has settled finds the rest: what was recorded later, what was deleted, and histories whose states came in
another order than they happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import pandas as pd

from flowdag.model import TERMINAL, FlowRun, FlowRunGraph
from flowdag.prefect_api import assemble
from flowdag.prefect_api.assemble import GIVEN_UP_AFTER, Raw, Row
from flowdag.prefect_api.graph_v2 import BEGINNING, GraphNode
from flowdag.prefect_api.task_runs import has_history

OVERLAP: Final = timedelta(seconds=60)
FULL_EVERY: Final = 10  # polls
SHARE: Final = 10.0  # the server has ten times as long a rest as it was busy
SHORTEST_S, LONGEST_S = 2.0, 60.0
UNSETTLED_S = 30.0  # between polls of a run that ended long ago and has not settled


@dataclass(frozen=True)
class Watched:
    """What is known of a watched run.

    task_runs, subflows: Prefect's rows by id, of all levels. flow_names, histories, notes: as `read_raw` gives them.
    as_of: the server's time of the last answer. newest_ends: by flow run id, the newest end of a task run known in it.
    recorded: when the server last wrote one of the task runs. full_at: `as_of` of the last full read, full_s: how long
    that took; polls: how many polls ago it was; answer_s: how long the last poll took. by_graph: False once graph-v2
    has refused this run.
    """

    run: FlowRun
    task_runs: Mapping[str, Row]
    subflows: Mapping[str, Row]
    flow_names: Mapping[str, str]
    histories: Mapping[str, Sequence[Row]]
    notes: tuple[str, ...]
    as_of: datetime
    newest_ends: Mapping[str, datetime]
    recorded: datetime | None
    full_at: datetime
    full_s: float = 0.0
    polls: int = 0
    answer_s: float = 0.0
    by_graph: bool = True


def read_whole(raw: Raw, as_of: datetime, notes: Iterable[str] = (), full_s: float = 0.0) -> Watched:
    """What is known after a full read."""
    return Watched(
        run=raw.run,
        task_runs={row["id"]: row for row in raw.task_runs},
        subflows={row["id"]: row for row in raw.subflows},
        flow_names=raw.flow_names,
        histories=raw.histories,
        notes=tuple(notes),
        as_of=as_of,
        newest_ends=_newest_ends({}, raw.task_runs),
        recorded=_last_recorded(None, raw.task_runs),
        full_at=as_of,
        full_s=full_s,
    )


def with_answers(
    watched: Watched,
    run: FlowRun,
    as_of: datetime,
    task_runs: Sequence[Row],
    subflows: Sequence[Row],
    histories: Mapping[str, Sequence[Row]],
    flow_names: Mapping[str, str],
) -> Watched:
    """What is known after a poll at `as_of`: its rows beside the known ones, of two the one that was written later."""
    return replace(
        watched,
        run=run,
        task_runs=_merged(watched.task_runs, task_runs),
        subflows=_merged(watched.subflows, subflows),
        flow_names={**watched.flow_names, **flow_names},
        histories={**watched.histories, **histories},
        as_of=as_of,
        newest_ends=_newest_ends(watched.newest_ends, task_runs),
        recorded=_last_recorded(watched.recorded, task_runs),
        polls=watched.polls + 1,
    )


def graph(watched: Watched) -> FlowRunGraph:
    """The graph as of the last answer; running tasks count up to it."""
    return assemble.assemble(raw(watched), watched.as_of, watched.notes)


def raw(watched: Watched) -> Raw:
    """The known rows, in the order of a full read."""
    task_runs, subflows = (
        sorted(rows.values(), key=lambda row: (row.get("expected_start_time") or "", row["id"]))
        for rows in (watched.task_runs, watched.subflows)
    )
    return Raw(watched.run, subflows, task_runs, watched.flow_names, watched.histories)


# What to ask


def since(watched: Watched, flow_run_id: str) -> datetime:
    """From when on graph-v2 tells all of this flow run that may have changed; the beginning where nothing has ended.

    By the ends that Prefect told: the clocks of those who run the tasks set them. One that is ahead of the server's
    must not hide the ends of others. What has not ended graph-v2 tells always.
    """
    newest = watched.newest_ends.get(flow_run_id)
    return BEGINNING if newest is None else min(newest, watched.as_of) - OVERLAP


def window(watched: Watched) -> datetime:
    """From which expected start on a task run may be new, where graph-v2 cannot be asked; as `since`."""
    expected = (at(row.get("expected_start_time")) for row in watched.task_runs.values())
    newest = max((moment for moment in expected if moment), default=None)
    return BEGINNING if newest is None else min(newest, watched.as_of) - OVERLAP


def open_flow_runs(watched: Watched) -> list[str]:
    """The run, and the subflows in which something may still happen or be recorded: not over, or not for a minute."""
    return [watched.run.id, *(key for key, row in watched.subflows.items() if _is_open(row, watched.as_of))]


def _is_open(row: Row, as_of: datetime) -> bool:
    end = at(row.get("end_time")) or at(row.get("updated"))
    return is_unfinished(row) or end is None or as_of < end + OVERLAP


def is_unfinished(row: Row) -> bool:
    """Whether a task run or flow run is not known to have ended."""
    return row.get("state_type") not in TERMINAL


def is_changed(watched: Watched, node: GraphNode) -> bool:
    """Whether a node's row may be another than the known one: unknown, not ended, another state or other times.

    What has not ended may have changed in ways that graph-v2 does not tell: its state's name, its tries.
    """
    row = (watched.subflows if node.kind == "flow-run" else watched.task_runs).get(node.id)
    if row is None or node.state_type not in TERMINAL:
        return True
    return (node.state_type, node.start_time, node.end_time) != _as_node(row)


def _as_node(row: Row) -> tuple[Any, datetime | None, datetime | None]:
    """State type, start and end as graph-v2 would tell them."""
    expected = at(row.get("expected_start_time"))
    end = at(row.get("end_time")) or (expected if row.get("state_type") == "COMPLETED" else None)
    return row.get("state_type"), at(row.get("start_time")) or expected, end


def wrappers(rows: Iterable[Row]) -> set[str]:
    """The task runs that stand for these subflow runs in their callers: no node of graph-v2 tells of them."""
    return {row["parent_task_run_id"] for row in rows if row.get("parent_task_run_id")}


def retried(known: Mapping[str, Row], rows: Iterable[Row]) -> list[str]:
    """Which of these rows have a history that tells more, and were written since: it is longer."""
    return [
        row["id"] for row in rows if has_history(row) and known.get(row["id"], {}).get("updated") != row.get("updated")
    ]


# When to ask


def needs_full_read(watched: Watched, run: FlowRun) -> bool:
    """Whether the next poll reads all: `run` is the flow run as it is now."""
    ended = run.is_over and not watched.run.is_over
    long_ago = watched.as_of - watched.full_at >= timedelta(seconds=SHARE * watched.full_s)
    return ended or (watched.polls > 0 and is_settled(watched)) or (watched.polls >= FULL_EVERY and long_ago)


def is_settled(watched: Watched) -> bool:
    """Whether all is told: what `graph(watched).complete` says, without making the graph."""
    stand_ins = wrappers(watched.subflows.values())
    tasks = [row for key, row in watched.task_runs.items() if is_unfinished(row) and key not in stand_ins]
    called = [row for row in watched.subflows.values() if row.get("parent_task_run_id") in watched.task_runs]
    flows = [row for row in called if is_unfinished(row)]
    late = pd.DataFrame(
        {
            "independent": [False] * len(tasks) + [bool(row.get("deployment_id")) for row in flows],
            "state_type": [row.get("state_type") or "PENDING" for row in [*tasks, *flows]],
            "state_name": [row.get("state_name") or "Pending" for row in [*tasks, *flows]],
        },
        dtype="object",
    )
    return assemble.is_settled(watched.run, late, watched.recorded, watched.as_of)


def is_finished(watched: Watched) -> bool:
    """Whether nothing more is to be asked: settled, and read in full since."""
    return watched.polls == 0 and is_settled(watched)


def interval_s(watched: Watched) -> float:
    """Seconds until the next poll: two; longer where the server answers slowly, for large runs, long after the end."""
    nodes = len(watched.task_runs)
    shortest = UNSETTLED_S if watched.run.is_over and _over_for(watched) >= GIVEN_UP_AFTER else SHORTEST_S
    return min(LONGEST_S, max(shortest, SHARE * watched.answer_s, nodes / 1000))


def back_off_s(interval: float, failures: int, retry_after_s: float | None) -> float:
    """Seconds until the next poll after so many failed ones in a row: twice as long each time, as long as was asked."""
    return max(retry_after_s or 0.0, min(LONGEST_S, interval * 2.0 ** min(failures, 10)))


# Small parts


def at(text: Any) -> datetime | None:
    """A row's time, UTC; None where there is none that can be read."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None


def _over_for(watched: Watched) -> timedelta:
    return watched.as_of - (watched.run.end or watched.run.updated or watched.as_of)


def _merged(known: Mapping[str, Row], rows: Iterable[Row]) -> dict[str, Row]:
    merged = dict(known)
    for row in rows:
        old = at(merged.get(row["id"], {}).get("updated"))
        new = at(row.get("updated"))
        if old is None or new is None or old <= new:
            merged[row["id"]] = row
    return merged


def _newest_ends(known: Mapping[str, datetime], task_runs: Iterable[Row]) -> dict[str, datetime]:
    newest = dict(known)
    for row in task_runs:
        owner, end = row.get("flow_run_id"), at(row.get("end_time"))
        if owner and end and end > newest.get(owner, BEGINNING):
            newest[owner] = end
    return newest


def _last_recorded(known: datetime | None, task_runs: Iterable[Row]) -> datetime | None:
    written = (at(row.get("updated")) for row in task_runs)
    return max((moment for moment in (known, *written) if moment), default=None)
