"""All log lines that match, as a file: read page by page while a person sees how far it is, then saved."""

from __future__ import annotations

from typing import Any

import streamlit as st

from flowdag import cache
from flowdag.jobs import GivenUp, Job
from flowdag.model import FlowRunGraph
from flowdag.ui.tables import file_name
from flowdag.ui.waiting import waited

FILE = "flowdag-log-file"
KINDS = {"txt": ("Text", "text/plain"), "csv": ("CSV", "text/csv")}


def download(tenant_id: str, graph: FlowRunGraph, asked: cache.Asked) -> None:
    """A box with a button for each kind of file, and the file once it is made."""
    key = (tenant_id, graph.run.id, graph.as_of if graph.run.is_over else None, asked)
    with st.popover("Download", icon=":material/download:", key="download-logs", on_change="rerun") as box:
        if not box.open:
            return
        what = "All lines that match" if asked.at_least or asked.text or asked.nodes else "All lines of the run"
        st.caption(f"{what}, in order of time; times in UTC.")
        with st.container(horizontal=True, gap="small"):
            for kind, (label, _) in KINDS.items():
                st.button(label, key=f"make-{kind}", on_click=_make, args=(tenant_id, graph, asked, kind, key))
        made: tuple[Any, str, Job[cache.LogFile]] | None = st.session_state.get(FILE)
        if made and made[0] == key:
            _file(graph, made[1], made[2])


def _make(tenant_id: str, graph: FlowRunGraph, asked: cache.Asked, kind: str, key: Any) -> None:
    st.session_state[FILE] = (key, kind, cache.log_file(tenant_id, graph, asked, kind))


def _file(graph: FlowRunGraph, kind: str, job: Job[cache.LogFile]) -> None:
    try:
        if not waited(job, "Stop", key="stop-file"):
            return
        file = job.result()
    except GivenUp:
        st.caption("Reading was given up, as nobody waited for it.")
        return
    if file.cut:
        st.caption(f"The file ends after {file.lines:,} lines: filter, to get the others.")
    st.download_button(
        f"Save {file.lines:,} line{'' if file.lines == 1 else 's'} ({len(file.data) / 1e6:,.1f} MB)",
        data=file.data,
        file_name=file_name(f"{graph.run.name}-logs", kind),
        mime=KINDS[kind][1],
        icon=":material/save:",
        on_click="ignore",
        type="primary",
        key="save-logs",
    )
