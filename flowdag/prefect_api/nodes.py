"""The nodes of a run: one row a task run or subflow, where it ran, and in which attempt of its flow run.

The repairs (what graph-v2 does not tell, or tells wrong) are one small function each; see the design, 3.4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from flowdag.model import TERMINAL, times
from flowdag.prefect_api.columns import TEXT, Array, Columns, State, among, count_unreadable, objects, require
from flowdag.prefect_api.tries import begins

KEY_HASH = re.compile(r"-[0-9a-f]{8}$")
READ = (
    "id", "kind", "flow_run_id", "task_run_id", "label", "task_name", "task_key", "state_type", "state_name",
    "expected_start", "start", "end", "settled", "total_s", "tries", "attempt", "container", "tags", "independent",
)  # fmt: skip


@dataclass(frozen=True)
class Nodes:
    """Nodes by column, in order of start (expected start where there is none), then id.

    at: where each id is. rank: where each node would be in order of id. calls: for each task run that stands for
    subflow runs these runs' ids, in order; a retried caller has several. mended: how many stood inside themselves. The
    column `independent` tells what has a process of its own: runs of deployments, which may outlive their callers;
    `settled` is the end, or when it was told that a node will never start.
    """

    of: Mapping[str, Array]
    at: Mapping[str, int]
    rank: Array
    calls: Mapping[str, Sequence[str]]
    unreadable: int
    mended: int

    def __getitem__(self, name: str) -> Array:
        return self.of[name]

    def __len__(self) -> int:
        return len(self.rank)


def nodes_of(
    run_id: str,
    task_runs: Columns,
    subflows: Columns,
    flow_names: Mapping[str, str],
    histories: Mapping[str, Sequence[State]],
) -> Nodes:
    """One node a task run or subflow; a task run that stands for subflow runs becomes these."""
    calls = _calls(task_runs, subflows)
    tasks, unreadable = _task_nodes(run_id, task_runs)
    if calls:
        subs, more = _subflow_nodes(tasks, subflows, calls, flow_names)
        own = ~among(task_runs["id"], calls)
        tasks = {name: np.concatenate([tasks[name][own], subs[name]]) for name in READ}
        unreadable += more
    ids = tasks["id"].tolist()
    require(len(set(ids)) == len(ids), "task runs")
    order, rank = _order(ids, tasks)
    of = {name: values[order] for name, values in tasks.items()}
    at = {node: place for place, node in enumerate(of["id"].tolist())}
    container, mended = _sound_containers(of["container"], at)
    of |= {"container": container, "attempt": _attempts(of, histories), "tries": _tries(of["tries"], at, histories)}
    return Nodes(
        of, at, rank[order], {w: [subflows["id"][run] for run in runs] for w, runs in calls.items()}, unreadable, mended
    )


def _tries(tries: Array, at: Mapping[str, int], histories: Mapping[str, Sequence[State]]) -> Array:
    """How often each was tried; Prefect counts what goes on after a pause once more."""
    tries = tries.copy()
    for node in histories.keys() & at.keys():
        tries[at[node]] = len(begins(histories[node])) or tries[at[node]]
    return tries


def _calls(task_runs: Columns, subflows: Columns) -> dict[str, list[int]]:
    """Subflow runs (where they are in their columns) by the task run that stands for them in the caller, in order."""
    known = set(task_runs["id"]) if len(subflows) else set()
    found: dict[str, list[int]] = {}
    for run in np.argsort(subflows["expected_start_time"].view("int64"), kind="stable").tolist():
        if (wrapper := subflows["parent_task_run_id"][run]) in known:
            found.setdefault(wrapper, []).append(run)
    return found


def _task_nodes(run_id: str, rows: Columns) -> tuple[dict[str, Array], int]:
    """All task runs as nodes, and how many of their states have an unreadable time."""
    start, end, unreadable = _span(rows)
    ids = objects(rows["id"])
    return {
        "id": ids,
        "kind": np.full(len(ids), "task-run", dtype="object"),
        "flow_run_id": objects(rows["flow_run_id"]),
        "task_run_id": ids,
        "label": objects([name or run for name, run in zip(rows["name"], rows["id"], strict=True)]),
        "task_name": objects(_task_names(rows)),
        "task_key": objects(rows["task_key"]),
        **_common(rows),
        "expected_start": rows["expected_start_time"],
        "start": start,
        "end": end,
        "settled": _settled(rows, end),
        "attempt": rows["flow_run_run_count"],
        "container": objects(_containers(rows, run_id)),
        "independent": np.zeros(len(ids), dtype="bool"),
    }, unreadable


def _common(rows: Columns) -> dict[str, Array]:
    return {
        "state_type": objects([kind or "PENDING" for kind in rows["state_type"]]),
        "state_name": objects([name or "Pending" for name in rows["state_name"]]),
        "total_s": rows["total_run_time"],
        "tries": rows["run_count"],
        "tags": objects([tuple(tags or ()) for tags in rows["tags"]]),
    }


def _subflow_nodes(
    tasks: Mapping[str, Array], rows: Columns, calls: Mapping[str, Sequence[int]], flow_names: Mapping[str, str]
) -> tuple[dict[str, Array], int]:
    """Subflow runs as nodes, each where the task run stands for it, and how many states have an unreadable time."""
    wrapper, run, first = [], [], []
    for place, task_run in enumerate(tasks["id"].tolist()):
        for number, called in enumerate(calls.get(task_run, ())):
            wrapper.append(place)
            run.append(called)
            first.append(number == 0)
    names = [flow_names.get(flow_id, "(deleted flow)") for flow_id in rows["flow_id"]]
    labels = [f"{flow} / {name or own}" for flow, name, own in zip(names, rows["name"], rows["id"], strict=True)]
    start, end, unreadable = _span(rows)
    told = {"id": rows["id"], "label": labels, "task_name": names}
    # a retried caller keeps its wrapper: when later calls were made only the subflow runs themselves tell
    created, own_created = tasks["expected_start"][wrapper], rows["expected_start_time"][run]
    return {
        **{name: values[wrapper] for name, values in tasks.items()},
        **{name: objects(values)[run] for name, values in told.items()},
        **{name: values[run] for name, values in _common(rows).items()},
        "kind": np.full(len(run), "flow-run", dtype="object"),
        "expected_start": np.where(np.array(first) & ~np.isnat(created), created, own_created),
        "start": start[run],
        "end": end[run],
        "settled": _settled(rows, end)[run],
        "attempt": np.zeros(len(run), dtype="int64"),
        "independent": np.array([bool(rows["deployment_id"][one]) for one in run], dtype="bool"),
    }, unreadable


def _span(rows: Columns) -> tuple[Array, Array, int]:
    """Start and end; old servers leave them out for cached tasks, whose one state then tells both.

    What was cancelled before it ran has its end as its start: it has none.
    """
    start, end, kinds = rows["start_time"], rows["end_time"], rows["state_type"]
    ended, completed = among(kinds, TERMINAL), among(kinds, {"COMPLETED"})
    start = np.where(ended & ~completed & (rows["run_count"] == 0) & (start == end), np.datetime64("NaT", "us"), start)
    open_ended = np.flatnonzero(ended & np.isnat(end))
    if not len(open_ended) and not (np.isnat(start) & ended).any():
        return start, end, 0
    texts, told = _state_times(rows, open_ended)
    end = end.copy()
    end[open_ended] = np.where(np.isnat(told), rows["expected_start_time"][open_ended], told)
    return np.where(completed & np.isnat(start), end, start), end, count_unreadable(texts, told)


def _settled(rows: Columns, end: Array) -> Array:
    """The end; of what will never start, because what it needed failed, when that was told."""
    never = np.flatnonzero(among(rows["state_name"], {"NotReady"}) & np.isnat(end))
    if not len(never):
        return end
    settled = end.copy()
    settled[never] = _state_times(rows, never)[1]
    return settled


def _state_times(rows: Columns, places: Array) -> tuple[list[str | None], Array]:
    """When the states of these rows were entered: as told, and as times."""
    texts = [(rows["state"][row] or {}).get("timestamp") for row in places]
    require(set(map(type, texts)) <= TEXT, "task runs")
    return texts, times(texts)


def _order(ids: Sequence[str], nodes: Mapping[str, Array]) -> tuple[Array, Array]:
    """The order of tables and exports: by start (expected start where there is none), then id; the rank of each id."""
    by_id = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype="int64")
    began = np.where(np.isnat(nodes["start"]), nodes["expected_start"], nodes["start"])
    rank = np.empty_like(by_id)
    rank[by_id] = np.arange(len(ids))
    return by_id[np.argsort(began[by_id], kind="stable")], rank


def _task_names(rows: Columns) -> list[str]:
    """The task's own name by task run: see `_default_name`; with a run name of its own, that of others of its key."""
    keys = [key or "" for key in rows["task_key"]]
    own = [_default_name(name or "", key or "") for name, key in zip(rows["name"], rows["dynamic_key"], strict=True)]
    of_key = {key: name for key, name in zip(keys, own, strict=True) if name}
    return [
        name or of_key.get(key) or _key_name(key) or label or task_run
        for name, key, label, task_run in zip(own, keys, rows["name"], rows["id"], strict=True)
    ]


def _default_name(label: str, dynamic_key: str) -> str:
    """The task's name in a default run name, `<name>-<start of the dynamic key>`; empty for other run names."""
    suffix = "-" + dynamic_key[:3]
    return label[: -len(suffix)] if len(suffix) > 1 and label.endswith(suffix) else ""


def _key_name(key: str) -> str:
    """The function's name in a task key, `<module>.<name>` or `<name>-<hash>`."""
    return KEY_HASH.sub("", key.rpartition(".")[2])


def _containers(rows: Columns, run_id: str) -> list[str | None]:
    """What each task run ran inside: the task that called it, else the subflow it belongs to, else nothing."""
    found = [None if owner == run_id else owner for owner in rows["flow_run_id"]]
    inputs = rows["task_inputs"]
    called = [row for row, given in enumerate(inputs) if given and "__parents__" in given]
    known = set(rows["id"]) if called else set()
    parents = {rows["id"][row]: [caller for caller in _callers(inputs[row]) if caller in known] for row in called}
    for row in called:
        callers = [caller for caller in parents[rows["id"][row]] if caller != rows["id"][row]]
        # several callers are a chain: the innermost is the one that the others contain
        outer = {around for caller in callers for around in parents.get(caller, ())}
        if callers:
            found[row] = next((caller for caller in callers if caller not in outer), callers[0])
    return found


def _callers(task_inputs: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """The task runs that this one was called in.

    Prefect's `__parents__` also names an input that happened to be running when this one was submitted (meant for
    generator tasks, `_infer_parent_task_runs`); a task cannot wait for the result of what it runs inside.
    """
    needed = {given.get("id") for key, inputs in task_inputs.items() if key != "__parents__" for given in inputs}
    callers = [given.get("id") for given in task_inputs["__parents__"]]
    return [caller for caller in callers if caller and caller not in needed]


def _sound_containers(container: Array, at: Mapping[str, int]) -> tuple[Array, int]:
    """Containers that are nodes and do not lead back to themselves, and how many did.

    A subflow whose wrapper was deleted is no node.
    """
    top = len(at)
    place = np.fromiter(map(at.get, container.tolist(), repeat(top)), "int64", top)
    around = np.append(place, top)
    for _ in range(top.bit_length()):  # 1, 2, 4, ... containers out: what has not come to the top then goes round
        around = around[around]
    returning = np.unique(around[around < top])
    sound = place < top
    sound[returning] = False
    return np.where(sound, container, objects([None])), len(returning)


def _attempts(nodes: Mapping[str, Array], histories: Mapping[str, Sequence[State]]) -> Array:
    """The attempt of the owning flow run; where Prefect tells none, the one whose time contains the expected start."""
    found = np.maximum(nodes["attempt"], 1)
    untold = nodes["attempt"] == 0
    for owner in histories.keys() & set(nodes["flow_run_id"][untold]):
        mine = np.flatnonzero(untold & (nodes["flow_run_id"] == owner))
        starts = np.array([state.at for state in begins(histories[owner])], dtype="datetime64[us]")
        found[mine] = np.maximum(1, np.searchsorted(starts, nodes["expected_start"][mine], side="right"))
    return found
