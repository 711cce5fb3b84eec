"""The true edges of a run, from the inputs of its task runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from flowdag.model import EDGES, table

Row = Mapping[str, Any]


def true_edges(task_runs: Sequence[Row], called_by: Mapping[str, Sequence[Row]], nodes: pd.DataFrame) -> pd.DataFrame:
    """The true edges, from the task inputs: one a pair, `data` before `wait_for`."""
    kinds: dict[tuple[str, str], str] = {}
    twin, known = _twins(nodes), set(nodes.index)
    for row in task_runs:
        targets = [subflow["id"] for subflow in called_by.get(row["id"], ())] or [row["id"]]
        for key, inputs in (row.get("task_inputs") or {}).items():
            if key == "__parents__":
                continue
            for given in inputs:
                if source := given.get("id"):
                    for target in targets:
                        node = _source_node(source, target, called_by, nodes)
                        # a wrapper tells the inputs of its first call only
                        pair = (node if target == targets[0] else twin(node, target), target)
                        if key != "wait_for" or pair not in kinds:
                            kinds[pair] = "wait_for" if key == "wait_for" else "data"
    kept = sorted(pair for pair in kinds if pair[0] != pair[1] and known.issuperset(pair))
    frame = pd.DataFrame({"source": [s for s, _ in kept], "target": [t for _, t in kept]}, dtype="object")
    frame["kind"] = [kinds[pair] for pair in kept]
    frame["plausible"] = _plausible(frame, nodes)
    return table(frame, EDGES)


def _source_node(source: str, target: str, called_by: Mapping[str, Sequence[Row]], nodes: pd.DataFrame) -> str:
    """The node that an input names: for a wrapper its subflow run, of several the last called before the target."""
    runs = [run["id"] for run in called_by.get(source, ()) if run["id"] in nodes.index]
    if len(runs) > 1 and target in nodes.index:
        called = nodes["expected_start"]
        runs = [run for run in runs if called[run] <= called[target]][-1:] or runs
    return str(runs[0]) if runs else source


def _twins(nodes: pd.DataFrame) -> Callable[[str, str], str]:
    """A function (source, target) -> the node that is in the target's attempt of their flow run what the source was.

    That is the node of the same task there if it is the only one, or the only one of that label, else "".
    """
    kin: dict[tuple[object, ...], list[str]] = {}
    facts = nodes[["flow_run_id", "attempt", "task_key", "label"]]
    for node, *key in facts.itertuples(name=None):
        kin.setdefault(tuple(key[:3]), []).append(node)
        kin.setdefault(tuple(key), []).append(node)
    of = {node: key for node, *key in facts.itertuples(name=None)}

    def twin(source: str, target: str) -> str:
        if source not in of or target not in of or of[source][0] != of[target][0]:
            return source
        task, label = of[source][2:]
        same = [kin.get((*of[target][:2], *rest), []) for rest in ((task,), (task, label))]
        return next((nodes[0] for nodes in same if len(nodes) == 1), "")

    return twin


def _plausible(edges: pd.DataFrame, nodes: pd.DataFrame) -> pd.Series:
    """False where the target started before the source had ended: Prefect tracks inputs by `id()`, which is reused."""
    began = nodes["start"].reindex(edges["target"]).reset_index(drop=True)
    ended = nodes["end"].reindex(edges["source"]).reset_index(drop=True)
    return began.isna() | (ended.notna() & (began >= ended))
