"""What failed, and which retries helped, in words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from flowdag.analysis.failures import Alike, Failures
from flowdag.analysis.retries import Retried
from flowdag.looks.words import duration, html
from flowdag.model import FlowRunGraph

RANDOM_END: Final = re.compile("-[0-9a-f]{3}")


def in_words(found: Failures) -> str:
    """Such as "1 task failed first; because of it 2 more failed, and 14 never started."."""
    firsts = [cause.first for cause in found.causes]
    first = sum(len(alike.nodes) for alike in firsts)
    if not first:
        how = ended(firsts[0].state_type)
        return "No task failed: " + ("the flow's own code did." if how == "failed" else f"the run {how}.")
    more = sum(len(alike.nodes) for cause in found.causes for alike in (*cause.failed, *cause.around))
    never = sum(len(alike.nodes) for cause in found.causes for alike in cause.never)
    came = [f"{more:,} more failed"] * bool(more) + [f"{never:,} never started"] * bool(never)
    because = f"; because of {'it' if first == 1 else 'them'} {' and '.join(came)}" if came else ""
    own = ". The flow's own code failed too" if any(not cause.first.nodes for cause in found.causes) else ""
    return f"{_counted(firsts)}{' first' * bool(came)}{because}{own}."


def _counted(firsts: Iterable[Alike]) -> str:
    """Such as "2 tasks failed and 1 was cancelled"."""
    counts = dict.fromkeys(("FAILED", "CRASHED", "CANCELLED"), 0)
    for alike in firsts:
        counts[alike.state_type] += len(alike.nodes)
    (kind, count), *others = ((kind, count) for kind, count in counts.items() if count)
    words = [f"{count:,} task{'' if count == 1 else 's'} {ended(kind, count)}"]
    return " and ".join(words + [f"{count:,} {ended(kind, count)}" for kind, count in others])


def ended(state_type: str, count: int = 1) -> str:
    """How it ended, as a verb."""
    if state_type == "CANCELLED":
        return "was cancelled" if count == 1 else "were cancelled"
    return "crashed" if state_type == "CRASHED" else "failed"


def called(graph: FlowRunGraph, alike: Alike) -> str:
    """The name of what ended alike: of one task run its own, of many that of the task.

    What never started may still have the name that Prefect gives at random: the task's and three hexadecimal digits.
    """
    first = alike.nodes[0]
    label, never = str(graph.nodes.at[first, "label"]), bool(graph.nodes["start"].isna()[first])
    is_random = never and RANDOM_END.fullmatch(label.removeprefix(alike.task_name))
    return alike.task_name if len(alike.nodes) > 1 or is_random else label


def helped(one: Retried) -> str:
    """Such as "load failed once; try 2 succeeded after a pause of 5.00 s"."""
    often = {2: "once", 3: "twice"}.get(one.tries, f"{one.tries - 1} times")
    pause = f" after a pause of {duration(one.pause_s)}" if one.pause_s >= 0.005 else ""
    if not one.nodes:
        return f"<b>The whole flow</b> failed {often}; attempt {one.tries} succeeded{pause}."
    many = f" × {len(one.nodes):,}" if len(one.nodes) > 1 else ""
    return f"<b>{html(one.task_name)}</b>{many} failed {often}; try {one.tries} succeeded{pause}."
