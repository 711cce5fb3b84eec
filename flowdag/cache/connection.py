"""The tenants, and their clients in the one event loop of all requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import streamlit as st
from anyio.from_thread import BlockingPortal, start_blocking_portal

from flowdag.errors import UnknownTenant
from flowdag.prefect_api.client import Client, connect
from flowdag.prefect_api.profiles import configured_tenants
from flowdag.tenants import Tenant

T = TypeVar("T")

SOON, LATER, DAY = timedelta(seconds=5), timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True)
class _Connection:
    """A client and what closes it."""

    client: Client
    closing: AbstractContextManager[Client]


@st.cache_resource(show_spinner=False)
def _loop() -> tuple[BlockingPortal, AbstractContextManager[BlockingPortal]]:
    """The thread with the event loop of all requests, and what keeps it: clients are bound to it for good."""
    keeper = start_blocking_portal()
    return keeper.__enter__(), keeper


def portal() -> BlockingPortal:
    """Where requests are sent from any thread."""
    return _loop()[0]


@st.cache_resource(show_spinner=False, max_entries=64, on_release=lambda held: held.closing.__exit__(None, None, None))
def connection(tenant_id: str) -> _Connection:
    """The tenant's client."""
    closing = portal().wrap_async_context_manager(connect(tenant_of(tenant_id)))
    return _Connection(closing.__enter__(), closing)


def ask(tenant_id: str, question: Callable[[Client, Tenant], Awaitable[T]]) -> T:
    """Run a question on the tenant's client, in the portal's loop, and wait for the answer."""
    held = connection(tenant_id)
    return portal().call(question, held.client, tenant_of(tenant_id))


@st.cache_resource(show_spinner=False, ttl=SOON)
def tenants() -> tuple[Tenant, ...]:
    """All configured tenants; files are read again every few seconds. Raises TenantConfigError."""
    return configured_tenants()


def tenant_of(tenant_id: str) -> Tenant:
    """The tenant with this id. Raises UnknownTenant."""
    for tenant in tenants():
        if tenant.id == tenant_id:
            return tenant
    raise UnknownTenant("This tenant's configuration has changed.", "Reload the page.")
