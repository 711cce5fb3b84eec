"""What is kept of a run to compare it with others: a row for each part that tasks play in it, where its time went.

Parts are those of `groups`. Their keys are made of task names and of the keys of what is around and before them, so
that they are the same in any run of a flow that has not changed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flowdag.analysis.critical_path import CriticalPath
from flowdag.analysis.groups import groups
from flowdag.analysis.nesting import between_siblings, by_node, containers, depths
from flowdag.analysis.path_walk import FLOW, RUN
from flowdag.model import FAILURES, FlowRunGraph, seconds, table

Codes = NDArray[np.int64]

FIGURES: Final = ("count", "failures", "retries", "median_s", "total_s", "queue_s", "blocked_s", "path_s")
FACTS: Final = ("name", "inside", "after", "node", "start_s", "end_s")
SPENT: Final = {"key": "object", "part": "object", "us": "int64"}
AFTER = 3  # names: of what a task comes after, more are only counted


@dataclass(frozen=True)
class Profile:
    """A run as it is compared with others.

    tasks: one row a part that tasks play, index its `key` (text), in order of start; columns `FACTS`, then `FIGURES`.
        name: the task name; inside: the key of the part around it, or None; after: the names of what it directly needs,
        as text; node: the id of one of them, with most time on the critical path; start_s and end_s: the first start
        and the last end, seconds from the start of the run. count, failures, retries (tries beyond the first) and
        total_s (of `run_s`) are added up over its task runs, path_s is the time on the path; median_s (of `run_s`),
        queue_s and blocked_s are medians over those that started. NaN where none did.
    spent: where the time of the run went, columns `SPENT`: microseconds on the critical path by `key` (None: the run
        itself) and `part` (`critical_path.PARTS`), each pair once; together they are the whole run.
    """

    tasks: pd.DataFrame
    spent: pd.DataFrame

    @property
    def whole_us(self) -> int:
        """From the start of the run to its end, or to when it was read; microseconds."""
        return int(self.spent["us"].sum())


class _Parts(NamedTuple):
    """The parts that tasks play, by number: from the outside to the inside, parents first.

    of: the part of each node; first: the first node of each; around: the part around it, -1 for none; before: the
    parts that it comes directly after; keys: what they are called in every run.
    """

    of: Codes
    first: Codes
    around: list[int]
    before: list[list[int]]
    keys: list[str]


def profile(graph: FlowRunGraph, path: CriticalPath) -> Profile:
    """The profile of a run with its critical path; linear in nodes and edges but for sorting."""
    parts = _parts(graph)
    spent = _spent(graph, path, parts)
    return Profile(_tasks(graph, path, parts, spent), spent)


def part_of(graph: FlowRunGraph, node: str) -> str:
    """The key of the part that a node of the graph plays."""
    parts = _parts(graph)
    return parts.keys[parts.of[graph.nodes.index.get_loc(node)]]


def _parts(graph: FlowRunGraph) -> _Parts:
    of = np.array(groups(graph.nodes, graph.ends), dtype=np.int64)
    first = np.unique(of, return_index=True)[1].astype(np.int64)
    size = len(first)
    container = containers(graph.nodes)
    source, target = between_siblings(*graph.ends, container, depths(container))
    pairs = np.unique(of[target] * size + of[source])
    after, parent = pairs // max(1, size), pairs % max(1, size)
    starts, parents = by_node(after[after != parent], parent[after != parent], size)
    before = [parents[starts[part] : starts[part + 1]] for part in range(size)]
    outer = container[first]
    around = np.where(outer >= 0, of[outer], -1).tolist() if size else []
    names = graph.nodes["task_name"].to_numpy(dtype=object)[first].tolist()
    return _Parts(of, first, around, before, _keys(names, around, before))


def _keys(names: list[str], around: list[int], before: list[list[int]]) -> list[str]:
    """What does not come earlier (a cycle: bad data) does not count; parts that are then alike are numbered."""
    keys: list[str] = []
    seen: Counter[str] = Counter()
    for part, name in enumerate(names):
        inside = keys[around[part]] if 0 <= around[part] < part else ""
        told = repr((name, inside, sorted(keys[parent] for parent in before[part] if parent < part)))
        key = blake2b(told.encode(errors="surrogatepass"), digest_size=9).hexdigest()
        seen[key] += 1
        keys.append(key if seen[key] == 1 else f"{key}-{seen[key]}")
    return keys


def _spent(graph: FlowRunGraph, path: CriticalPath, parts: _Parts) -> pd.DataFrame:
    segments = path.segments
    node = graph.nodes.index.get_indexer(pd.Index(segments["node"]))
    place = np.where(node >= 0, np.append(parts.of, -1)[node], -1)
    part = segments["part"].mask((place < 0) & (segments["part"] == RUN), FLOW)  # of a flow that called nothing
    us = (segments["end"] - segments["start"]).astype("timedelta64[us]").astype("int64")
    found = us.groupby([place, part.to_numpy()], sort=True).sum()
    keys = np.array([*parts.keys, None], dtype="object")
    columns = {
        "key": keys[found.index.get_level_values(0).to_numpy(dtype=np.int64)],
        "part": found.index.get_level_values(1).to_numpy(dtype="object"),
        "us": found.to_numpy(dtype=np.int64),
    }
    return table(columns, SPENT)


def _tasks(graph: FlowRunGraph, path: CriticalPath, parts: _Parts, spent: pd.DataFrame) -> pd.DataFrame:
    nodes = graph.nodes
    names = nodes["task_name"].to_numpy(dtype=object)[parts.first]
    keys = np.array([*parts.keys, None], dtype="object")
    listed = [_listed(sorted({str(names[one]) for one in before})) for before in parts.before]
    facts = {
        "name": names,
        "inside": keys[np.array(parts.around, dtype=np.int64)],
        "after": np.array(listed, dtype="object"),
        "node": nodes.index.to_numpy(dtype=object)[_costliest(nodes, path, parts.of)],
    }
    figures = _figures(graph, path, parts.of)
    figures["path_s"] = (spent.groupby("key")["us"].sum() / 1e6).reindex(parts.keys).fillna(0.0).to_numpy()
    frame = pd.DataFrame(
        {name: pd.Series(values, dtype="object") for name, values in facts.items()} | dict(figures.items())
    ).set_index(pd.Index(parts.keys, dtype="object", name="key"))
    return frame.iloc[np.argsort(figures["due"].to_numpy(), kind="stable")][[*FACTS, *FIGURES]]  # NaT comes last


def _figures(graph: FlowRunGraph, path: CriticalPath, of: Codes) -> pd.DataFrame:
    """By number of the part: its figures but for `path_s`, start_s and end_s, and when it was first due."""
    nodes = graph.nodes
    began = nodes["start"].notna()
    zero = path.segments["start"].iloc[0] if len(path.segments) else nodes["start"].min()
    end = nodes["end"].fillna(pd.Timestamp(graph.as_of)).where(began)
    by = pd.DataFrame(
        {
            **{name: nodes[name].where(began) for name in ("run_s", "queue_s", "blocked_s")},
            "failed": nodes["state_type"].isin(FAILURES).astype("int64"),
            "again": (nodes["tries"] - 1).clip(lower=0),
            "start_s": seconds(nodes["start"] - zero),
            "end_s": seconds(end - zero),
            "due": nodes["start"].fillna(nodes["expected_start"]),
        }
    ).groupby(of, sort=True)
    medians = by[["run_s", "queue_s", "blocked_s"]].median().rename(columns={"run_s": "median_s"})
    return medians.assign(
        count=by.size(), failures=by["failed"].sum(), retries=by["again"].sum(), total_s=by["run_s"].sum(),
        start_s=by["start_s"].min(), end_s=by["end_s"].max(), due=by["due"].min(),
    )  # fmt: skip


def _costliest(nodes: pd.DataFrame, path: CriticalPath, code: Codes) -> NDArray[Any]:
    """By group, the place of the node with most time on the path; then the longest, then the first."""
    order = np.lexsort((-nodes["run_s"].fillna(0.0).to_numpy(), -path.tasks["path_s"].to_numpy(), code))
    return order[np.unique(code[order], return_index=True)[1]]


def _listed(names: list[str]) -> str:
    more = len(names) - AFTER
    return ", ".join(names[:AFTER]) + (f" and {more} more" if more > 0 else "")
