"""The true edges of a run, from the inputs of its task runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from flowdag.model import EDGES, table

Row = Mapping[str, Any]


def true_edges(task_runs: Sequence[Row], called_by: Mapping[str, Sequence[Row]], nodes: pd.DataFrame) -> pd.DataFrame:
    """The true edges, from the task inputs: one a pair, `data` before `wait_for`."""
    kinds: dict[tuple[str, str], str] = {}
    for row in task_runs:
        targets = [subflow["id"] for subflow in called_by.get(row["id"], ())] or [row["id"]]
        for key, inputs in (row.get("task_inputs") or {}).items():
            if key == "__parents__":
                continue
            for given in inputs:
                if source := given.get("id"):
                    for target in targets:
                        pair = (_source_node(source, row, called_by), target)
                        if key != "wait_for" or pair not in kinds:
                            kinds[pair] = "wait_for" if key == "wait_for" else "data"
    kept = sorted(pair for pair in kinds if pair[0] != pair[1] and pair[0] in nodes.index and pair[1] in nodes.index)
    frame = pd.DataFrame({"source": [s for s, _ in kept], "target": [t for _, t in kept]}, dtype="object")
    frame["kind"] = [kinds[pair] for pair in kept]
    frame["plausible"] = _plausible(frame, nodes)
    return table(frame, EDGES)


def _source_node(source: str, target: Row, called_by: Mapping[str, Sequence[Row]]) -> str:
    """The node that an input names: for a wrapper its subflow run, of several the last begun before the target was."""
    runs = called_by.get(source)
    if not runs:
        return source
    created = target.get("expected_start_time") or ""
    before = [run for run in runs if (run.get("expected_start_time") or "") <= created]
    chosen = max(before or runs[:1], key=lambda run: run.get("expected_start_time") or "")
    return str(chosen["id"])


def _plausible(edges: pd.DataFrame, nodes: pd.DataFrame) -> pd.Series:
    """False where the target started before the source had ended: Prefect tracks inputs by `id()`, which is reused."""
    began = nodes["start"].reindex(edges["target"]).reset_index(drop=True)
    ended = nodes["end"].reindex(edges["source"]).reset_index(drop=True)
    return began.isna() | (ended.notna() & (began >= ended))
