"""What is chosen, as the address says it: tenant, run, task and the like. The address is the truth; widgets follow it.

Filters are widgets bound to the address by Streamlit. These are kept here: their widgets show labels or pictures, the
address needs ids and numbers. Every change of the address is an entry in the browser's history, so a choice is first
only remembered, and written once it is complete: Back then never meets one tenant with another's run.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from flowdag.analysis.grouping import Folding

OPENED, SHUT = "open", "shut"
KEYS, LISTS = ("tenant", "run", "task", "range", "with"), (OPENED, SHUT)
OF_A_RUN = ("task", "range", "with", *LISTS)
MEMORY, UNWRITTEN = "flowdag-chosen", "flowdag-unwritten"


def restore() -> None:
    """Begin a script run: take over what the address says; moving to another page leaves it empty, and changes nothing.

    What a callback has just chosen is newer than the address.
    """
    said = {key: st.query_params[key] for key in KEYS if key in st.query_params}
    if said and not st.session_state.get(UNWRITTEN):
        st.session_state[MEMORY] = said | {key: tuple(st.query_params.get_all(key)) for key in LISTS}


def chosen(key: str) -> str | None:
    """The chosen tenant's slug, run's id, id of the task or group, range of time, or run to compare with; else None."""
    value = st.session_state.get(MEMORY, {}).get(key)
    return value if isinstance(value, str) else None


def folding() -> Folding:
    """What is opened and folded in the picture."""
    memory = st.session_state.get(MEMORY, {})
    return Folding(*(tuple(memory.get(key) or ()) for key in LISTS))


def choose(**values: str | None) -> None:
    """Choose: `choose(run=...)`. Of another run nothing is chosen yet. `write` puts it into the address."""
    _remember(dict.fromkeys(OF_A_RUN) | values if "run" in values else dict(values))


def fold(folding: Folding) -> None:
    """Open and fold: this, and nothing else."""
    _remember({OPENED: folding.opened, SHUT: folding.shut})


def _remember(values: dict[str, Any]) -> None:
    st.session_state[MEMORY] = st.session_state.get(MEMORY, {}) | values
    st.session_state[UNWRITTEN] = True


def write() -> None:
    """Make the address say what is chosen, with as few entries in the history as possible."""
    st.session_state[UNWRITTEN] = False
    folded = folding()
    wanted: dict[str, Any] = {key: chosen(key) for key in KEYS}
    wanted |= {OPENED: list(folded.opened), SHUT: list(folded.shut)}
    for key, value in wanted.items():
        if not value:
            st.query_params.pop(key, None)
    changed = {
        key: value
        for key, value in wanted.items()
        if value and value != (st.query_params.get_all(key) if key in LISTS else st.query_params.get(key))
    }
    if changed:
        st.query_params.update(changed)
