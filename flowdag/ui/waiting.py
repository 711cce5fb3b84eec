"""Waiting for a long read: how far it is, how long it will take, and a button to stop."""

from __future__ import annotations

from typing import Any

import streamlit as st

from flowdag import cache
from flowdag.jobs import GivenUp, Job
from flowdag.prefect_api.live import Watched
from flowdag.prefect_api.live_watch import Shown

AT_ONCE_S, STEP_S = 0.4, 0.2
STOPPED = "flowdag-stopped"


def whole_run(tenant_id: str, run_id: str) -> Shown:
    """The whole run, once it is read; ends the script where the viewer stopped the reading. Raises as `cache.look`."""
    if st.session_state.get(STOPPED) == (tenant_id, run_id):
        _say_stopped()
        st.stop()
    place = st.empty()
    while True:
        try:
            found = cache.look(tenant_id, run_id)
        except GivenUp:  # those who waited before have left: begin again
            st.rerun()
        if isinstance(found, Shown):
            place.empty()
            return found
        if not found.is_done(AT_ONCE_S):
            with place.container(border=True):
                _wait(found, (tenant_id, run_id))


def waited(job: Job[Any], stop: str, *, key: str) -> bool:
    """Whether a read has ended, once it has; False where the viewer has stopped it, by a button with these words."""
    if st.session_state.get(f"{key}-done") is job:
        st.caption(f"Reading was stopped. {job.reached.words if job.reached else ''}")
        return False
    if job.is_done(AT_ONCE_S):
        return True
    place = st.empty()
    with place.container(border=True):
        bar = st.progress(0.0, text="Reading…")
        st.button(stop, icon=":material/stop_circle:", key=key, on_click=_end, args=(key, job))
        while not job.is_done(STEP_S):
            if reached := job.reached:
                bar.progress(reached.done / reached.in_all if reached.in_all else 0.0, text=f"{reached.words}…")
    place.empty()
    return True


def _end(key: str, job: Job[Any]) -> None:
    st.session_state[f"{key}-done"] = job
    job.stop()


def _wait(job: Job[Watched], run: tuple[str, str]) -> None:
    """Show how far the read is, until it has ended. A click on a button, or leaving the page, ends the script here."""
    bar = st.progress(0.0, text="Reading the run…")
    st.button("Stop reading", icon=":material/stop_circle:", key="stop-reading", on_click=_stop, args=(run,))
    while not job.is_done(STEP_S):
        if reached := job.reached:
            bar.progress(reached.done / max(1, reached.in_all), text=f"{reached.words}…")


def _stop(run: tuple[str, str]) -> None:
    st.session_state[STOPPED] = run


def _say_stopped() -> None:
    st.info("**Reading was stopped.** A part of a run is not shown, because it could be taken for the whole.")
    st.button("Read it", icon=":material/play_circle:", on_click=_forget)


def _forget() -> None:
    st.session_state.pop(STOPPED, None)
