"""Is it usual? Where a run and its tasks stand among the runs before, in words and as a small chart, and what is left.

The runs before are read in the background: the page is drawn without them, and they are put in once they are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from flowdag import cache
from flowdag.analysis.time_left import TimeLeft, time_left
from flowdag.analysis.usual import AT_LEAST, LONGER, SHORTER, USUAL, History, Standing, Usual, earlier_work
from flowdag.errors import FlowdagError
from flowdag.jobs import Job
from flowdag.looks.usual import LATE, SIGNS, WAIT, WORK, range_left, standing, told_flag
from flowdag.looks.usual import time_left as left_in_words
from flowdag.looks.words import duration
from flowdag.model import FlowRun, FlowRunGraph
from flowdag.prefect_api.recent import AT_MOST, Recent
from flowdag.ui.errors import plain
from flowdag.ui.sparkline import sparkline
from flowdag.ui.tables import SECONDS, TASK_NAME_COLUMNS

RULE = (
    "Unusual is what lies outside median ± 3.5 × 1.4826 × MAD (the median distance from the median) of the last 50 "
    "completed runs, and is away from their median by more than 10 % and by more than 1 s. If more than half of them "
    "took exactly as long (MAD 0), it is what lies beyond the shortest or the longest. Fewer than 10 runs tell nothing."
)
NAME_COLUMNS = {
    "usual": st.column_config.TextColumn("Usual?", help=f"Their total beside that of the runs before. {RULE}"),
    "rank": st.column_config.NumberColumn(
        "Rank", help="How many of the runs before had a smaller total. 100 %: all had.", format="%.0f %%"
    ),
    "usual_s": st.column_config.NumberColumn(
        "Usually (s)", help="The median of their totals in the runs before. In seconds.", format=SECONDS
    ),
    "last": st.column_config.LineChartColumn(
        "Last runs", help="Their totals, the earliest first; last, this run.", y_min=0
    ),
}
AT_ONCE_S, STEP_S = 0.6, 0.5
WAITING, STOPPED = "flowdag-usual-waiting", "flowdag-usual-stopped"


@dataclass(frozen=True)
class Compared:
    """A run, or one attempt of it, and the runs before it."""

    before: History
    usual: Usual
    left: TimeLeft | None


def compared(tenant_id: str, graph: FlowRunGraph, attempt: int | None) -> Compared | None:
    """What is known by now; nothing is asked for, and nothing waited for."""
    try:
        before = cache.runs_before(tenant_id, graph.run, begin=False)
    except FlowdagError:
        return None
    return _compared(tenant_id, graph, attempt, before) if isinstance(before, History) else None


def _compared(tenant_id: str, graph: FlowRunGraph, attempt: int | None, before: History) -> Compared:
    found = cache.usual(tenant_id, attempt, graph, before)
    return Compared(before, found, time_left(graph, before))


# --- in the head -----------------------------------------------------------------------------------------------------


def short(run: FlowRun, found: Compared | None) -> str:
    """The flag and what is left of a running run, as HTML; nothing where nothing is known."""
    if found is None:
        return ""
    pieces = []
    if flag := told_flag(found.usual.run, goes_on=not run.is_over):
        weight = "" if flag == USUAL else ";font-weight:650;opacity:1"
        words = {LONGER: "longer than usual", SHORTER: "shorter than usual", USUAL: "usual"}[flag]
        pieces.append(f'<span style="white-space:nowrap{weight}">{SIGNS[flag]} {words}</span>')
    if found.left and not np.isnan(found.left.median_s):
        pieces.append(f'<span style="white-space:nowrap;opacity:1">about {range_left(found.left)}</span>')
    return "".join(pieces)


# --- in the table by task name ---------------------------------------------------------------------------------------


def with_history(by_name: pd.DataFrame, found: Compared | None) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The table with columns of what is usual, and what these mean; as it is where nothing is known."""
    if found is None:
        return by_name, TASK_NAME_COLUMNS
    names = found.usual.names.reindex(by_name["task"])
    flags = [_name_flag(*pair) for pair in zip(names["flag"], names["each"], strict=True)]
    told = by_name.assign(
        usual=pd.Series(flags, by_name.index, dtype="object"),
        rank=100 * names["percentile"].to_numpy(),
        usual_s=names["median"].to_numpy(),
        last=names["last"].to_numpy(),
    )
    columns = dict(TASK_NAME_COLUMNS)
    return told, {"task": columns.pop("task"), **NAME_COLUMNS, **columns}


def _name_flag(total: str | None, each: str | None) -> str | None:
    if total == USUAL and each in (LONGER, SHORTER):
        return f"{SIGNS[each]} {each} each"
    return f"{SIGNS[total]} {total}" if isinstance(total, str) else None


# --- in the details --------------------------------------------------------------------------------------------------


def usual_details(
    tenant_id: str, graph: FlowRunGraph, attempt: int | None, nodes: Sequence[str] | None, *, follows: bool
) -> None:
    """Whether the run, or a node or a group of its nodes, is usual; while the runs before are read, how far that is.

    `follows`: the page looks again by itself, and is not kept waiting.
    """
    try:
        before = _runs_before(tenant_id, graph.run, follows=follows)
    except FlowdagError as problem:
        st.caption(f":material/error: {plain(problem.what)}")
        return
    if before is None:
        return
    found = _compared(tenant_id, graph, attempt, before)
    if nodes is None:
        _of_run(graph.run, found)
    elif len(nodes) == 1:
        _of_node(graph, nodes[0], found)
    else:
        _of_names(graph, nodes, found)
    _against(graph.run, found)


def _runs_before(tenant_id: str, run: FlowRun, *, follows: bool) -> History | None:
    """The runs before, or words and a button in their place."""
    if st.session_state.get(STOPPED) == run.id:
        st.button("Compare with the runs before", key="usual-begin", on_click=lambda: st.session_state.pop(STOPPED))
        return None
    found = cache.runs_before(tenant_id, run)
    if isinstance(found, Job) and not follows and found.is_done(AT_ONCE_S):
        found = cache.runs_before(tenant_id, run)
    if isinstance(found, History):
        if st.session_state.pop(WAITING, False):
            st.rerun()  # what has waited would go on looking
        return found
    if follows:
        _progress(found, run)
    else:
        st.session_state[WAITING] = True
        st.fragment(_wait, run_every=STEP_S)(tenant_id, run)
    return None


def _wait(tenant_id: str, run: FlowRun) -> None:
    """How far the read is, again and again; then the whole page, which is made of it."""
    stopped = st.session_state.get(STOPPED) == run.id
    try:
        found = None if stopped else cache.runs_before(tenant_id, run)
    except FlowdagError:
        found = None
    if not isinstance(found, Job):
        st.session_state.pop(WAITING, None)
        st.rerun()
    _progress(found, run)


def _progress(job: Job[Recent] | None, run: FlowRun) -> None:
    reached = job.reached if job else None
    done = reached.done / reached.in_all if reached and reached.in_all else 0.0
    words = replace(reached, what="the runs before").words if reached else "Looking for the runs before"
    st.progress(done, text=f"{words}…")
    st.button("Stop", icon=":material/stop_circle:", key="usual-stop", type="tertiary", on_click=_stop, args=(job, run))


def _stop(job: Job[Recent] | None, run: FlowRun) -> None:
    if job:
        job.stop()
    st.session_state[STOPPED] = run.id
    st.session_state.pop(WAITING, None)


def _of_run(run: FlowRun, found: Compared) -> None:
    usual, before = found.usual, found.before
    if found.left:
        st.html(f'<p style="margin:0 0 .25rem;font-size:.88rem">{left_in_words(found.left)}</p>')
    runs = f"the last {usual.runs} runs" if usual.runs else ""
    sofar = "" if run.is_over else " so far"
    took = before.runs["wall_s"].tolist()[::-1]
    what = f"{duration(usual.run.value)}{sofar}"
    _say(standing(usual.run, WORK, what, runs, goes_on=not run.is_over), usual.run, [*took, usual.run.value])
    if usual.lateness.flag in (LONGER, SHORTER):
        what = f"{duration(usual.lateness.value)} late"
        _say(standing(usual.lateness, LATE, what, runs, than=("later", "earlier")), usual.lateness)


def _of_node(graph: FlowRunGraph, node: str, found: Compared) -> None:
    work, wait = (_standing(frame.loc[[node]].iloc[0]) for frame in (found.usual.work, found.usual.wait))
    by_place = bool(found.usual.by_place[node])
    runs = f"the last {found.usual.read} runs"
    among = f"those in the same place of {runs}" if by_place else f"{work.n:,} like it in {runs}"
    goes_on = str(graph.nodes.at[node, "state_type"]) == "RUNNING"
    if np.isnan(work.value):
        cached = graph.nodes.at[node, "state_name"] == "Cached"
        st.caption("Its result came from a cache: not compared." if cached else "It has not run: nothing to compare.")
    else:
        past = earlier_work(graph, node, found.before, by_place=by_place)
        what = f"{duration(work.value)}{' so far' if goes_on else ''}"
        _say(standing(work, WORK, what, among, goes_on=goes_on), work, [*past, work.value])
        if wait.flag in (LONGER, SHORTER):
            _say(standing(wait, WAIT, duration(wait.value), among), wait)


def _of_names(graph: FlowRunGraph, nodes: Sequence[str], found: Compared) -> None:
    """All task runs of each name, wherever they are: how long they took together."""
    for name in graph.nodes.loc[list(nodes), "task_name"].unique()[:3]:
        own = found.usual.names.loc[[name]].iloc[0]
        every = f"{duration(own['value'])} for all “{name}” together"
        total = _standing(own)
        _say(standing(total, WORK, every, f"the last {own['n']} runs that had some"), total, own["last"])


def _standing(row: pd.Series) -> Standing:
    return Standing(**{name: row[name] for name in Standing._fields})


def _say(words: str, found: Standing, past: Sequence[float] = ()) -> None:
    """The words, and the values before as bars; of what was not compared, why is told below."""
    if not found.n or np.isnan(found.value):
        return
    bars = sparkline(past, found.median, marked=found.flag in (LONGER, SHORTER)) if len(past) > 1 else ""
    st.html(f'<p style="margin:0 0 .25rem;font-size:.88rem">{words}</p>{bars}')


def _against(run: FlowRun, found: Compared) -> None:
    """With what it was compared; the rule as help."""
    usual = found.usual
    of = "deployment" if run.deployment_id else "flow"
    if usual.runs < AT_LEAST:
        runs = {0: "No run", 1: "Only 1 run"}.get(usual.runs, f"Only {usual.runs} runs")
        words = f"{runs} of this {of} completed before: {AT_LEAST} are needed to say what is usual."
    else:
        words = f"Compared with the {usual.runs} runs of this {of} that completed and started before it."
        if not usual.read:
            words += f" Their tasks are not: 10 runs have more than {AT_MOST:,} task runs."
        elif usual.read < usual.runs:
            words += f" Tasks with the last {usual.read}: more than {AT_MOST:,} task runs are not read."
    st.caption(words, help=RULE)
