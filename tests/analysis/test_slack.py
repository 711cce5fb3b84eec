"""Savings: what a simulated flow gains when one of its tasks is made shorter and it is run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdag.analysis.critical_path import critical_path
from flowdag.model import FlowRunGraph
from tests.built import Flow, Ran, built

SUBMIT_S, DISPATCH_S, CODE_S = 0.02, 0.03, 0.01


@dataclass(frozen=True)
class Stage:
    """Task runs submitted one by one (seconds of work, inputs of each), then a wait for all so far, or none."""

    work: Sequence[tuple[float, Sequence[int]]]
    wait: bool


def simulated(stages: Sequence[Stage], factor: Mapping[int, float]) -> tuple[list[Ran], float]:
    """What such a flow does with as many workers as it likes; the work of some tasks is shorter by a factor."""
    now, ran = 0.0, list[Ran]()
    for stage in stages:
        for work_s, inputs in stage.work:
            now += SUBMIT_S
            start = max([now, *(ran[one].end or 0 for one in inputs)]) + DISPATCH_S
            end = start + work_s * factor.get(len(ran), 1)
            times = (round(second, 6) for second in (now, start, end))
            ran.append(Ran(f"t{len(ran)}", *times, needs=[f"t{one}" for one in inputs]))
        if stage.wait:
            now = max([now, *(one.end or 0 for one in ran)]) + CODE_S
    return ran, round(max([now, *(one.end or 0 for one in ran)]) + CODE_S, 6)


def graph_of(ran: Sequence[Ran], end: float) -> FlowRunGraph:
    return built(Flow(end), *ran)


@st.composite
def flows(draw: st.DrawFn) -> list[Stage]:
    stages, count = [], 0
    for _ in range(draw(st.integers(1, 5))):
        work = []
        for _ in range(draw(st.integers(1, 4))):
            inputs = st.lists(st.integers(0, count - 1), max_size=2, unique=True) if count else st.just([])
            work.append((draw(st.integers(500, 4000)) / 1000, draw(inputs)))
        count += len(work)
        stages.append(Stage(work, draw(st.booleans())))
    return stages


@settings(max_examples=60, deadline=None)
@given(stages=flows(), half=st.booleans())
def test_savings_are_what_another_run_gains(stages: list[Stage], half: bool) -> None:
    ran, end = simulated(stages, {})
    tasks = critical_path(graph_of(ran, end)).tasks
    for number, one in enumerate(ran):
        _, shorter = simulated(stages, {number: 0.5 if half else 0.0})
        predicted = tasks.at[one.id, "save_half_s" if half else "save_all_s"]
        assert predicted == pytest.approx(end - shorter, abs=0.0001), one.id


@settings(max_examples=40, deadline=None)
@given(stages=flows(), spare=st.floats(0.05, 3.0))
def test_slack_is_what_makes_no_difference(stages: list[Stage], spare: float) -> None:
    ran, end = simulated(stages, {})
    slack_s = critical_path(graph_of(ran, end)).tasks["slack_s"]
    for number, one in enumerate(ran):
        assert one.end is not None
        assert one.start is not None
        work_s = one.end - one.start
        _, longer = simulated(stages, {number: 1 + spare / work_s})
        assert longer - end == pytest.approx(max(0.0, spare - slack_s[one.id]), abs=0.0001), one.id
