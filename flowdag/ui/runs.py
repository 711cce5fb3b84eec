"""The list of a tenant's runs, and the few numbers that come first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from flowdag import cache
from flowdag.looks.states import sign
from flowdag.looks.words import duration
from flowdag.model import FAILURES, FlowRun
from flowdag.prefect_api.flow_runs import RunQuery
from flowdag.tenants import Tenant
from flowdag.ui import state, tables
from flowdag.ui.text import zone

TABLE_HEIGHT = 540
SAMPLE = 1000  # runs whose durations make median and p95
DONE, FAILED, ACTIVE, WAITING = "done", "failed", "active", "waiting"
GROUPS = {
    "COMPLETED": DONE, "FAILED": FAILED, "CRASHED": FAILED, "CANCELLED": FAILED, "CANCELLING": ACTIVE,
    "RUNNING": ACTIVE, "PAUSED": ACTIVE, "PENDING": WAITING, "SCHEDULED": WAITING,
}  # fmt: skip


@dataclass(frozen=True)
class Figures:
    """One period in numbers. `failed` is a part (0 to 1) of the runs that ended; durations are seconds."""

    runs: int | None
    failed: float | None
    median_s: float | None
    p95_s: float | None
    running: int | None
    sampled: bool


def key_figures(tenant: Tenant, query: RunQuery) -> None:
    """Runs, failure rate, median, p95, still running: each against the equal period before."""
    now = _figures(tenant, query, query.until or datetime.now(UTC))
    before = _figures_before(tenant, query)
    columns = st.columns(5)
    _figure(columns[0], "Runs", now.runs, before.runs, _count, "Runs that were due to start in the period.")
    _figure(
        columns[1], "Failure rate", now.failed, before.failed, _percent,
        "Runs that failed or crashed, as a part of those that ended.", worse="inverse",
    )  # fmt: skip
    _figure(
        columns[2], "Median", now.median_s, before.median_s, duration,
        "Half of the runs that ended took less time, half took more.", worse="inverse",
    )  # fmt: skip
    _figure(
        columns[3], "p95", now.p95_s, before.p95_s, duration,
        "95 of 100 runs that ended took at most this long.", worse="inverse",
    )  # fmt: skip
    _figure(
        columns[4], "Still running", now.running, before.running, _count,
        "Running now; compared with the runs that were running one period ago.",
    )  # fmt: skip
    if now.sampled:
        st.caption(f"Failure rate, median and p95 are of the latest {SAMPLE:,} runs of the period.")


def _figure(
    column: DeltaGenerator,
    label: str,
    now: float | None,
    before: float | None,
    words: Callable[[float | None], str],
    meaning: str,
    *,
    worse: Literal["inverse", "off"] = "off",
) -> None:
    """One number with its change; `worse` is `inverse` where more is worse, `off` where it is neither."""
    change = None if now is None or before is None else now - before
    sign = "" if not change else "+" if change > 0 else "-"  # Streamlit knows the ASCII minus only
    told = None if change is None else f"{sign}{words(abs(change))}".replace("%", "points")
    column.metric(
        label, words(now), told, border=True, height="stretch",
        delta_color=worse if change else "off", delta_arrow=("up" if change > 0 else "down") if change else "off",
        help=f"{meaning} Below: the change against the equal period before.",
    )  # fmt: skip


def _figures_before(tenant: Tenant, query: RunQuery) -> Figures:
    """The figures of the equal period before; without a period there are none."""
    if query.since is None or query.until is None:
        return Figures(None, None, None, None, None, sampled=False)
    earlier = replace(query, since=query.since - (query.until - query.since), until=query.since)
    return _figures(tenant, earlier, query.since)


def _figures(tenant: Tenant, query: RunQuery, at: datetime) -> Figures:
    runs, _ = cache.runs(tenant.id, query, SAMPLE)
    ended = [run for run in runs if run.is_over]
    walls = pd.Series([run.wall_s(at) for run in ended], dtype="float64").dropna()
    return Figures(
        runs=cache.run_count(tenant.id, query),
        failed=sum(run.state_type in FAILURES for run in ended) / len(ended) if ended else None,
        median_s=float(walls.median()) if len(walls) else None,
        p95_s=float(walls.quantile(0.95)) if len(walls) else None,
        running=cache.running_at(tenant.id, query, at),
        sampled=len(runs) == SAMPLE,
    )


def _count(number: float | None) -> str:
    return "–" if number is None else f"{number:,.0f}"


def _percent(part: float | None) -> str:
    return "–" if part is None else f"{part * 100:.1f} %"


COLUMNS: dict[str, Any] = {
    "state": tables.Text("State", help="How the run ended, or what it is doing."),
    "name": tables.Text("Run", help="The run's own name. Choose a row to open the run."),
    "flow": tables.Text("Flow", help="The flow that was run."),
    "started": st.column_config.DatetimeColumn(
        "Started", help="In your own time zone.", format="ddd D MMM YYYY, HH:mm:ss"
    ),
    "wall_s": None,
    DONE: tables.Number("✓ Done", help="Task runs that completed; a subflow counts as one."),
    FAILED: tables.Number(
        "✗ Failed", help="Task runs that failed, crashed or were cancelled; a subflow counts as one."
    ),
    ACTIVE: tables.Number("▶ Running", help="Task runs that are running or paused; a subflow counts as one."),
    WAITING: tables.Number("○ Waiting", help="Task runs that have not started, or never did; a subflow counts as one."),
    "deployment": tables.Text("Deployment", help="The deployment that the run came from."),
    "tags": st.column_config.ListColumn("Tags", help="Labels that were put on the run."),
    "id": tables.Text("Run id", help="Prefect's id of the run."),
}


def _duration_column(longest: float) -> Any:
    meaning = "From start to end, or to now while it runs. The bar compares with the longest run shown."
    return st.column_config.ProgressColumn("Duration", help=meaning, format="%.1f s", max_value=longest)


def runs_table(tenant: Tenant, listed: Sequence[FlowRun], run_page: str) -> None:
    """One row a run; choosing one opens it on the page `run_page` (its path from app.py)."""

    def opened(row: int | None) -> None:
        if row is not None:
            state.choose(run=str(frame.at[row, "id"]))
            st.switch_page(run_page)

    now = datetime.now(UTC)
    frame = _frame(listed, cache.task_counts(tenant.id, tuple(listed)), now)
    longest = float(frame["wall_s"].max()) if frame["wall_s"].notna().any() else 1.0
    columns = COLUMNS | {"wall_s": _duration_column(max(longest, 0.1))}
    shown = frame.assign(started=frame["started"].dt.tz_convert(zone()))
    tables.selectable(
        shown, columns, key="runs", selected=None, height=TABLE_HEIGHT if len(frame) > 14 else "auto",
        on_select=opened,
    )  # fmt: skip
    tables.csv_button(frame, f"{tenant.slug}-runs", key="runs-csv")


def say_how_many(tenant: Tenant, query: RunQuery, shown: int) -> None:
    """That the table does not hold all runs, where it does not."""
    in_all = cache.run_count(tenant.id, query)
    if in_all > shown:
        st.caption(f"The latest {shown:,} of {in_all:,} runs. “Load more runs” is in the sidebar.")


def _frame(runs: Sequence[FlowRun], counts: dict[str, dict[str, int]], now: datetime) -> pd.DataFrame:
    rows = [
        {
            "state": sign(run.state_type, run.state_name),
            "name": run.name,
            "flow": run.flow_name,
            "started": run.start,
            "wall_s": run.wall_s(now),
            **_grouped(counts.get(run.id)),
            "deployment": run.deployment_name,
            "tags": list(run.tags),
            "id": run.id,
        }
        for run in runs
    ]
    frame = pd.DataFrame(rows, columns=[*COLUMNS])
    return frame.assign(started=pd.to_datetime(frame["started"], utc=True), wall_s=frame["wall_s"].astype("float64"))


def _grouped(counts: dict[str, int] | None) -> dict[str, int]:
    """Task runs by column; nothing where the API does not tell."""
    if counts is None:
        return {}
    sums = dict.fromkeys((DONE, FAILED, ACTIVE, WAITING), 0)
    for state_type, count in counts.items():
        sums[GROUPS.get(state_type, WAITING)] += count
    return sums
