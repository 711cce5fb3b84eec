"""Walking along the critical path: to the next task on it, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from flowdag.analysis.critical_path import CriticalPath
from flowdag.analysis.findings import along
from flowdag.looks.boxes import ON_PATH


def path_buttons(path: CriticalPath, selected: str | None, select: Callable[[str], None]) -> None:
    """To the task before and after the selected one on the path; from elsewhere, to its first and last."""
    tasks = along(path)
    if not tasks:
        return
    before, after = _neighbours(tasks, selected)
    _button("previous", f"{ON_PATH} Back", "B", before, select, "The task before it on the critical path")
    _button("next", f"{ON_PATH} Next", "N", after, select, "The next task on the critical path")


def _neighbours(tasks: Sequence[str], selected: str | None) -> tuple[str | None, str | None]:
    if selected not in tasks:
        return tasks[-1], tasks[0]
    at = tasks.index(selected)
    return tasks[at - 1] if at else None, tasks[at + 1] if at + 1 < len(tasks) else None


def _button(way: str, title: str, key: str, task: str | None, select: Callable[[str], None], meaning: str) -> None:
    st.button(
        title, icon=f":material/skip_{way}:", type="tertiary", key=f"path-{way}", shortcut=key, disabled=task is None,
        on_click=select, args=(task or "",), help=f"{meaning}: {key} on the keyboard.",
    )  # fmt: skip
