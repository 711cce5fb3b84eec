"""The true edges of a run, from the inputs of its task runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import numpy as np
import pandas as pd

from flowdag.model import EDGES, table
from flowdag.prefect_api.columns import TEXT, Array, among, objects, require
from flowdag.prefect_api.nodes import Nodes

KINDS = objects(["data", "wait_for"])


@dataclass(frozen=True)
class Inputs:
    """What the task runs were given: for each input the task run's place, its id, and whether it was waited for only.

    What they were called in (`__parents__`) is left out.
    """

    row: Array
    id: Sequence[str]
    waits: Array


@dataclass(frozen=True)
class Edges:
    """Edges as places of nodes, in order of source id, then target id."""

    source: Array
    target: Array
    waits: Array
    plausible: Array

    def frame(self, nodes: Nodes) -> pd.DataFrame:
        """The edges as the model tells them."""
        ids = nodes["id"]
        kind = KINDS[self.waits.astype("int64")]
        return table(
            {"source": ids[self.source], "target": ids[self.target], "kind": kind, "plausible": self.plausible}, EDGES
        )


def inputs_of(task_inputs: Sequence[Mapping[str, Any] | None]) -> Inputs:
    """The inputs, one by one. Raises ApiAnswerInvalid if they have another shape."""
    rows, keys, lists = [], [], []
    for at, told in enumerate(task_inputs):
        if told:
            for key, given in told.items():
                rows.append(at)
                keys.append(key)
                lists.append(given)
    require(set(map(type, lists)) <= {list}, "task runs")
    flat = list(chain.from_iterable(lists))
    require(set(map(type, flat)) <= {dict}, "task runs")
    ids = [given.get("id", "") for given in flat]
    require(set(map(type, ids)) <= TEXT, "task runs")
    many = np.fromiter(map(len, lists), "int64", len(lists))
    row = np.repeat(np.array(rows, dtype="int64"), many)
    waits = np.repeat(among(keys, {"wait_for"}), many)
    called = np.repeat(among(keys, {"__parents__"}), many)
    if called.any():
        ids = [given for given, parent in zip(ids, called.tolist(), strict=True) if not parent]
    return Inputs(row[~called], ids, waits[~called])


def true_edges(
    task_runs: Sequence[str], inputs: Inputs, nodes: Nodes, states: Sequence[Mapping[str, Any] | None]
) -> Edges:
    """The true edges, from the inputs of these task runs: one a pair, `data` before `wait_for`.

    states: of the same task runs, as Prefect tells them.
    """
    stands_for = {wrapper: nodes.at[runs[0]] for wrapper, runs in nodes.calls.items()}
    at = {**nodes.at, **stands_for} if stands_for else nodes.at
    source = np.fromiter(map(at.get, inputs.id, repeat(-1)), "int64", len(inputs.id))
    if len(lost := np.flatnonzero(source < 0)):
        stood = _deleted_subflows(task_runs, states, at)
        source[lost] = [stood.get(inputs.id[place], -1) for place in lost.tolist()]
    target = np.fromiter(map(at.__getitem__, task_runs), "int64", len(task_runs))[inputs.row]
    waits = inputs.waits
    several = {wrapper: runs for wrapper, runs in nodes.calls.items() if len(runs) > 1}
    if several:
        simple, more = _of_several(task_runs, inputs, nodes, several)
        source, target, waits = (
            np.concatenate([one[simple], other]) for one, other in zip((source, target, waits), more, strict=True)
        )
    return _one_a_pair(source, target, waits, nodes)


def _deleted_subflows(
    task_runs: Sequence[str], states: Sequence[Mapping[str, Any] | None], at: Mapping[str, int]
) -> dict[str, int]:
    """Where the task runs are that stood for subflow runs which are gone, by the ids of these."""
    found = {}
    for task_run, state in zip(task_runs, states, strict=True):
        details = (state or {}).get("state_details")
        child = details.get("child_flow_run_id") if isinstance(details, dict) else None
        if isinstance(child, str):
            found[child] = at[task_run]
    return found


def _of_several(
    task_runs: Sequence[str], inputs: Inputs, nodes: Nodes, several: Mapping[str, Sequence[str]]
) -> tuple[Array, tuple[Array, Array, Array]]:
    """Which inputs have nothing to do with task runs that stand for several subflow runs; the edges of the others."""
    by_target = among(task_runs, several)[inputs.row]
    by_source = among(inputs.id, several)
    found = []
    twin = _twins(nodes)
    for place in np.flatnonzero(by_target | by_source).tolist():
        task_run = task_runs[inputs.row[place]]
        targets = nodes.calls.get(task_run, [task_run])
        for target in targets:
            node = _source_node(inputs.id[place], target, nodes)
            # a wrapper tells the inputs of its first call only
            node = node if target == targets[0] else twin(node, target)
            found.append((nodes.at.get(node, -1), nodes.at[target], inputs.waits[place]))
    ends = np.array(found, dtype="int64").reshape(-1, 3)
    return ~(by_target | by_source), (ends[:, 0], ends[:, 1], ends[:, 2].astype(bool))


def _one_a_pair(source: Array, target: Array, waits: Array, nodes: Nodes) -> Edges:
    """Edges between two nodes, each pair once, in order."""
    size = len(nodes)
    known = (source >= 0) & (source != target)
    keys = np.sort((nodes.rank[source[known]] * size + nodes.rank[target[known]]) * 2 + waits[known])
    pairs = keys >> 1
    keys = keys[np.diff(pairs, prepend=-1) > 0]
    by_rank = np.empty(size, dtype="int64")
    by_rank[nodes.rank] = np.arange(size)
    source, target = by_rank[(keys >> 1) // max(size, 1)], by_rank[(keys >> 1) % max(size, 1)]
    return Edges(source, target, (keys & 1).astype(bool), _plausible(nodes["start"][target], nodes["settled"][source]))


def _plausible(began: Array, ended: Array) -> Array:
    """False where the target started before the source had ended: Prefect tracks inputs by `id()`, which is reused."""
    return np.isnat(began) | (began >= ended)


def _source_node(source: str, target: str, nodes: Nodes) -> str:
    """The node that an input names: for a wrapper its subflow run, of several the last called before the target."""
    runs = nodes.calls.get(source, [source])
    if len(runs) > 1:
        called = nodes["expected_start"]
        runs = [run for run in runs if called[nodes.at[run]] <= called[nodes.at[target]]][-1:] or runs
    return runs[0]


def _twins(nodes: Nodes) -> Callable[[str, str], str]:
    """A function (source, target) -> the node that is in the target's attempt of their flow run what the source was.

    That is the node of the same task there if it is the only one, or the only one of that label, else "".
    """
    kin: dict[tuple[object, ...], list[str]] = {}
    of: dict[str, tuple[object, ...]] = {}
    facts: Iterable[tuple[Any, ...]] = zip(
        *(nodes[name].tolist() for name in ("id", "flow_run_id", "attempt", "task_key", "label")), strict=True
    )
    for node, *key in facts:
        of[node] = tuple(key)
        kin.setdefault(tuple(key[:3]), []).append(node)
        kin.setdefault(tuple(key), []).append(node)

    def twin(source: str, target: str) -> str:
        if source not in of or of[source][0] != of[target][0]:
            return source
        task, label = of[source][2:]
        same = [kin.get((*of[target][:2], *rest), []) for rest in ((task,), (task, label))]
        return next((nodes[0] for nodes in same if len(nodes) == 1), "")

    return twin
