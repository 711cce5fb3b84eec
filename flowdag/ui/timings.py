"""The timings of a run beside its graph: by task run and by task name."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from flowdag import cache
from flowdag.analysis.drawing import Drawing
from flowdag.analysis.grouping import Picture
from flowdag.looks.states import sign
from flowdag.model import FlowRunGraph
from flowdag.ui import state, tables
from flowdag.ui.usual import Compared, with_history

BY_NAME = "By task name"
LIFTED = "flowdag-lifted"
SMALL = 1000  # rows: a table of more is not put in another order at every click, as it would be sent anew
LARGE = 20_000  # rows: a table of more stays on the server, and the browser gets what is in sight


def timings(
    tenant_id: str,
    graph: FlowRunGraph,
    drawing: Drawing,
    attempt: int | None,
    selected: str | None,
    before: Compared | None,
) -> None:
    """Both tables; what is not in sight is not sent. Choosing a row chooses the task, and leaves the order as it is."""
    by_run, by_name = cache.timings(tenant_id, graph.run.id, graph.as_of, attempt, graph)
    runs, names = st.tabs(["By task run", BY_NAME], key="table", bind="query-params")
    if names.open:
        with names:
            told, columns = with_history(by_name, before)
            tables.plain(told, columns, key="task-names", height="stretch")
            tables.csv_button(by_name, f"{graph.run.name}-task-names", key="task-names-csv")
        return
    with runs:
        found = by_run if drawing.lit is None else by_run[by_run["id"].isin(drawing.lit)].reset_index(drop=True)
        _task_runs(_with_signs(found, graph), drawing.picture, selected)
        tables.csv_button(by_run, f"{graph.run.name}-task-runs", key="task-runs-csv")


def by_name_is_open() -> bool:
    """Whether the table by task name is in sight."""
    return bool(st.session_state.get("table") == BY_NAME)


def lift(box: str) -> None:
    """What was chosen elsewhere than in the table: it then stands first there, where it is in sight."""
    st.session_state[LIFTED] = box


def _task_runs(rows: pd.DataFrame, picture: Picture, selected: str | None) -> None:
    if len(rows) > LARGE:
        tables.plain(rows, tables.TASK_RUN_COLUMNS, key="all-task-runs", height="stretch", lazy=True)
        st.caption(f"{len(rows):,} rows. To choose a task here, find or filter fewer than {LARGE:,}.")
        return
    lifted = st.session_state.setdefault(LIFTED, selected)
    shown = _lifted(rows, picture, lifted) if len(rows) <= SMALL else rows
    position = shown.index[shown["id"] == selected]
    tables.selectable(
        shown, tables.TASK_RUN_COLUMNS, key="task-runs", height="stretch",
        selected=int(position[0]) if len(position) else None,
        on_select=lambda row: state.choose(task=None if row is None else str(shown.at[row, "id"])),
    )  # fmt: skip


def _lifted(rows: pd.DataFrame, picture: Picture, box: str | None) -> pd.DataFrame:
    """The rows of a box first: of one task, or of all in a group."""
    first = rows["id"].isin(picture.members.get(box or "", (box,)))
    return pd.concat([rows[first], rows[~first]], ignore_index=True)


def _with_signs(rows: pd.DataFrame, graph: FlowRunGraph) -> pd.DataFrame:
    """States in words, with their signs."""
    types = graph.nodes["state_type"] if len(rows) == len(graph.nodes) else graph.nodes.loc[rows["id"], "state_type"]
    seen: dict[tuple[str, str], str] = {}
    pairs = zip(types.tolist(), rows["state"].tolist(), strict=True)
    return rows.assign(state=[seen.get(pair) or seen.setdefault(pair, sign(*pair)) for pair in pairs])
