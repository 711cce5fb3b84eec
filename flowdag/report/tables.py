"""The tables of a report: by task name, and by task run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from flowdag.analysis.critical_path import CriticalPath
from flowdag.analysis.timings import by_task_name, by_task_run
from flowdag.looks.states import sign
from flowdag.looks.words import duration, html, percent
from flowdag.model import FlowRunGraph

MOST = 1000  # rows

Columns = Mapping[str, tuple[str, Callable[[Any], str]]]  # title -> column, its words


def task_names(graph: FlowRunGraph, path: CriticalPath) -> Iterator[str]:
    """What each task took in all, the largest first."""
    columns: Columns = {
        "Task name": ("task", html), "Task runs": ("count", _count), "Failed": ("failures", _some),
        "Median": ("median_s", duration), "95th percentile": ("p95_s", duration), "Longest": ("max_s", duration),
        "In all": ("total_s", duration), "Share": ("share", _share), "On the path": ("path_share", _share),
    }  # fmt: skip
    yield from _table("By task name", by_task_name(graph, path), columns)


def task_runs(graph: FlowRunGraph, path: CriticalPath) -> Iterator[str]:
    """When each task run started, waited and ran, in order of start."""
    found = by_task_run(graph, path)
    states = zip(graph.nodes["state_type"], graph.nodes["state_name"], strict=True)
    found = found.assign(state=[sign(*state) for state in states])
    columns: Columns = {
        "Task run": ("task", html), "State": ("state", html), "Start after": ("start_s", duration),
        "Waited": ("queue_s", duration), "Ran": ("run_s", duration), "Tries": ("tries", _some),
        "On the path": ("path_share", _share), "Slack": ("slack_s", duration), "Inside": ("inside", html),
    }  # fmt: skip
    yield from _table("Task runs", found, columns)


def _table(title: str, rows: pd.DataFrame, columns: Columns) -> Iterator[str]:
    if rows.empty:
        return
    some = f" (the first {MOST:,} of {len(rows):,})" if len(rows) > MOST else ""
    yield f"<h2>{title}{some}</h2><div class=table><table><thead><tr>"
    for head, (_, told) in columns.items():
        yield f"<th{_side(told)}>{head}</th>"
    yield "</tr></thead><tbody>"
    shown = rows.head(MOST)
    for row in zip(*_cells(shown, columns.values()), strict=True):
        yield f"<tr>{''.join(row)}</tr>"
    yield "</tbody></table></div>"


def _cells(shown: pd.DataFrame, columns: Iterable[tuple[str, Callable[[Any], str]]]) -> Iterator[list[str]]:
    for name, told in columns:
        yield [f"<td{_side(told)}>{told(value)}</td>" for value in shown[name].tolist()]


def _side(told: Callable[[Any], str]) -> str:
    return "" if told is html else " class=n"


def _count(value: int) -> str:
    return f"{value:,}"


def _some(value: int) -> str:
    return f"{value:,}" if value else ""


def _share(value: float) -> str:
    return "" if value != value else percent(value)
