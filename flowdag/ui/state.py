"""What is chosen, as the address says it: tenant, run and task. The address is the truth; widgets follow it.

Filters are widgets bound to the address by Streamlit. These three are kept here: their widgets show labels, the
address needs ids. Moving to another page empties the address, so the choice is also remembered in the session.
"""

from __future__ import annotations

import streamlit as st

KEYS = ("tenant", "run", "task")
MEMORY = "flowdag-chosen"


def restore() -> None:
    """Begin a script run: take over what the address says, and write back what it lost on the way to this page."""
    memory = st.session_state.setdefault(MEMORY, {})
    for key in KEYS:
        if key in st.query_params:
            memory[key] = st.query_params[key]
        elif memory.get(key):
            st.query_params[key] = memory[key]


def chosen(key: str) -> str | None:
    """The chosen tenant's slug, run's id, or the id of the task or group; None if none is."""
    value = st.session_state.get(MEMORY, {}).get(key)
    return value if isinstance(value, str) else None


def choose(**values: str | None) -> None:
    """Choose, in address and memory: `choose(run=..., task=None)`."""
    for key, value in values.items():
        st.session_state.setdefault(MEMORY, {})[key] = value
        if value is None:
            st.query_params.pop(key, None)
        else:
            st.query_params[key] = value
