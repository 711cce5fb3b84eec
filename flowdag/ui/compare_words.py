"""What differs between two runs, in words: the steps from one duration to the other, and tiles above them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pandas as pd

from flowdag.analysis.compare import ADDED, ELSE, MOVED, REMOVED, SAME, Comparison
from flowdag.analysis.path_walk import EARLIER_ATTEMPT, FLOW, NOT_SUBMITTED, PAUSED, PENDING, RETRY, RUN
from flowdag.looks.words import duration, html, percent
from flowdag.model import FlowRun
from flowdag.ui.text import clock

MINUS = "−"
TASK_WORDS = {
    RUN: "{} at work",
    PENDING: "{}: waiting to start",
    NOT_SUBMITTED: "{}: until the flow called it",
    RETRY: "{}: pauses before another try",
    FLOW: "{}: its own code",
    EARLIER_ATTEMPT: "{}: earlier attempts",
    PAUSED: "{}: paused",
}
RUN_WORDS = {
    FLOW: "The flow’s own code",
    RETRY: "Pauses before another attempt of the flow",
    EARLIER_ATTEMPT: "Earlier attempts of the flow",
    PAUSED: "The run was paused",
}
CHANGES = {ADDED: "only in this run", REMOVED: "not in this run", MOVED: "elsewhere in the graph", SAME: ""}


def signed(seconds: float) -> str:
    """A difference in words: +3.20 s, −12 ms; 0 s for none."""
    return "0 s" if seconds == 0 else f"{'+' if seconds > 0 else MINUS}{duration(abs(seconds))}"


def step_words(step: pd.Series, tasks: pd.DataFrame, *, so_far: str = "") -> tuple[str, str]:
    """One step (`analysis.compare.STEPS`) in words, and a remark or "". so_far: what to add if this run goes on."""
    part, row = str(step["part"]), int(step["row"])
    if part == ELSE:
        return f"Everything else ({step['of']} smaller ones)", ""
    if row < 0:
        return RUN_WORDS.get(part, part), ""
    task = tasks.iloc[row]
    words = TASK_WORDS[part].format(task["task"])
    if task["change"] in (ADDED, REMOVED):
        return words, CHANGES[task["change"]] + (so_far if task["change"] == REMOVED else "")
    if pd.isna(task["start_s"]):
        return words, f"not started{so_far}" if so_far else "never started in this run"
    if pd.isna(task["start_s_other"]):
        return words, "never started in the other run"
    if part == RUN and not (step["this_us"] and step["other_us"]):
        return words, "came onto the path" if step["this_us"] else "left the path"
    return words, ""


def tiles(found: Comparison, run: FlowRun, other: FlowRun, steps: pd.DataFrame, whose: str) -> str:
    """Both durations, their difference, and what explains most of it; HTML."""
    so_far = "" if run.is_over else " so far"
    shown = [
        (duration(found.this_us / 1e6), f"this run{so_far}", _started(run.start)),
        (duration(found.other_us / 1e6), f"<b>{html(other.name)}</b>", whose),
        (signed(found.diff_us / 1e6), _how_much(found) + so_far, "the difference of both"),
        *_most(found, steps),
    ]
    inner = (f"<div><strong>{one}</strong><span>{two}</span><small>{three}</small></div>" for one, two, three in shown)
    return f'<div class="fd-tiles">{"".join(inner)}</div>'


def _started(at: datetime | None) -> str:
    return f"started {clock(at)[4:-3]}" if at else "not started"  # without weekday and seconds


def _how_much(found: Comparison) -> str:
    if found.diff_us == 0:
        return "both took equally long"
    way = "longer" if found.diff_us > 0 else "shorter"
    if found.this_us >= 2 * found.other_us > 0:
        return f"{found.this_us / found.other_us:,.3g} times as long"
    return f"{percent(abs(found.diff_us) / found.other_us)} {way}" if found.other_us else way


def _most(found: Comparison, steps: pd.DataFrame) -> Iterator[tuple[str, str, str]]:
    """The largest step of those that go the way of the whole."""
    same_way = steps[(steps["diff_us"] > 0) == (found.diff_us > 0)]
    same_way = same_way[same_way["part"] != ELSE]
    if found.diff_us == 0 or same_way.empty:
        return
    most = same_way.iloc[0]
    words, _ = step_words(most, found.tasks)
    share = int(most["diff_us"]) / found.diff_us
    told = f"explains {percent(share)} of the difference" if share <= 1 else "explains more than the whole difference"
    yield signed(int(most["diff_us"]) / 1e6), html(words), told
