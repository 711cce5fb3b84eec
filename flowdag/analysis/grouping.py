"""What the picture of a run shows: one box a task run or subflow, or, where these are too many, one a group."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pandas as pd

from flowdag.analysis.groups import groups
from flowdag.model import FAILURES, FlowRunGraph

LIMIT = 300  # more boxes than these nobody reads, and the widget slows down
WORST_FIRST = ("FAILED", "CRASHED", "CANCELLED", "CANCELLING", "PAUSED", "RUNNING", "SCHEDULED", "PENDING", "COMPLETED")


@dataclass(frozen=True)
class Picture:
    """Boxes and links to draw.

    boxes: index `id` (a node's id, or `group:...`); columns label, kind (`task-run`, `flow-run`, `group`), state_type,
        state_name, count (of nodes in it), failures, run_s (of one node; median of a group), began, container.
    links: source, target, kind, plausible; no duplicates, no self loops, none between a box and what contains it.
    box_of: node id -> id of the box that shows it; nodes left out are missing.
    members: group -> its task runs and subflows, for every group of several, whether it is drawn as one box or opened.
    remark: what is folded or left out, in a sentence, or None.
    """

    boxes: pd.DataFrame
    links: pd.DataFrame
    box_of: Mapping[str, str]
    members: Mapping[str, tuple[str, ...]]
    remark: str | None


def picture(graph: FlowRunGraph, opened: Collection[str] = (), limit: int = LIMIT) -> Picture:
    """The boxes and links of a run: each node one box, or one a group (see `groups`) if there are more than `limit`.

    The members of `opened` groups are boxes of their own as long as all fits; coarser groups where even groups are too
    many.
    """
    nodes = graph.nodes
    if len(nodes) <= limit:
        return _picture(graph, {node: node for node in nodes.index}, {}, None)
    group = groups(nodes, graph.edges)
    for parts, shut, closed in ((group, opened, False), (group, (), False), (None, (), False), (None, (), True)):
        box_of, members = _fold(nodes, parts, shut, closed)
        count = len(set(box_of.values()))
        if count <= limit:
            remark = f"{len(nodes):,} task runs are shown as {count:,}: those that play the same part are one box."
            return _picture(graph, box_of, members, remark)
    kept = set(list(dict.fromkeys(box_of.values()))[:limit])
    remark = f"The first {limit} of {count:,} groups are drawn; the tables hold all {len(nodes):,} task runs."
    return _picture(graph, {node: box for node, box in box_of.items() if box in kept}, members, remark)


def _fold(
    nodes: pd.DataFrame, group: Sequence[int] | None, opened: Collection[str], closed: bool
) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Node -> box, and the members of each group, opened or not.

    What is in one group and in one drawn container is one box, which hides what ran inside its members. Without
    `group`, the task name makes the group. With `closed`, containers hide what ran inside them too.
    """
    parts = nodes["task_name"].tolist() if group is None else group
    box_of: dict[str, str] = {}
    members: dict[str, tuple[str, ...]] = {}
    hides: set[str] = set()
    rows = zip(nodes.index, nodes["container"], nodes["task_name"], parts, strict=True)
    for _, level in groupby(sorted(rows, key=_by_depth(nodes)), key=_by_depth(nodes)):
        together: dict[tuple[str | None, str, Any], list[str]] = defaultdict(list)
        for node, container, name, part in level:
            inside = box_of.get(container) if isinstance(container, str) else None
            if inside in hides:
                box_of[node] = str(inside)
            else:
                together[inside, name, part].append(node)
        namesakes: Counter[tuple[str | None, str]] = Counter()
        for (inside, name, _), alike in together.items():
            namesakes[inside, name] += 1
            key = f"group:{name}@{inside or ''}#{namesakes[inside, name]}"
            if len(alike) > 1:
                members[key] = tuple(alike)
            folded = len(alike) > 1 and key not in opened
            box_of |= dict.fromkeys(alike, key) if folded else {node: node for node in alike}
            hides |= {key} if folded else set(alike) if closed else set()
    return {node: box_of[node] for node in nodes.index}, members


def _by_depth(nodes: pd.DataFrame) -> Callable[[tuple[Any, ...]], int]:
    depth = depths(dict(zip(nodes.index, nodes["container"], strict=True)))
    return lambda row: depth[row[0]]


def depths(container_of: Mapping[str, object]) -> dict[str, int]:
    """How deep each box or node lies: 0 at the top. A chain that does not end (bad data) counts as the top."""
    found: dict[str, int] = {}
    for start in container_of:
        chain: list[str] = []
        at: object = start
        while isinstance(at, str) and at in container_of and at not in found and at not in chain:
            chain.append(at)
            at = container_of[at]
        base = found[at] + 1 if isinstance(at, str) and at in found else 0
        for offset, node in enumerate(reversed(chain)):
            found[node] = base + offset
    return found


def _picture(
    graph: FlowRunGraph, box_of: Mapping[str, str], members: Mapping[str, tuple[str, ...]], remark: str | None
) -> Picture:
    nodes = graph.nodes[graph.nodes.index.isin(box_of)]
    boxes = _boxes(nodes.assign(box=nodes.index.map(box_of)), box_of)
    return Picture(boxes, _links(graph.edges, box_of, boxes), box_of, members, remark)


def _boxes(nodes: pd.DataFrame, box_of: Mapping[str, str]) -> pd.DataFrame:
    """One row a box, in order of start. What ran inside a closed box tells of its state, not of its count and times."""
    ranked = nodes.assign(
        rank=nodes["state_type"].map({state: at for at, state in enumerate(WORST_FIRST)}).fillna(len(WORST_FIRST)),
        began=nodes["start"].fillna(nodes["expected_start"]),
        around=nodes["container"].map(box_of),
    )
    worst = ranked.sort_values("rank", kind="stable").groupby("box", sort=False)[["state_type", "state_name"]].first()
    own = ranked[ranked["around"] != ranked["box"]]
    grouped = own.groupby("box", sort=False)
    first = grouped.first()
    single = grouped.size() == 1
    return pd.DataFrame(
        {
            "label": first["label"].where(single, first["task_name"]),
            "kind": first["kind"].where(single, "group"),
            "state_type": worst["state_type"].reindex(first.index),
            "state_name": worst["state_name"].reindex(first.index),
            "count": grouped.size(),
            "failures": own["state_type"].isin(FAILURES).groupby(own["box"], sort=False).sum(),
            "run_s": grouped["run_s"].median(),
            "began": grouped["began"].min(),
            "container": [around if isinstance(around, str) else None for around in first["around"]],
        },
        index=first.index,
    ).astype({"container": "object"})


def _links(edges: pd.DataFrame, box_of: Mapping[str, str], boxes: pd.DataFrame) -> pd.DataFrame:
    """Edges between boxes, one a pair: `data` and plausible win."""
    lifted = edges.assign(source=edges["source"].map(box_of), target=edges["target"].map(box_of)).dropna()
    lifted = lifted[lifted["source"] != lifted["target"]].sort_values(["kind", "plausible"], ascending=[True, False])
    lifted = lifted.drop_duplicates(["source", "target"])
    inside = dict(zip(boxes.index, boxes["container"], strict=True))
    nested = [
        source in ancestors(target, inside) or target in ancestors(source, inside)
        for source, target in zip(lifted["source"], lifted["target"], strict=True)
    ]
    kept = lifted[~pd.Series(nested, index=lifted.index, dtype=bool)]
    return kept.sort_values(["source", "target"], ignore_index=True)


def ancestors(box: str, container_of: Mapping[str, object]) -> list[str]:
    """The containers around a box, the innermost first."""
    found: list[str] = []
    at = container_of.get(box)
    while isinstance(at, str) and at not in found:
        found.append(at)
        at = container_of.get(at)
    return found
