"""What a flow waited for without saying so: calls in a row leave no edge, but the order in which things were created.

A flow's own code is one thread: it creates one task run after the other, and is silent while it waits. The latest of
its task runs to end in such a silence is taken for what it waited for, where one of these holds:

- it was the last one that was created before, as in a call in a row;
- all that was created before had ended, as after a wait for all;
- the silence is far longer than is usual between two creations;
- as many ran at once as ever did, and it follows at once: Prefect creates what waits for a slot when it gets one.

The latest end before a creation alone would not do: during a long submission some task ends before every creation, and
the flow waits for none of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flowdag.analysis.nesting import Places
from flowdag.analysis.schedule import Flags, Schedule

REMARKABLE = 3  # times the usual silence
AT_ONCE_US, AT_ONCE_SHARE = 20_000, 0.1  # of the silence
NONE = -1


@dataclass(frozen=True)
class FlowOrder:
    """Places by node, -1 for none.

    previous: what was created last before it in the same container. after: what the flow had waited for last when it
    created the node. joined: what was created first after the flow had waited for the node: alone, or for all that
    ended in the same silence where after it nothing went on. since: when the silence before its creation began,
    microseconds. at_once: whether it was created as soon as something had ended. by_slot: whether what it came after
    is told by the number of tasks that ran at once only.
    """

    previous: Places
    after: Places
    joined: Places
    since: Places
    at_once: Flags
    by_slot: Flags


def flow_order(times: Schedule) -> FlowOrder:
    """The order of what the schedule tells; linear but for sorting."""
    chain = np.flatnonzero(times.began[:-1] | times.waiting[:-1])
    chain = chain[np.lexsort((chain, times.start[chain], times.created[chain], times.container[chain]))]
    size, around, created = len(chain), times.container[chain], times.created[chain]
    first = np.append(True, around[1:] != around[:-1])[:size]
    previous = np.where(first, NONE, np.roll(chain, 1))
    before = np.where(first, times.start[around], np.roll(created, 1))
    ended, following = _ends_and_creations(times, chain)
    position = np.full(times.size + 1, size)
    position[chain] = np.arange(size)
    possible = (ended != NONE) & (times.end[ended] > before) & (position[ended] < np.arange(size))
    silence = created - before
    all_ended = _all_ended(times, chain, first)
    waiting = (ended == previous) | all_ended | (silence > REMARKABLE * _usual(silence, first))
    at_once = possible & (created - times.end[ended] <= np.maximum(AT_ONCE_US, AT_ONCE_SHARE * silence))
    sound = possible & (waiting | (at_once & _was_full(times)[ended]))
    last = np.maximum.accumulate(np.where(sound | first, np.arange(size), 0))
    after = np.where(sound, ended, NONE)[last]
    at = np.minimum(following[chain], size - 1)
    waited = (following[chain] < size) & sound[at] & (position[chain] < at)
    waited &= all_ended[at] | (ended[at] == chain)  # a call while another ran looks the same: promise less
    joined = np.where(waited, chain[at], NONE)
    columns = (previous, after, joined, before, at_once, (sound & ~waiting)[last])
    previous, after, joined, before, at_once, by_slot = (_by_node(each, chain, times.size) for each in columns)
    return FlowOrder(previous, after, joined, before, at_once > 0, by_slot > 0)


def _was_full(times: Schedule) -> Flags:
    """By node, whether as many ran in its container when it ended as ever did, more than one."""
    ran = np.flatnonzero(times.began[:-1])
    what = np.concatenate((ran, ran))
    change = np.repeat([1, -1], len(ran))
    at = np.concatenate((times.start[ran], times.end[ran]))
    order = np.lexsort((change, at, times.container[what]))  # what ends makes room before what starts
    what, change = what[order], change[order]
    running = np.cumsum(change)  # all that start in a container end in it, but for those that last no time
    most = pd.Series(running).groupby(times.container[what]).transform("max").to_numpy()
    full = np.zeros(times.size + 1, dtype=bool)
    ends = change < 0
    full[what[ends]] = (running[ends] + 1 >= most[ends]) & (most[ends] > 1)
    return full


def _ends_and_creations(times: Schedule, chain: Places) -> tuple[Places, Places]:
    """For each creation the sibling that ended last by then, -1 for none; by node, where in the chain the first is

    that was created after its end, beyond the chain for none.
    """
    size = len(chain)
    ends = np.flatnonzero(times.began[chain])
    at = np.concatenate((times.end[chain[ends]], times.created[chain]))
    links = np.concatenate((ends, np.arange(size)))
    is_creation = np.repeat([False, True], [len(ends), size])
    order = np.lexsort((links, is_creation, at, times.container[chain[links]]))
    links, is_creation = links[order], is_creation[order]
    around = times.container[chain[links]]
    places = np.arange(len(links))
    seen = np.maximum.accumulate(np.where(is_creation, NONE, places))
    found = np.where((seen != NONE) & (around[seen] == around), links[seen], NONE)
    ended = np.full(size, NONE)
    ended[links[is_creation]] = found[is_creation]
    next_one = np.minimum.accumulate(np.where(is_creation, places, len(links))[::-1])[::-1]
    ahead = np.minimum(next_one, len(links) - 1)
    found = np.where((next_one < len(links)) & (around[ahead] == around), links[ahead], size)
    following = np.full(times.size + 1, size)
    following[chain[links[~is_creation]]] = found[~is_creation]
    return np.where(ended == NONE, NONE, chain[ended]), following


def _all_ended(times: Schedule, chain: Places, first: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """For each creation whether all that was created before in the same container had ended."""
    ends = pd.Series(np.where(times.began[chain], times.end[chain], 0))
    latest = ends.groupby(times.container[chain]).cummax().to_numpy()
    return np.where(first, True, np.roll(latest, 1) <= times.created[chain])


def _usual(silence: Places, first: NDArray[np.bool_]) -> Places:
    """The median silence (the lower of the middle two) of each container; `first` tells where one begins."""
    container = np.cumsum(first) - 1
    begins = np.flatnonzero(first)
    counts = np.diff(np.append(begins, len(first)))
    ordered = silence[np.lexsort((silence, container))]
    usual: Places = ordered[begins + (counts - 1) // 2][container]
    return usual


def _by_node(values: Places, chain: Places, size: int) -> Places:
    found = np.full(size + 1, NONE)
    found[chain] = values
    return found
