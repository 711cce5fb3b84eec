"""How much longer each task could have taken, and how much a shorter one would save: every observed lag frozen.

A run is a network of moments: each node's creation, start and end. A node is created after the one before it, and after
what the flow waited for; it starts after its creation and all that it needs; a container ends after all inside it that
it waited for; each with the lag that was observed. Simulated, savings are exact where workers are plentiful (peers,
2.4). Slack comes from one pass backwards. A task shortened by x saves at most x, and at most the run less the longest
way around the task: the longest that passes the cut behind its start by another arc. Linear but for sorting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flowdag.analysis.blocking import Needs
from flowdag.analysis.flow_order import NONE, FlowOrder
from flowdag.analysis.nesting import Places, by_node
from flowdag.analysis.schedule import Schedule

Seconds = NDArray[np.float64]
SECOND_US = 1e6
NO_WAY = np.int64(-(2**62))


@dataclass(frozen=True)
class _Network:
    """Arcs between moments, `lag` in microseconds; a node's creation, start and end are 3 * place + 0, 1, 2."""

    tail: Places
    head: Places
    lag: Places
    at: Places


def slack_and_savings(times: Schedule, needed: Needs, order: FlowOrder, run_s: Seconds) -> Mapping[str, Seconds]:
    """slack_s, save_half_s, save_all_s by node, as in `critical_path.CriticalPath`. run_s: seconds of work by node."""
    network = _network(times, needed, order)
    ahead, position = _longest_ahead(network, 3 * times.size + 2)
    began, nodes = times.began[:-1], np.arange(times.size)
    ends = 3 * nodes + 2
    slack = times.end[-1] - times.end[:-1] - ahead[ends]
    slack = np.where(began & (ahead[ends] != NO_WAY), slack, -1)
    holds = np.bincount(times.container[:-1][began], minlength=times.size + 1)[:-1] > 0
    critical = np.flatnonzero((slack == 0) & ~holds)
    drag = np.zeros(times.size)
    drag[critical] = (times.end[-1] - times.start[-1]) - _longest_around(network, ahead, position, critical, times)
    told = began & ~holds
    return {
        "slack_s": np.where(slack < 0, np.nan, slack / SECOND_US),
        "save_half_s": np.where(told, np.minimum(drag / SECOND_US, run_s / 2), np.nan),
        "save_all_s": np.where(told, np.minimum(drag / SECOND_US, run_s), np.nan),
    }


def _network(times: Schedule, needed: Needs, order: FlowOrder) -> _Network:
    size = times.size
    moments = np.column_stack((times.created, times.start, times.end)).ravel()
    nodes = np.flatnonzero(times.began[:-1])
    around = times.container[nodes]
    previous, joined = order.previous[nodes], order.joined[nodes]
    later, held = previous != NONE, joined != NONE
    awaited = nodes[times.awaited[nodes]]
    holds = np.bincount(around, minlength=size + 1) > 0
    leaves = np.flatnonzero(times.began & ~holds)
    arcs = [
        (np.where(later, 3 * previous, 3 * around + 1), 3 * nodes),  # created after the one before, or in its container
        (3 * nodes[held] + 2, 3 * joined[held]),
        (3 * nodes, 3 * nodes + 1),
        (3 * needed.source + 2, 3 * needed.target + 1),
        (3 * leaves + 1, 3 * leaves + 2),
        (3 * nodes, 3 * around + 2),  # its container's code went on at least until it had created it
        (3 * awaited + 2, 3 * times.container[awaited] + 2),
    ]
    tail, head = (np.concatenate(ends).astype(np.int64) for ends in zip(*arcs, strict=True))
    begun = times.began[tail // 3] & times.began[head // 3]
    tail, head = tail[begun], head[begun]
    latest = np.full(len(moments), NO_WAY)
    np.maximum.at(latest, head, moments[tail])
    return _Network(tail, head, moments[head] - latest[head], moments)


def _longest_ahead(network: _Network, sink: int) -> tuple[Places, Places]:
    """The longest way from each moment to the end of the run, and an order in which all arcs lead ahead.

    Moments from which no way leads there have `NO_WAY`; those on a cycle (bad data) too.
    """
    size = len(network.at)
    opens, arcs = by_node(network.head, np.arange(len(network.head)), size)
    tails, lags = network.tail.tolist(), network.lag.tolist()
    left = np.bincount(network.tail, minlength=size).tolist()
    ahead = [int(NO_WAY)] * size
    ahead[sink] = 0
    position = [-1] * size
    ready = [moment for moment in range(size) if not left[moment]]
    place = size
    while ready:
        moment = ready.pop()
        place -= 1
        position[moment] = place
        reach = ahead[moment]
        for arc in arcs[opens[moment] : opens[moment + 1]]:
            tail = tails[arc]
            if reach + lags[arc] > ahead[tail] and reach > NO_WAY:
                ahead[tail] = reach + lags[arc]
            left[tail] -= 1
            if not left[tail]:
                ready.append(tail)
    return np.array(ahead, dtype=np.int64), np.array(position, dtype=np.int64)


def _longest_around(
    network: _Network, ahead: Places, position: Places, critical: Places, times: Schedule
) -> NDArray[np.int64]:
    """For each of these leaves the longest way through the run that does not lead through it, in microseconds; 0: none.

    A way crosses the cut behind a leaf's start exactly once: by the leaf's own arc, or around it. So of all other arcs
    over the cut the one on the longest way: taken from the longest on, each cut gets the first that crosses it.
    """
    order = np.argsort(position[3 * critical + 1])
    cuts = position[3 * critical + 1][order]
    useful = (ahead[network.head] != NO_WAY) & (position[network.tail] >= 0)
    tail, head, lag = network.tail[useful], network.head[useful], network.lag[useful]
    way = network.at[tail] - times.start[-1] + lag + ahead[head]
    first, last = np.searchsorted(cuts, position[tail]), np.searchsorted(cuts, position[head])
    of_leaf = np.isin(tail, 3 * critical + 1) & (head == tail + 1)
    own = np.where(of_leaf, first, -1)
    crossing = np.flatnonzero(last > first)
    longest = _first_to_cover(crossing[np.argsort(-way[crossing], kind="stable")], first, last, own, way, len(cuts))
    found = np.zeros(len(critical), dtype=np.int64)
    found[order] = longest
    return found


def _first_to_cover(
    arcs: Places, first: Places, last: Places, own: Places, way: Places, count: int
) -> NDArray[np.int64]:
    """For each cut the way of the first of the arcs that covers it and is not its leaf's own; each cut is set once."""
    found = np.zeros(count, dtype=np.int64)
    following = list(range(count + 1))  # the next cut from here on that is not set

    def unset(cut: int) -> int:
        root = cut
        while following[root] != root:
            root = following[root]
        while following[cut] != root:
            following[cut], cut = root, following[cut]
        return root

    left = count
    for arc in arcs.tolist():
        cut, end, spared = unset(int(first[arc])), int(last[arc]), int(own[arc])
        while cut < end:
            if cut == spared:
                cut = unset(cut + 1)
                continue
            found[cut] = way[arc]
            following[cut] = cut + 1
            left -= 1
            cut = unset(cut)
        if not left:
            break
    return found
