"""The frame of every page about one run: its head, and below it what changes with time, in one fragment.

Choosing a task reruns the fragment and nothing else. A run that is not over keeps itself up to date.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from flowdag.prefect_api.live_watch import Shown
from flowdag.tenants import Tenant
from flowdag.ui import header, live, state
from flowdag.ui.errors import in_words
from flowdag.ui.take_away import take_away
from flowdag.ui.usual import compared, short


def run_page(tenant: Tenant, shown: Shown, show: Callable[[Shown], None], *, needs_tasks: bool = True) -> None:
    """Head, and below it what `show` draws: again and again while the run goes on, with what is known by then.

    Where it `needs_tasks` and there are none, why that is so.
    """
    head, aside = header.places()
    head = head.empty()
    with aside:
        take_away(tenant, shown.graph)
        follows = live.live_toggle() if shown.next_due else header.refresh_button(tenant, shown.graph)
    every = live.tick_s() if follows else None
    st.fragment(_latest, run_every=every)(tenant.id, shown, head, show, follows=follows, needs_tasks=needs_tasks)


def _latest(
    tenant_id: str,
    shown: Shown,
    head: DeltaGenerator,
    show: Callable[[Shown], None],
    *,
    follows: bool,
    needs_tasks: bool,
) -> None:
    state.write()
    with in_words(), live.paced(follows):
        if follows:
            shown = live.latest(tenant_id, shown.graph.run.id)
        flag = _header(head, tenant_id, shown)
        if needs_tasks and shown.graph.nodes.empty:
            header.say_why_empty(shown.graph)
        else:
            show(shown)
        if flag != short(
            shown.graph.run, compared(tenant_id, shown.graph, None)
        ):  # what it is made of has come in between
            _header(head, tenant_id, shown)


def _header(head: DeltaGenerator, tenant_id: str, shown: Shown) -> str:
    """Write the head; returns the flag in it."""
    flag = short(shown.graph.run, compared(tenant_id, shown.graph, None))
    with head.container():
        header.run_header(shown, flag)
    return flag
