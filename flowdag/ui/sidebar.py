"""The sidebar: which tenant, which runs, which run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from flowdag import cache
from flowdag.errors import FlowdagError, RunNotFound, UnknownTenant
from flowdag.looks.states import look
from flowdag.looks.words import clean, duration
from flowdag.model import FlowRun
from flowdag.prefect_api.flow_runs import PAGE, RunQuery
from flowdag.tenants import Tenant
from flowdag.ui import state
from flowdag.ui.errors import plain
from flowdag.ui.text import ago

WINDOWS = {
    "1 hour": timedelta(hours=1),
    "24 hours": timedelta(days=1),
    "7 days": timedelta(days=7),
    "30 days": timedelta(days=30),
    "Any time": None,
}
FILTERS, KEPT = ("flow", "state", "deployment", "tag", "within"), "flowdag-filters"  # their names in the address
STATES = ("Completed", "Failed", "Crashed", "Running", "Cancelled", "Paused", "Pending", "Scheduled")
UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def pick_tenant() -> Tenant:
    """The chosen tenant; the first one if the address names none. Raises UnknownTenant if it names another."""
    tenants = {tenant.slug: tenant for tenant in cache.tenants()}
    titles = distinct({slug: tenant.title for slug, tenant in tenants.items()})
    slug = state.chosen("tenant")
    if slug is None:
        slug = next(iter(tenants))
        state.choose(tenant=slug)
    st.session_state["tenant-picker"] = slug if slug in tenants else None
    st.selectbox(
        "Tenant",
        list(tenants),
        format_func=lambda slug: titles[slug],
        key="tenant-picker",
        on_change=lambda: state.choose(tenant=st.session_state["tenant-picker"], run=None),
        placeholder="Choose a tenant",
        help="Whose runs: one Prefect server, workspace, or part of a shared server.",
    )
    if slug not in tenants:
        raise UnknownTenant("The address names a tenant that is not configured here.", "Choose one in the sidebar.")
    return tenants[slug]


def pick_query(tenant: Tenant) -> RunQuery:
    """The filters; each lives in the address under its own name."""
    _keep_filters()
    with st.popover("Filters", icon=":material/filter_list:", width="stretch"):
        flows = _choice("Flow", "flow", cache.flow_names(tenant.id))
        states = _choice("State", "state", STATES)
        deployments = _choice("Deployment", "deployment", cache.deployment_names(tenant.id))
        tags = st.multiselect(
            "Tags",
            st.session_state.get("tag") or [],
            key="tag",
            bind="query-params",
            accept_new_options=True,
            on_change=_forget_run,
            placeholder="Type a tag",
            help="Runs that bear all of these tags.",
        )
        window = st.selectbox(
            "Started within",
            list(WINDOWS),
            index=2,
            key="within",
            bind="query-params",
            on_change=_forget_run,
            help="Counted back from now. The figures on the Runs page compare with the equal period before.",
        )
    st.session_state[KEPT] = {key: st.session_state[key] for key in FILTERS}
    if count := sum(map(bool, (flows, states, deployments, tags))):
        st.badge(f"{count} on", icon=":material/filter_alt:", help="So many of the filters of runs are on.")
    span = WINDOWS[window]
    now = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(
        minutes=1
    )  # to the minute: cached for that long
    return RunQuery(
        flows=tuple(flows),
        deployments=tuple(deployments),
        states=tuple(name.upper() for name in states),
        tags=tuple(tags),
        since=now - span if span else None,
        until=now,
    )


def _keep_filters() -> None:
    """Moving to another page empties the address, and the browser never told of widgets in a popover not yet opened."""
    if "tenant" not in st.query_params:
        st.session_state.update(st.session_state.get(KEPT, {}))


def _choice(label: str, key: str, options: tuple[str, ...]) -> list[str]:
    return st.multiselect(
        label, options, key=key, bind="query-params", on_change=_forget_run, placeholder=f"Any {label.lower()}"
    )


def _forget_run() -> None:
    """Other filters: show the latest run that they let through."""
    state.choose(run=None)


def pick_run(tenant: Tenant, query: RunQuery) -> tuple[FlowRun | None, FlowdagError | None]:
    """The chosen run, or the latest that the filters let through; if the chosen one is not found, why."""
    chosen, problem = _chosen_run(tenant)
    listed = _listed(tenant, query, needed=chosen is None)
    if chosen is None and problem is None and listed:
        chosen = listed[0]
        state.choose(run=chosen.id)
    now = datetime.now(UTC)
    shown = [chosen, *listed] if chosen else listed
    options = distinct({run.id: _label(run, now) for run in shown})
    st.session_state["run-picker"] = chosen.id if chosen else None
    st.selectbox(
        "Run",
        list(options),
        format_func=lambda run_id: options[run_id],
        key="run-picker",
        on_change=lambda: state.choose(run=st.session_state["run-picker"]),
        placeholder="No run to choose" if not options else "Choose a run",
        help="Type to search by name, flow or state.",
    )
    if len(listed) >= run_limit():
        st.button("Load more runs", on_click=_more, type="tertiary", icon=":material/expand_more:")
    _find()
    return chosen, problem


def _listed(tenant: Tenant, query: RunQuery, *, needed: bool) -> Sequence[FlowRun]:
    """The runs to choose from. That they cannot be had is only told where one is chosen that can be shown."""
    try:
        return cache.runs(tenant.id, query, run_limit())[0]
    except FlowdagError as error:
        if needed:
            raise
        st.caption(f":material/error: The other runs are missing. {plain(error.what)}")
        return ()


def _chosen_run(tenant: Tenant) -> tuple[FlowRun | None, FlowdagError | None]:
    run_id = state.chosen("run")
    if not run_id:
        return None, None
    try:
        return cache.flow_run(tenant.id, run_id), None
    except RunNotFound as error:
        return None, error


def _label(run: FlowRun, now: datetime) -> str:
    """Sign, name, when, how long, flow and state: enough to tell runs apart, and to search by."""
    shown = look(run.state_type, run.state_name)
    parts = (clean(run.name), ago(run.start or run.expected_start, now), duration(run.wall_s(now)))
    return f"{shown.sign} {' · '.join(parts)} · {clean(run.flow_name)} · {clean(run.state_name)}"


def distinct(labels: dict[str, str]) -> dict[str, str]:
    """Labels by id, told apart by the id where they repeat: a selectbox travels as its label's text."""
    often = Counter(labels.values())
    return {key: label if often[label] == 1 else f"{label} · {key[:13]}" for key, label in labels.items()}


def run_limit() -> int:
    """How many runs are listed at most; more on demand."""
    return int(st.session_state.get("run-limit", PAGE))


def _more() -> None:
    st.session_state["run-limit"] = run_limit() + PAGE


def _find() -> None:
    """A box that takes a run's id or Prefect address."""
    st.text_input(
        "Find a run",
        key="find",
        placeholder="Paste a run id or a Prefect address",
        on_change=_found,
        label_visibility="collapsed",
        icon=":material/search:",
    )
    if st.session_state.get("find-failed"):
        st.caption(":material/error: There is no run id in this text: paste the id or the address of a flow run.")


def _found() -> None:
    """The last id in the text: a Prefect Cloud address begins with those of account and workspace."""
    ids = UUID.findall(st.session_state["find"])
    st.session_state["find-failed"] = bool(st.session_state["find"].strip()) and not ids
    if ids:
        state.choose(run=ids[-1].lower())
        st.session_state["find"] = ""
