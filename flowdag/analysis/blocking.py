"""What each node waited for: of all that it needed, by a link or by the order of the flow, what ended last."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flowdag.analysis.flow_order import NONE, FlowOrder
from flowdag.analysis.nesting import Places, side_by_side
from flowdag.analysis.schedule import Schedule
from flowdag.model import Ends

ORDER = NONE  # in place of an edge's number: inferred from the order of the flow


@dataclass(frozen=True)
class Needs:
    """One row a link that may have kept a node from starting, lifted to where it did.

    source had ended at `at`, when target could start; beside is the source, or the container around it that lies
    side by side with the target or with one of the containers around it. edge: which one it was.
    """

    source: Places
    beside: Places
    target: Places
    at: Places
    edge: Places


def needs(times: Schedule, ends: Ends) -> Needs:
    """The links that are possible in time, those from and to what lies inside of something lifted where need be.

    A link to something inside a container holds up the container if the source had ended before that started, else
    what is inside. A link from inside of something is from the whole, if that ended before; else from what is inside.
    """
    source, target = ends
    beside, opposite = side_by_side(source, target, times.container, times.depth)
    kept = (beside != opposite) & times.began[source] & (times.began[target] | times.waiting[target])
    source, target, beside = source[kept], target[kept], beside[kept]
    edge, common = np.flatnonzero(kept), times.container[beside]
    whole_at, own_at = times.end[beside], times.end[source]
    whole_held = _held_up(times, whole_at, target, common)
    whole = whole_at <= times.start[whole_held] + times.skew_us
    held = np.where(whole, whole_held, _held_up(times, own_at, target, common))
    at = np.where(whole, whole_at, own_at)
    possible = at <= times.start[held] + times.skew_us
    columns = (np.where(whole, beside, source), beside, held, at, edge)
    return Needs(*(column[possible] for column in columns))


def _held_up(times: Schedule, at: Places, target: Places, common: Places) -> Places:
    """The target, or the outermost container around it (below the common one) that had not started by then."""
    held = target
    while True:
        around = times.container[held]
        further = (around != common) & (times.start[around] + times.skew_us >= at)
        if not further.any():
            return held
        held = np.where(further, around, held)


@dataclass(frozen=True)
class Blocking:
    """By node: what it waited for last. source: -1 for nothing. beside: as in `Needs`. at: when that had ended.

    edge: the number of the edge, `ORDER` where the order of the flow tells it. Times in microseconds.
    """

    source: Places
    beside: Places
    at: Places
    edge: Places


def blocking(times: Schedule, needed: Needs, order: FlowOrder) -> Blocking:
    """Of the needs of each node, and of what the flow had waited for when it created it, what ended last.

    Ties: a link before the order of the flow, then what started later, then what comes later.
    """
    size = times.size + 1
    after = order.after
    source, beside, edge = after.copy(), after.copy(), np.full(size, ORDER)
    at = np.where(after == NONE, np.int64(-1), times.end[after])
    last = np.lexsort((needed.source, times.start[needed.source], needed.at, needed.target))
    last = last[np.append(needed.target[last][1:] != needed.target[last][:-1], True)] if len(last) else last
    target = needed.target[last]
    said = (needed.at[last] > order.since[target]) & ~order.at_once[target]
    better = said | (needed.at[last] >= at[target])
    chosen, target = last[better], target[better]
    source[target], beside[target] = needed.source[chosen], needed.beside[chosen]
    at[target], edge[target] = needed.at[chosen], needed.edge[chosen]
    return Blocking(source, beside, at, edge)
