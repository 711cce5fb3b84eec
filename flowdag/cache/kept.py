"""What was made of the last looks at a run: of one that goes on another comes every few seconds, and the others go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import streamlit as st

from flowdag.cache.connection import DAY

T = TypeVar("T")
KEPT = 2  # looks: viewers are one behind the other


@dataclass
class _Kept:
    lock: threading.Lock = field(default_factory=threading.Lock)
    found: dict[datetime, Any] = field(default_factory=dict)


@st.cache_resource(ttl=DAY, max_entries=400, show_spinner=False)
def _kept(tenant_id: str, run_id: str, attempt: int | None, what: str, view: Hashable) -> _Kept:
    del tenant_id, run_id, attempt, what, view
    return _Kept()


def kept(
    tenant_id: str, run_id: str, as_of: datetime, attempt: int | None, make: Callable[[], T], what: str,
    view: Hashable = None,
) -> T:  # fmt: skip
    """`what` of the run's graph read at `as_of`, or of one attempt: made once for all viewers; nobody may change it."""
    held = _kept(tenant_id, run_id, attempt, what, view)
    with held.lock:
        if as_of not in held.found:
            made = make()
            while len(held.found) >= KEPT:
                held.found.pop(min(held.found))
            held.found[as_of] = made
        found: T = held.found[as_of]
        return found
