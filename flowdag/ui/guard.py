"""The guard at each page's first line: it hands over the tenant and run that app.py admitted in this very script run.

A page that is reached without app.py finds nothing to hand over, and stops.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from flowdag import cache
from flowdag.errors import FlowdagError
from flowdag.model import FlowRun
from flowdag.prefect_api.flow_runs import RunQuery
from flowdag.tenants import Tenant
from flowdag.ui.errors import hint, tell

ADMITTED = "flowdag-admitted"


@dataclass(frozen=True)
class Admitted:
    """What this script run may show. `problem` is why the run in the address cannot be shown, if it cannot."""

    tenant: Tenant
    query: RunQuery
    run: FlowRun | None
    problem: FlowdagError | None


def admit(admitted: Admitted) -> None:
    """app.py: let the page show this, once."""
    st.session_state[ADMITTED] = admitted


def runs_to_show() -> Admitted:
    """What the page may show; ends the script where app.py has not run before it."""
    admitted = st.session_state.pop(ADMITTED, None)
    if not isinstance(admitted, Admitted):
        tell("This page cannot be opened by itself.", "Open the app's start page.")
        st.stop()
    return admitted


def run_to_show() -> tuple[Tenant, FlowRun]:
    """The tenant and the run that the page may show; ends the script with a sentence where there is none."""
    admitted = runs_to_show()
    if admitted.problem:
        raise admitted.problem
    if admitted.run is None:
        say_no_runs(admitted)
        st.stop()
    return admitted.tenant, admitted.run


def say_no_runs(admitted: Admitted) -> None:
    """Why the list is empty, and what to do."""
    if cache.run_count(admitted.tenant.id, RunQuery()):
        hint("No run matches the filters.", "Take a filter away in the sidebar, or choose a longer “Started within”.")
    else:
        hint("This tenant has no runs yet.", "Run a flow against its Prefect API; it appears here within seconds.")
