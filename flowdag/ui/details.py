"""What is known of the selected task, of a group of tasks, or of the run: facts, inputs, tries, artifacts, logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from flowdag import cache
from flowdag.analysis.critical_path import CriticalPath
from flowdag.analysis.grouping import Picture
from flowdag.looks.states import look, words
from flowdag.looks.words import duration, facts, html
from flowdag.model import FlowRun, FlowRunGraph
from flowdag.prefect_api.artifacts import Artifact
from flowdag.ui.errors import in_place
from flowdag.ui.insights import group_path_facts, path_facts
from flowdag.ui.tables import SECONDS, Text, selectable
from flowdag.ui.text import clock
from flowdag.ui.theme import is_dark

INPUT_COLUMNS = {
    "task": Text("Task", help="What it needed. Choose a row to go there."),
    "how": Text("For", help="For its result, or only for its end; doubtful: it had not ended when this one started."),
}
TRY_ENDS = {"AwaitingRetry": "Failed, tried again", "Retrying": "Failed, tried again"}


def state_badge(state_type: str, state_name: str) -> str:
    """A state as an HTML badge, with its sign."""
    shown = look(state_type, state_name, dark=is_dark())
    style = f"background:{shown.fill};color:{shown.text};border-color:{shown.border}"
    style += ";border-style:dashed" if shown.dashed else ""
    return f'<span class="fd-state" style="{style}">{shown.sign} {html(words(state_name))}</span>'


def run_details(graph: FlowRunGraph) -> DeltaGenerator:
    """The run's own facts: when, who, from where, with which parameters. Returns the place for what is usual."""
    run = graph.run
    st.html('<p class="fd-title">The run</p>')
    place = st.container(gap=None)
    st.html(facts(_run_facts(run, graph)))
    if run.parameters:
        st.html('<p class="fd-sub">Parameters</p>')
        st.code(_pretty(run.parameters), language="json", wrap_lines=True)
    for note in graph.notes:
        st.html(f'<p class="fd-note">{html(note)}</p>')
    return place


def _run_facts(run: FlowRun, graph: FlowRunGraph) -> list[tuple[str, object]]:
    return [
        ("Flow", run.flow_name),
        ("Started", clock(run.start)),
        ("Ended", clock(run.end) if run.end else "not yet" if not run.is_over else None),
        ("Duration", duration(run.wall_s(graph.as_of))),
        ("Late by", duration(run.lateness_s)),
        ("Started by", run.started_by or "not recorded"),
        ("Deployment", run.deployment_name or "none"),
        ("Flow version", run.flow_version),
        ("Work pool", run.work_pool),
        ("Work queue", run.work_queue),
        ("Attempts", run.attempts if run.attempts > 1 else None),
        ("Tags", ", ".join(run.tags) or "none"),
        ("Message", run.state_message),
        ("Run id", run.id),
    ]


def group_details(
    graph: FlowRunGraph, picture: Picture, path: CriticalPath, group: str, leave: Callable[[], None]
) -> DeltaGenerator:
    """A group of task runs: how many, how long. Returns the place for what is usual."""
    members = graph.nodes.loc[list(picture.members[group])]
    states = members["state_name"].value_counts()
    _title(html(" + ".join(members["task_name"].unique())), leave)
    place = st.container(gap=None)
    st.html(
        facts(
            [
                ("Task runs", f"{len(members):,}"),
                *((words(str(name)), f"{count:,}") for name, count in states.items()),
                ("Median", duration(members["run_s"].median())),
                ("Longest", duration(members["run_s"].max())),
                ("In all", duration(members["run_s"].sum())),
                *group_path_facts(graph, path, members.index),
            ]
        )
    )
    return place


def task_details(
    tenant_id: str,
    graph: FlowRunGraph,
    path: CriticalPath,
    node: str,
    select: Callable[[str], None],
    leave: Callable[[], None],
) -> DeltaGenerator:
    """One task run or subflow. Facts come first, what must be asked of Prefect last.

    Returns the place for what is usual.
    """
    row: dict[Any, Any] = graph.nodes.loc[[node]].to_dict("records")[0]
    _title(f"{html(row['label'])} {state_badge(row['state_type'], row['state_name'])}", leave)
    place = st.container(gap=None)
    st.html(facts([*_task_facts(row, graph, node), *path_facts(graph, path, node)]))
    _inputs(graph, node, select)
    _tries(graph, node)
    is_subflow = row["kind"] == "flow-run"
    owner = node if is_subflow else row["flow_run_id"]
    task_run = None if is_subflow else node
    with in_place():
        _artifacts(cache.artifacts_of(tenant_id, owner, task_run))
    with in_place():
        _logs(tenant_id, owner, task_run)
    return place


def _title(inner: str, leave: Callable[[], None]) -> None:
    """What is shown, and the way back to the run."""
    title, back = st.columns([0.78, 0.22], gap=None)
    title.html(f'<p class="fd-title">{inner}</p>')
    back.button("Close", type="tertiary", on_click=leave, width="stretch", help="Back to the run's own facts")


def _task_facts(row: Mapping[str, Any], graph: FlowRunGraph, node: str) -> list[tuple[str, object]]:
    container = row["container"]
    return [
        ("Started", clock(row["start"]) if pd.notna(row["start"]) else "never" if graph.run.is_over else "not yet"),
        ("Ended", clock(row["end"]) if pd.notna(row["end"]) else None),
        ("Run", duration(row["run_s"])),
        ("Blocked", duration(row["blocked_s"])),
        ("Wait", duration(row["queue_s"])),
        ("Retry pauses", duration(row["retry_s"]) if row["retry_s"] >= 0.005 else None),
        ("Tries", row["tries"]),
        ("Inside", graph.nodes.at[container, "label"] if container in graph.nodes.index else None),
        ("Tags", ", ".join(row["tags"])),
        ("Subflow run id" if row["kind"] == "flow-run" else "Task run id", node),
    ]


def _inputs(graph: FlowRunGraph, node: str, select: Callable[[str], None]) -> None:
    """What it needed; choosing a row selects it."""
    inputs = graph.edges[graph.edges["target"] == node]
    if inputs.empty:
        return
    st.html(f'<p class="fd-sub">Needed ({len(inputs):,})</p>')
    sources = inputs["source"].tolist()
    how = inputs["kind"].map({"data": "its result", "wait_for": "its end"}).where(inputs["plausible"], "doubtful")
    frame = pd.DataFrame({"task": graph.nodes.loc[sources, "label"].to_numpy(), "how": how.to_numpy()})
    selectable(
        frame, INPUT_COLUMNS, key=f"inputs-{node}", selected=None, height="auto" if len(frame) < 6 else 200,
        on_select=lambda row: None if row is None else select(sources[row]),
    )  # fmt: skip


def _tries(graph: FlowRunGraph, node: str) -> None:
    tries = graph.tries[graph.tries["node"] == node]
    if len(tries) < 2:
        return
    st.html('<p class="fd-sub">Tries</p>')
    begin = tries["start"].min()
    ended = begin + pd.to_timedelta(graph.nodes["wall_s"], unit="s")[node]  # or now
    st.dataframe(
        pd.DataFrame(
            {
                "Try": tries["try"],
                "Ended": [TRY_ENDS.get(name, words(name)) for name in tries["state_name"]],
                "After (s)": (tries["start"] - begin).dt.total_seconds(),
                "Run (s)": (tries["end"].fillna(ended) - tries["start"]).dt.total_seconds(),
            }
        ),
        hide_index=True,
        column_config={name: st.column_config.NumberColumn(format=SECONDS) for name in ("After (s)", "Run (s)")},
    )


def _artifacts(found: tuple[Artifact, ...]) -> None:
    for artifact in found:
        name = f" “{html(artifact.key)}”" if artifact.key else ""
        st.html(f'<p class="fd-sub">Artifact: {html(artifact.kind)}{name}</p>')
        if artifact.description:
            st.text(artifact.description)
        _artifact_body(artifact)


def _artifact_body(artifact: Artifact) -> None:
    if artifact.kind == "progress" and isinstance(artifact.data, int | float):
        st.progress(min(1.0, max(0.0, artifact.data / 100)), text=f"{artifact.data:.0f} %")
        return
    if artifact.kind == "table":
        rows = _table(artifact.data)
        if rows is not None:
            st.dataframe(rows, hide_index=True)
            return
    st.code(artifact.data if isinstance(artifact.data, str) else _pretty(artifact.data), language=None, wrap_lines=True)


def _table(data: Any) -> pd.DataFrame | None:
    """A table artifact: JSON text of a list of rows, or of a mapping of columns; None if it is neither."""
    try:
        return pd.DataFrame(orjson.loads(data) if isinstance(data, str) else data)
    except (ValueError, TypeError):
        return None


def _logs(tenant_id: str, flow_run_id: str, task_run_id: str | None) -> None:
    lines = cache.log_lines(tenant_id, flow_run_id, task_run_id)
    st.html('<p class="fd-sub">Last log lines</p>')
    if not lines:
        st.caption("No log lines.")
        return
    text = "\n".join(f"{clock(line.at)[-8:]} {line.level:<7} {line.message}" for line in lines)
    st.code(text, language=None, wrap_lines=True)


def _pretty(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode()
