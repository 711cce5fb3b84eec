"""The tables of a run and of many runs: what each column means in words, selection, and a CSV to take away."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

import pandas as pd
import streamlit as st

from flowdag.export import csv

Number = st.column_config.NumberColumn
Text = st.column_config.TextColumn
SECONDS = "%.3f"  # milliseconds: many tasks take no more


def _seconds(label: str, meaning: str) -> Any:
    return Number(f"{label} (s)", help=f"{meaning} In seconds.", format=SECONDS)


TASK_RUN_COLUMNS = {
    "task": Text("Task", help="The task run's name, or flow / run name of a subflow.", pinned=True, width=150),
    "state": Text("State", help="How it ended, or what it is doing. “Never started”: something before it failed."),
    "run_s": _seconds("Run", "Time it really worked, over all its tries."),
    "blocked_s": _seconds("Blocked", "From its creation until the last task that it needed had ended."),
    "queue_s": _seconds("Wait", "After that, until it started: waiting for a free worker or a slot."),
    "retry_s": _seconds("Retry", "Pauses between failed tries, and other pauses, after its first start."),
    "wall_s": _seconds("Wall", "From its first start to its end, pauses included."),
    "tries": Number("Tries", help="How often it was tried. More than 1: it failed at first and was tried again."),
    "start_s": _seconds("Start", "When it started, counted from the start of the run."),
    "path_s": _seconds("On path", "Time for which the whole run waited for it: its part of the critical path."),
    "path_share": Number("Of run", help="The same as a part of the run, or of its attempt.", format="percent"),
    "slack_s": _seconds("Slack", "How much longer it could have taken without making the run longer."),
    "save_half_s": _seconds("Saves", "How much shorter the run would be, had it worked half as long."),
    "save_all_s": _seconds("Saves all", "How much shorter the run would be, had it taken no time at all."),
    "inside": Text("Inside", help="The subflow, or the task, that it ran inside."),
    "id": Text("Id", help="Prefect's id of the task run (of the flow run, for a subflow)."),
}
TASK_NAME_COLUMNS = {
    "task": Text("Task name", help="All task runs that share this name.", pinned=True, width=150),
    "count": Number("Count", help="How many task runs have this name."),
    "failures": Number("Failures", help="How many of them failed or crashed."),
    "median_s": _seconds("Median", "Half of them ran shorter, half longer."),
    "p95_s": _seconds("p95", "95 of 100 ran at most this long."),
    "max_s": _seconds("Max", "The longest one."),
    "total_s": _seconds("Total", "The run times of all of them, added up; they may have run side by side."),
    "share": Number(
        "Share", help="Their part of all working time in this run, without that of what they called.",
        format="percent",
    ),
    "path_s": _seconds("On path", "Time for which the whole run waited for them: their part of the critical path."),
    "path_share": Number("Of run", help="The same as a part of the run, or of its attempt.", format="percent"),
}  # fmt: skip


def selectable(
    frame: pd.DataFrame,
    columns: dict[str, Any],
    *,
    key: str,
    selected: int | None,
    on_select: Callable[[int | None], None],
    height: int | Literal["stretch", "auto"] = "auto",
) -> None:
    """A table whose row can be chosen; `on_select` gets its position, or None when the choice is taken back.

    `selected` is the position to show as chosen: the choice may have been made elsewhere.
    """

    def changed() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        on_select(rows[0] if rows else None)

    rows = [] if selected is None else [selected]
    st.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    st.dataframe(
        frame,
        key=key,
        column_config=columns,
        column_order=list(columns),
        hide_index=True,
        on_select=changed,
        selection_mode="single-row",
        height=height,
        lazy=False,
        placeholder="–",
    )


def plain(
    frame: pd.DataFrame,
    columns: dict[str, Any],
    *,
    key: str,
    height: int | Literal["stretch", "auto"] = "auto",
    lazy: bool = False,
) -> None:
    """A table to read and sort; `lazy` keeps it on the server, and sends what is in sight."""
    st.dataframe(
        frame,
        key=key,
        column_config=columns,
        column_order=list(columns),
        hide_index=True,
        height=height,
        lazy=lazy,
        placeholder="–",
    )


def csv_button(frame: pd.DataFrame, name: str, *, key: str) -> None:
    """A button that downloads the whole table with full precision."""
    st.download_button(
        "CSV",
        data=lambda: csv(frame),
        file_name=file_name(name),
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key=key,
        type="tertiary",
        help="Download this table with all digits; durations in seconds, times in UTC.",
    )


def file_name(name: str, kind: str = "csv") -> str:
    """A name for a file that any system takes."""
    safe = re.sub(r"[^\w.-]+", "-", name)[:80]
    return f"{safe}.{kind}"
