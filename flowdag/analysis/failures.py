"""What failed first, what failed because of it, what never ran because of it, and which retries helped.

A failure goes on from what failed to what needed it, from a task to the subflow or task that it ran inside, and from a
container to its contents. What completed in spite of it has dealt with it: nothing goes on from there.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from flowdag.analysis.attempts import is_one_of_several
from flowdag.analysis.nesting import Places, by_node, containers, depths, side_by_side
from flowdag.analysis.retries import Retried, retried
from flowdag.model import FAILURES, NOT_STARTED, FlowRunGraph

Flags = npt.NDArray[np.bool_]

ENDED_BADLY = FAILURES | {"CANCELLED"}
PREFIX = re.compile(r"(?:Task|Flow) run encountered an exception:?\s*")
EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Warning|Interrupt|Exit|Failure|Timeout)\b")
VARYING = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b0x[0-9a-f]+\b|\d+")
MACHINERY = re.compile(r'  File "[^"]*[/\\\\](?:site|dist)-packages[/\\\\]prefect[/\\\\]')
PASSED_ON = {"UpstreamTaskError"}  # raised by Prefect where what was needed had failed; others it names otherwise
LONGEST = 500  # characters of a line


@dataclass(frozen=True)
class Alike:
    """Nodes of one task name that ended in the same way, in order of their end (what never started: of its creation).

    line: what the first of them said, such as "ValueError: no rows", where it said something. The others' may differ in
    numbers and ids.
    """

    task_name: str
    nodes: tuple[str, ...]
    state_type: str
    state_name: str
    line: str | None = None


@dataclass(frozen=True)
class Cause:
    """What failed first, and what came of it, each in order of time. Without nodes it is the run's own code.

    at: the first end (UTC). failed: what needed it and failed too; around: what it ran inside, and what failed with it;
    never: what has not started since. What has several causes is told of the first.
    """

    first: Alike
    at: datetime | None
    failed: tuple[Alike, ...] = ()
    around: tuple[Alike, ...] = ()
    never: tuple[Alike, ...] = ()


@dataclass(frozen=True)
class Failures:
    """causes: in order of time. never: what never started though nothing that it needed failed: the run had ended.

    retried: the run itself, then the most retries first.
    """

    causes: tuple[Cause, ...]
    never: tuple[Alike, ...]
    retried: tuple[Retried, ...]


def ended_badly(graph: FlowRunGraph) -> pd.Index:
    """The nodes whose messages `failures` wants to know: all that failed, crashed, timed out or were cancelled."""
    return graph.nodes.index[graph.nodes["state_type"].isin(ENDED_BADLY)]


def failures(graph: FlowRunGraph, messages: Mapping[str, str | None]) -> Failures:
    """What failed and why, of all attempts. messages: of states, by node. Linear in nodes and edges."""
    nodes = graph.nodes
    links = _links(graph)
    bad = nodes["state_type"].isin(ENDED_BADLY).to_numpy()
    never = nodes["start"].isna().to_numpy() & (_cannot_start(graph) | bad)
    alike = _Alike(nodes, messages)
    causes, cause_of = _causes(links, bad, never, _ends(nodes), alike)
    came = _what_came(links, causes, cause_of, bad, never)
    ends = nodes["end"].array
    found = [_cause(ends[group[0]], group, *kinds, alike) for group, kinds in zip(causes, came, strict=True)]
    if (own := _of_the_run(graph, bad, alike)) is not None:
        found.append(own)
    left = never & ~bad & (cause_of < 0)
    return Failures(tuple(found), alike.of(np.flatnonzero(left).tolist()), retried(graph))


def exception_line(message: str | None) -> str | None:
    """The line of a state's message that names the exception; the last one of a traceback; None where there is none."""
    lines = [line.strip() for line in PREFIX.sub("", message or "", count=1).splitlines() if line.strip()]
    if not lines:
        return None
    traceback = any(line.startswith("Traceback (most recent call last)") for line in lines)
    named = [line for line in lines if EXCEPTION.match(line)]
    line = (named[-1] if traceback else named[0]) if named else lines[-1] if traceback else lines[0]
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def _without_numbers(line: str) -> str:
    return VARYING.sub("#", line)


def without_prefect(message: str) -> str:
    """A message without those steps of its traceback that lie in Prefect: they tell nobody why a task failed."""
    kept: list[str] = []
    left, inside = 0, False
    for line in message.split("\n"):
        if line.startswith("  File "):
            inside = bool(MACHINERY.match(line))
            left += inside
        elif not line.startswith("    "):
            inside = False
        if not inside and left:
            kept.append(f"  … {left} step{'' if left == 1 else 's'} in Prefect …")
            left = 0
        if not inside:
            kept.append(line)
    return "\n".join(kept)


@dataclass(frozen=True)
class _Links:
    """By place: the container of each node, how deep it lies, the edges that do not lead in or out of a container."""

    container: Places
    depth: Places
    source: Places
    target: Places


def _links(graph: FlowRunGraph) -> _Links:
    container = containers(graph.nodes)
    depth = depths(container)
    source, target = graph.ends
    outer, inner = side_by_side(source, target, container, depth)
    apart = outer != inner
    return _Links(container, depth, source[apart], target[apart])


def _cannot_start(graph: FlowRunGraph) -> Flags:
    """What was told never to start, and what waits in a run that is over."""
    nodes = graph.nodes
    waits = nodes["state_type"].isin(NOT_STARTED).to_numpy()
    return waits if graph.run.is_over else waits & (nodes["state_name"] == "NotReady").to_numpy()


def _ends(nodes: pd.DataFrame) -> Places:
    """When each node ended, in microseconds; of what has no end, when it was to start."""
    told = nodes["end"].fillna(nodes["start"]).fillna(nodes["expected_start"])
    return told.to_numpy(dtype="datetime64[us]").view("int64")  # NaT comes first


class _Alike:
    """Puts nodes (by place) together that ended alike."""

    def __init__(self, nodes: pd.DataFrame, messages: Mapping[str, str | None]) -> None:
        self._ids = nodes.index.tolist()
        self._names, self._types, self._states = (
            nodes[name].tolist() for name in ("task_name", "state_type", "state_name")
        )
        self._end = _ends(nodes)
        self._lines = {node: exception_line(message) for node, message in messages.items()}

    def groups(self, places: Iterable[int]) -> list[list[int]]:
        """Each in order of time, and so are they."""
        found: dict[tuple[str | None, ...], list[int]] = defaultdict(list)
        for at in sorted(places, key=lambda at: (self._end[at], at)):
            line = self._lines.get(self._ids[at])
            key = (self._names[at], self._types[at], self._states[at], line and _without_numbers(line))
            found[key].append(at)
        return list(found.values())

    def lines(self, places: Iterable[int]) -> set[str | None]:
        """What they said, without what varies; None if of any that is not known."""
        found = (self._lines.get(self._ids[at]) for at in places)
        return {line and _without_numbers(line) for line in found}

    def one(self, group: Sequence[int]) -> Alike:
        at = group[0]
        ids = tuple(self._ids[place] for place in group)
        return Alike(self._names[at], ids, self._types[at], self._states[at], self._lines.get(ids[0]))

    def of(self, places: Iterable[int]) -> tuple[Alike, ...]:
        return tuple(self.one(group) for group in self.groups(places))


def _causes(
    links: _Links, bad: Flags, never: Flags, end: Places, alike: _Alike
) -> tuple[list[list[int]], npt.NDArray[np.int64]]:
    """What failed first, alike together, and for each node the number of the cause that came to it first, or -1."""
    cause_of = np.full(len(bad), -1)
    spread = _Spread(links, bad | never, cause_of)
    causes: list[list[int]] = []
    for group in alike.groups(np.flatnonzero(_first(links, bad, never, end)).tolist()):
        spread.from_(group, len(causes))
        causes.append(group)
    for at in sorted(np.flatnonzero(bad & (cause_of < 0)).tolist(), key=lambda at: (end[at], at)):
        if cause_of[at] < 0:  # needs itself (bad data), or what never started for no reason
            spread.from_([at], len(causes))
            causes.append([at])
    return causes, cause_of


def _first(links: _Links, bad: Flags, never: Flags, end: Places) -> Flags:
    """What failed though nothing that it needed had, nor anything inside it before."""
    inside = bad & (links.container >= 0)
    inside[inside] = bad[links.container[inside]]
    later = inside.copy()
    later[inside] = end[inside] > end[links.container[inside]]
    needed = later.copy()  # what was put to an end after its container had failed
    needed[links.target[(bad | never)[links.source]]] = True
    for level in range(1, int(links.depth.max(initial=0)) + 1):
        here = links.depth == level
        needed[here] |= needed[links.container[here]]
    holds = np.zeros(len(bad), dtype=bool)
    holds[links.container[inside & ~later]] = True
    return bad & ~needed & ~holds


class _Spread:
    """Marks what failures reach, each node once, with the number of the cause."""

    def __init__(self, links: _Links, passes_on: Flags, cause_of: npt.NDArray[np.int64]) -> None:
        size = len(cause_of)
        inner = np.flatnonzero(links.container >= 0)
        self._begins, self._ahead = by_node(links.source, links.target, size)
        self._opens, self._contents = by_node(links.container[inner], inner, size)
        self._around, self._passes_on = links.container.tolist(), passes_on.tolist()
        self._whole = bytearray(size)
        self._cause_of = cause_of

    def from_(self, start: Sequence[int], number: int) -> None:
        """Go on from what failed."""
        left = list(start)
        while left:
            node = left.pop()
            if not self._whole[node]:
                self._whole[node] = True
                left += self._contents[self._opens[node] : self._opens[node + 1]]
            while node >= 0 and self._passes_on[node] and self._cause_of[node] < 0:
                self._cause_of[node] = number
                left += self._ahead[self._begins[node] : self._begins[node + 1]]
                node = self._around[node]


def _what_came(
    links: _Links, causes: list[list[int]], cause_of: npt.NDArray[np.int64], bad: Flags, never: Flags
) -> list[tuple[list[int], list[int], list[int]]]:
    """For each cause what else failed, what failed around that, and what never started."""
    holds = np.zeros(len(bad), dtype=bool)
    holds[links.container[bad & (links.container >= 0)]] = True
    others = cause_of >= 0
    others[[node for group in causes for node in group]] = False
    kind = np.where(never, 2, np.where(holds, 1, 0)).tolist()
    came: list[tuple[list[int], list[int], list[int]]] = [([], [], []) for _ in causes]
    for node in np.flatnonzero(others).tolist():
        came[cause_of[node]][kind[node]].append(node)
    return came


def _cause(
    at: pd.Timestamp, group: list[int], failed: list[int], around: list[int], never: list[int], alike: _Alike
) -> Cause:
    ended = None if pd.isna(at) else at.to_pydatetime()
    return Cause(alike.one(group), ended, alike.of(failed), alike.of(around), alike.of(never))


def _of_the_run(graph: FlowRunGraph, bad: Flags, alike: _Alike) -> Cause | None:
    """The run's own code, where none of its tasks failed in its last attempt, or it raised what none of them had."""
    run, nodes = graph.run, graph.nodes
    if run.state_type not in ENDED_BADLY or _is_earlier_attempt(graph):
        return None
    line = exception_line(run.state_message)
    own = (nodes["flow_run_id"] == run.id).to_numpy() & nodes["container"].isna().to_numpy()
    attempts = graph.states.loc[graph.states["flow_run_id"] == run.id, "attempt"]
    last = nodes["attempt"].to_numpy() == max(attempts.max() if len(attempts) else 0, 1)
    failed = np.flatnonzero(bad & own & last).tolist()
    if failed and not (line and _is_of_its_own(line, alike.lines(np.flatnonzero(bad).tolist()))):
        return None
    return Cause(Alike(run.flow_name, (), run.state_type, run.state_name, line), run.end)


def _is_earlier_attempt(graph: FlowRunGraph) -> bool:
    """Whether the graph is of an attempt before the last, which is the one that the run's state and message tell of."""
    attempts = graph.states.loc[graph.states["flow_run_id"] == graph.run.id, "attempt"]
    return is_one_of_several(graph) and int(attempts.max()) < graph.run.attempts


def _is_of_its_own(line: str, others: Collection[str | None]) -> bool:
    """Whether it names an exception that none of the others does, nor Prefect raises for what failed before."""
    named = EXCEPTION.match(line)
    is_new = None not in others and _without_numbers(line) not in others
    return is_new and named is not None and named[0].rpartition(".")[2] not in PASSED_ON
