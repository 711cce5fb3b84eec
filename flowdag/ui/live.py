"""A run that is not over: its latest graph, and a picture that changes as little as its growth allows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import streamlit as st

from flowdag import cache
from flowdag.analysis.drawing import Drawing, View
from flowdag.analysis.grouping import Folding, taken_over
from flowdag.model import FlowRunGraph
from flowdag.prefect_api.live import LONGEST_S, SHORTEST_S
from flowdag.prefect_api.live_watch import Shown
from flowdag.ui import state

TICK, CUT_SHORT, FOLLOWED = "flowdag-tick", "flowdag-cut-short", "flowdag-followed"
TURN, TURN_S = threading.Lock(), 1.0
PATIENCE = 2  # looks that may be cut short, as they are by clicks too


def live_toggle() -> bool:
    """Whether the page follows the run; off, it stands still."""
    return st.toggle(
        "Live", value=True, key="live", help="Follow the run as it goes on. Switch it off to look at it in peace."
    )


def is_on() -> bool:
    """Whether it does, on a page that has the toggle."""
    return bool(st.session_state.get("live", True))


def tick_s() -> float:
    """Seconds between two looks at the run."""
    return float(st.session_state.get(TICK, SHORTEST_S))


@contextmanager
def paced(follows: bool) -> Iterator[None]:
    """Look less often where what is done at each look takes longer: the next look would always cut it short."""
    cut_short = st.session_state.get(CUT_SHORT, 0) if follows else 0
    if cut_short >= PATIENCE:
        st.session_state[TICK], st.session_state[CUT_SHORT] = min(LONGEST_S, 2 * tick_s()), 0
        st.rerun()
    st.session_state[CUT_SHORT] = cut_short + 1
    yield
    st.session_state[CUT_SHORT] = 0


@contextmanager
def turn() -> Iterator[None]:
    """One viewer after the other: scripts that run at once slow each other down far beyond their sum.

    Nobody waits for long, as whoever has the turn may be held up.
    """
    mine = TURN.acquire(timeout=TURN_S)
    try:
        yield
    finally:
        if mine:
            TURN.release()


def latest(tenant_id: str, run_id: str) -> Shown:
    """The run as it is now. Once it has settled, the whole page runs again, and follows it no longer."""
    found = cache.look(tenant_id, run_id)
    if not isinstance(found, Shown) or found.next_due is None:
        st.rerun()
    return found


def drawing(
    key: str, tenant_id: str, graph: FlowRunGraph, attempt: int | None, view: View, *, settled: bool
) -> Drawing:
    """What is drawn: of a run that was followed here, as near to what was drawn before as its growth allows."""
    held: tuple[FlowRunGraph, View, Drawing] | None = st.session_state.get(FOLLOWED, {}).get(key)
    if settled and held is None:
        return cache.drawing(tenant_id, graph.run.id, graph.as_of, attempt, view, graph)
    if held and (held[0].as_of, held[1]) == (graph.as_of, view):
        return held[2]
    before = held[2].layout if held else None
    now = cache.drawing_of_now(tenant_id, attempt, view, graph, before)
    if held and (heirs := _heirs(held[2], now, view)):
        view = _handed_on(view, heirs)
        now = cache.drawing_of_now(tenant_id, attempt, view, graph, before)
    st.session_state[FOLLOWED] = {key: (graph, view, now)}  # of the others nothing is kept
    return now


def _heirs(before: Drawing, now: Drawing, view: View) -> dict[str, str]:
    """For each group that is open or chosen: the one that it has become, if that is another."""
    known = before.picture.members
    meant = {key: known[key] for key in (*view.folding.opened, state.chosen("task") or "") if key in known}
    return taken_over(meant, now.picture.members)


def _handed_on(view: View, heirs: dict[str, str]) -> View:
    opened = tuple(dict.fromkeys(heirs.get(key, key) for key in view.folding.opened))
    folding = Folding(opened, view.folding.shut)
    state.fold(folding)
    if (chosen := state.chosen("task")) in heirs:
        state.choose(task=heirs[str(chosen)])
    return replace(view, folding=folding)
