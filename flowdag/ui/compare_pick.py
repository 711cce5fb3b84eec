"""Which run another is compared with, and reading it: the last good one, any of the same flow, or the last 20 good."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st

from flowdag import cache
from flowdag.analysis.compare import median_run
from flowdag.errors import RunNotFound
from flowdag.jobs import GivenUp
from flowdag.looks.states import look
from flowdag.looks.words import clean, duration
from flowdag.model import FlowRun
from flowdag.prefect_api.flow_runs import RunQuery
from flowdag.ui import state, waiting
from flowdag.ui.errors import hint
from flowdag.ui.sidebar import distinct
from flowdag.ui.text import ago

LISTED = 100  # runs to choose from
AHEAD, STEP_S = 3, 0.2  # reads under way at once
MEDIAN, LAST_GOOD, KEY = "median", "", "compare-with"
STOPPED = "flowdag-median-stopped"


@dataclass(frozen=True)
class Others:
    """What a run is compared with. middle: the one whose duration counts; whose: what it is, in words."""

    runs: Sequence[cache.Compared]
    middle: cache.Compared
    whose: str

    @property
    def are_many(self) -> bool:
        """Whether figures are medians."""
        return len(self.runs) > 1


def pick_others(tenant_id: str, run: FlowRun) -> Others | None:
    """The box to choose, and what was chosen, once it is read; None where there is nothing: the reason is on screen."""
    good = cache.good_runs(tenant_id, run.id)
    chosen = state.chosen("with") or LAST_GOOD
    chosen = LAST_GOOD if chosen == MEDIAN and len(good) < 2 else chosen
    known = {one.id: one for one in _same_flow(tenant_id, run, good)}
    if chosen not in (MEDIAN, LAST_GOOD, *known) and (asked := _asked(tenant_id, run, chosen)):
        known[chosen] = asked
    if not known:
        hint("There is no other run of this flow.", "Once it has run again, the two can be compared here.")
        return None
    _box(run, good, known, chosen)
    if chosen == MEDIAN:
        return _median(tenant_id, run, good)
    if chosen == LAST_GOOD:
        if not good:
            hint("No run of this flow has completed before this one.", "Choose another run to compare it with.")
            return None
        return _one(tenant_id, good[0], _last_good(run, good))
    if chosen not in known:
        hint("There is no such run of this flow here.", "Choose another run to compare with.")
        return None
    return _one(tenant_id, known[chosen], "the chosen run")


def _same_flow(tenant_id: str, run: FlowRun, good: Sequence[FlowRun]) -> list[FlowRun]:
    """Runs to choose from, the latest first. Of a subflow those are only the good ones: lists hold top-level runs."""
    listed = () if run.parent_task_run_id else cache.runs(tenant_id, RunQuery(flows=(run.flow_name,)), LISTED)[0]
    found = {one.id: one for one in (*listed, *good) if one.id != run.id and one.start and one.flow_id == run.flow_id}
    return sorted(found.values(), key=lambda one: one.start or datetime.min.replace(tzinfo=UTC), reverse=True)


def _asked(tenant_id: str, run: FlowRun, run_id: str) -> FlowRun | None:
    """A run that the address names, if it is one of the same flow within the tenant's scope."""
    try:
        found = cache.flow_run(tenant_id, run_id)
    except RunNotFound:
        return None
    return found if found.flow_id == run.flow_id and found.start else None


def _box(run: FlowRun, good: Sequence[FlowRun], known: dict[str, FlowRun], chosen: str) -> None:
    now = datetime.now(UTC)
    labels = {LAST_GOOD: f"{_last_good(run, good).capitalize()}: {_label(good[0], now)}"} if good else {}
    if len(good) > 1:
        labels[MEDIAN] = f"The median of the last {len(good)} good runs"
    labels |= distinct({run_id: _label(one, now) for run_id, one in known.items()})
    st.session_state[KEY] = chosen if chosen in labels else None
    st.selectbox(
        "Compare with",
        list(labels),
        format_func=lambda key: labels[key],
        key=KEY,
        on_change=lambda: state.choose(**{"with": st.session_state[KEY] or None}),
        placeholder="Choose a run of the same flow",
        help="Another run of the same flow. Good ones have completed, and started before this one.",
    )


def _last_good(run: FlowRun, good: Sequence[FlowRun]) -> str:
    same = run.deployment_id and good[0].deployment_id == run.deployment_id
    return "the last good run of this deployment" if same else "the last good run"


def _label(run: FlowRun, now: datetime) -> str:
    shown = look(run.state_type, run.state_name)
    parts = (clean(run.name), ago(run.start, now), duration(run.wall_s(now)), clean(run.state_name))
    return f"{shown.sign} {' · '.join(parts)}"


def _one(tenant_id: str, run: FlowRun, whose: str) -> Others:
    """Ends the script where the viewer has stopped the reading."""
    if st.session_state.get(waiting.STOPPED) == (tenant_id, run.id):
        waiting.whole_run(tenant_id, run.id)
    found = cache.compared(tenant_id, run)
    while not isinstance(found, cache.Compared):
        waiting.whole_run(tenant_id, run.id)
        found = cache.compared(tenant_id, run)
    return Others((found,), found, whose)


def _median(tenant_id: str, run: FlowRun, good: Sequence[FlowRun]) -> Others | None:
    found = _read_all(tenant_id, run.id, good)
    if not found:
        return None
    middle = found[median_run([one.profile for one in found])]
    return Others(found, middle, f"the median of the last {len(found)} good runs")


def _read_all(tenant_id: str, run_id: str, runs: Sequence[FlowRun]) -> list[cache.Compared] | None:
    """All of them but those that are gone; None where the viewer has stopped the reading."""
    if st.session_state.get(STOPPED) == run_id:
        st.info("**Reading was stopped.** A median of fewer runs could be taken for that of all.")
        st.button("Read them", icon=":material/play_circle:", on_click=_forget)
        return None
    place = st.empty()
    told: dict[str, cache.Compared | None] = {}
    bar, begin = None, time.monotonic()
    while left := [run for run in runs if run.id not in told]:
        waits = None
        for run in left[:AHEAD]:
            try:
                found = cache.compared(tenant_id, run)
            except RunNotFound:
                told[run.id] = None
            except GivenUp:  # begun anew by the next look
                continue
            else:
                if isinstance(found, cache.Compared):
                    told[run.id] = found
                else:
                    waits = found
        if waits:
            waits.is_done(STEP_S)
        words = f"{len(told)} of {len(runs)} runs are read…"
        if bar is None and time.monotonic() - begin > waiting.AT_ONCE_S:
            with place.container(border=True):
                bar = st.progress(0.0, text=words)
                st.button("Stop", icon=":material/stop_circle:", key="stop-median", on_click=_stop, args=(run_id,))
        if bar:
            bar.progress(len(told) / len(runs), text=words)
    place.empty()
    return [one for one in (told[run.id] for run in runs) if one]


def _stop(run_id: str) -> None:
    st.session_state[STOPPED] = run_id


def _forget() -> None:
    st.session_state.pop(STOPPED, None)
