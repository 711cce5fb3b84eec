"""What the picture of a run shows: one box a task run or subflow, or a group of those that play the same part."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flowdag.analysis.cycles import cycles
from flowdag.analysis.groups import groups
from flowdag.model import FAILURES, FlowRunGraph

Row = tuple[str, Any, str, Any]  # of a node while it is folded: id, container, task name, part

LIMIT = 300  # more boxes than these nobody reads, and the widget slows down
ALL: Final = "all"  # in place of what is opened: everything
WORST_FIRST = ("FAILED", "CRASHED", "CANCELLED", "CANCELLING", "PAUSED", "RUNNING", "SCHEDULED", "PENDING", "COMPLETED")


@dataclass(frozen=True)
class Picture:
    """Boxes and links to draw.

    boxes: index `id` (a node's id, or `group:...`), in order of start; columns label, kind (`task-run`, `flow-run`,
        `group`), state_type, state_name (the worst of its nodes), mix (tuple of (state_type, state_name, count), the
        worst first), count (of nodes), failures, run_s and queue_s (medians of its nodes), max_s (the longest run),
        inside and inside_failures (nodes hidden in it, because they ran inside its nodes), container.
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


@dataclass(frozen=True)
class Folding:
    """What a viewer has opened and folded: keys of groups and ids of containers (or `ALL`), ids of containers."""

    opened: tuple[str, ...] = ()
    shut: tuple[str, ...] = ()


def picture(
    graph: FlowRunGraph, folding: Folding | None = None, kept: Collection[str] | None = None, limit: int = LIMIT
) -> Picture:
    """The boxes and links of a run: one a group (see `groups`), and containers with what ran inside them.

    Where that is more than `limit`, containers are closed but those that were opened by hand; then all; then what
    shares a task name is one box. `kept`: only these nodes are shown, with the containers around them.
    """
    nodes = graph.nodes
    folding = folding or Folding()
    shown = None if kept is None else _with_containers(kept, nodes)
    parts = groups(nodes, graph.ends)
    bare = Folding(shut=folding.shut)
    ways = (
        (parts, folding, False),
        (parts, folding, True),
        (parts, bare, True),
        (None, bare, False),
        (None, bare, True),
    )
    for part, folded, closed in ways:
        box_of, members = _fold(nodes, part, folded, closed)
        if shown is not None:
            box_of = {node: box for node, box in box_of.items() if node in shown}
        if len(set(box_of.values())) <= limit:
            found = _condensed(_picture(graph, box_of, members), graph, folded)
            return replace(found, remark=" ".join(filter(None, (_folded(found), found.remark))) or None)
    count = len(set(box_of.values()))
    first = set(list(dict.fromkeys(box_of.values()))[:limit])
    found = _picture(graph, {node: box for node, box in box_of.items() if box in first}, members)
    remark = f"The first {limit} of {count:,} groups are drawn; the tables hold all {len(nodes):,} task runs."
    return replace(found, remark=remark)


def taken_over(before: Mapping[str, Sequence[str]], now: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Group of an earlier picture -> the group that has most of its members now; itself is left out."""
    group_of = {node: group for group, members in now.items() for node in members}
    heirs = {}
    for group, members in before.items():
        shares = Counter(group_of[node] for node in members if node in group_of)
        if shares and (heir := max(shares, key=lambda key: (shares[key], key == group))) != group:
            heirs[group] = heir
    return heirs


def _with_containers(kept: Collection[str], nodes: pd.DataFrame) -> set[str]:
    container_of = dict(zip(nodes.index, nodes["container"], strict=True))
    return {*kept, *(around for node in kept for around in ancestors(node, container_of))}


def _fold(
    nodes: pd.DataFrame, part_of: Sequence[int] | None, folding: Folding, closed: bool
) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    """Node -> box, and the members of each group, opened or not.

    What is in one group and in one drawn container is one box, which hides what ran inside its members. Without
    `part_of`, the task name makes the group. With `closed`, containers hide what ran inside them unless opened by hand.
    """
    names = nodes["task_name"].tolist()
    rows = list(zip(nodes.index, nodes["container"], names, part_of or names, strict=True))
    everything, opened, shut = ALL in folding.opened, set(folding.opened), set(folding.shut)
    box_of: dict[str, str] = {}
    members: dict[str, tuple[str, ...]] = {}
    hides: set[str] = set()
    for level in _by_depth(rows):
        together: dict[tuple[str | None, str, Any], list[str]] = defaultdict(list)
        for node, container, name, part in level:
            inside = box_of.get(container) if isinstance(container, str) else None
            if inside in hides:
                box_of[node] = str(inside)
            else:
                together[inside, name, part].append(node)
        for key, alike in _named(together):
            if len(alike) > 1:
                members[key] = tuple(alike)
            folded = len(alike) > 1 and not everything and key not in opened
            box_of |= dict.fromkeys(alike, key) if folded else {node: node for node in alike}
            hides |= {key} if folded else {n for n in alike if n in shut or (closed and n not in opened)}
    return {node: box_of[node] for node in nodes.index}, members


def _by_depth(rows: list[Row]) -> Iterator[list[Row]]:
    """The rows of one depth after those of the depth around it. No container leads back to itself."""
    known = {row[0] for row in rows}
    contents: dict[str, list[Row]] = defaultdict(list)
    level: list[Row] = []
    for row in rows:
        (contents[row[1]] if row[1] in known else level).append(row)
    while level:
        yield level
        level = [inner for row in level for inner in contents.get(row[0], ())] if contents else []


def _named(together: Mapping[tuple[str | None, str, Any], list[str]]) -> Iterator[tuple[str, list[str]]]:
    """Each group's key: the task's name, what it lies in, and which of its namesakes there it is by start."""
    namesakes: Counter[tuple[str | None, str]] = Counter()
    for (inside, name, _), alike in together.items():
        namesakes[inside, name] += 1
        yield f"group:{name}@{inside or ''}#{namesakes[inside, name]}", alike


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


def _condensed(shown: Picture, graph: FlowRunGraph, folding: Folding) -> Picture:
    """Boxes side by side that need each other in turn, as folding can make them, as one box; unless it is opened."""
    inside = dict(zip(shown.boxes.index, shown.boxes["container"], strict=True))
    drawn = {around for around in inside.values() if around is not None}
    links = zip(shown.links["source"], shown.links["target"], strict=True)
    box_of, members, names = dict(shown.box_of), dict(shown.members), []
    for cycle in cycles(shown.boxes.index, (pair for pair in links if inside[pair[0]] == inside[pair[1]])):
        label = " + ".join(dict.fromkeys(shown.boxes.loc[cycle, "label"]))
        key = f"group:{label}@{inside[cycle[0]] or ''}#1"
        if drawn.isdisjoint(cycle) and key not in folding.opened and ALL not in folding.opened:
            parts = set(cycle)
            hidden = [node for node, box in shown.box_of.items() if box in parts]
            box_of |= dict.fromkeys(hidden, key)
            container = graph.nodes["container"]
            members[key] = tuple(node for node in hidden if shown.box_of.get(container[node]) not in parts)
            names.append(label)
    if not names:
        return shown
    remark = f"{'; '.join(names)}: these need each other in turn, and are one box."
    return replace(_picture(graph, box_of, members), remark=remark)


def _folded(shown: Picture) -> str | None:
    """How much is folded, in words."""
    boxes, drawn = len(shown.boxes), len(shown.box_of)
    if boxes == drawn:
        return None
    grouped = bool((shown.boxes["kind"] == "group").any())
    why = "those that play the same part are one box" if grouped else "what ran inside a closed box is hidden in it"
    return f"{drawn:,} task runs are shown as {boxes:,}: {why}."


def _picture(graph: FlowRunGraph, box_of: Mapping[str, str], members: Mapping[str, tuple[str, ...]]) -> Picture:
    nodes = graph.nodes if len(box_of) == len(graph.nodes) else graph.nodes[graph.nodes.index.isin(box_of)]
    boxes = _boxes(nodes, box_of)
    return Picture(boxes, _links(graph, box_of, boxes), box_of, members, None)


def _boxes(nodes: pd.DataFrame, box_of: Mapping[str, str]) -> pd.DataFrame:
    """One row a box, in order of start. What ran inside a closed box is counted apart."""
    box = np.array([box_of[node] for node in nodes.index], dtype=object)
    around = np.array([box_of.get(c) if isinstance(c, str) else None for c in nodes["container"]], dtype=object)
    hidden = box == around
    own = nodes[~hidden]
    code, ids = pd.factorize(box[~hidden])  # each box has such a node
    first = np.unique(code, return_index=True)[1]
    count = np.bincount(code, minlength=len(ids))
    mix = _mix(own, code, len(ids))
    run_s = own["run_s"].groupby(code)
    failed = nodes["state_type"].isin(FAILURES).to_numpy()
    holder = pd.Index(ids).get_indexer(pd.Index(box[hidden]))
    return pd.DataFrame(
        {
            "label": np.where(count == 1, own["label"].to_numpy()[first], _task_names(own, code, first)),
            "kind": np.where(count == 1, own["kind"].to_numpy()[first], "group"),
            "state_type": [states[0][0] for states in mix],
            "state_name": [states[0][1] for states in mix],
            "mix": mix,
            "count": count,
            "failures": _counted(code[failed[~hidden]], len(ids)),
            "run_s": run_s.median().to_numpy(),
            "max_s": run_s.max().to_numpy(),
            "queue_s": own["queue_s"].groupby(code).median().to_numpy(),
            "inside": _counted(holder, len(ids)),
            "inside_failures": _counted(holder[failed[hidden]], len(ids)),
            "container": around[~hidden][first],
        },
        index=pd.Index(ids, dtype="object", name="id"),
    ).astype({"container": "object"})


def _counted(code: NDArray[np.intp], boxes: int) -> NDArray[np.intp]:
    return np.bincount(code, minlength=boxes)


def _task_names(own: pd.DataFrame, code: NDArray[np.intp], first: NDArray[np.intp]) -> NDArray[np.object_]:
    """The task name of each box's nodes; of a condensed cycle, all of them."""
    names = own["task_name"].to_numpy(dtype=object)
    found = names[first]
    for at in np.unique(code[names != found[code]]):
        found[at] = " + ".join(dict.fromkeys(names[code == at]))
    return found


def _mix(own: pd.DataFrame, code: NDArray[np.intp], boxes: int) -> list[tuple[tuple[str, str, int], ...]]:
    """The states of each box's nodes with their counts, the worst first."""
    (kind, kinds), (name, names) = pd.factorize(own["state_type"]), pd.factorize(own["state_name"])
    pairs, state = np.unique(kind * len(names) + name, return_inverse=True)
    states = [(str(kinds[pair // len(names)]), str(names[pair % len(names)])) for pair in pairs.tolist()]
    rank = {worse: at for at, worse in enumerate(WORST_FIRST)}
    order = sorted(range(len(states)), key=lambda at: (rank.get(states[at][0], len(rank)), states[at][1]))
    counts = np.bincount(code * len(states) + state, minlength=boxes * len(states)).reshape(boxes, len(states))
    return [tuple((*states[at], int(row[at])) for at in order if row[at]) for row in counts]


def _links(graph: FlowRunGraph, box_of: Mapping[str, str], boxes: pd.DataFrame) -> pd.DataFrame:
    """Edges between boxes, one a pair: `data` and plausible win."""
    edges = graph.edges
    number = {box: at for at, box in enumerate(boxes.index)}
    shown_by = map(box_of.get, graph.nodes.index.tolist())
    box = np.fromiter(map(number.get, shown_by, repeat(-1)), np.int64, len(graph.nodes))
    source, target = (box[end] for end in graph.ends)
    drawn = np.flatnonzero((source >= 0) & (target >= 0) & (source != target))
    pair = source[drawn] * len(boxes) + target[drawn]
    worse = (edges["kind"].to_numpy()[drawn] != "data") * 2 + ~edges["plausible"].to_numpy(dtype=bool)[drawn]
    order = np.lexsort((worse, pair))
    best = drawn[order[np.unique(pair[order], return_index=True)[1]]]
    ids = boxes.index.to_numpy(dtype=object)
    links = pd.DataFrame(
        {
            "source": ids[source[best]],
            "target": ids[target[best]],
            "kind": edges["kind"].to_numpy()[best],
            "plausible": edges["plausible"].to_numpy(dtype=bool)[best],
        },
    )
    inside = dict(zip(boxes.index, boxes["container"], strict=True))
    if any(around is not None for around in inside.values()):
        pairs = zip(links["source"], links["target"], strict=True)
        apart = [s not in ancestors(t, inside) and t not in ancestors(s, inside) for s, t in pairs]
        links = links[np.array(apart, dtype=bool)]
    return links.sort_values(["source", "target"], ignore_index=True)


def ancestors(box: str, container_of: Mapping[str, object]) -> list[str]:
    """The containers around a box, the innermost first."""
    found: list[str] = []
    at = container_of.get(box)
    while isinstance(at, str) and at not in found:
        found.append(at)
        at = container_of.get(at)
    return found
