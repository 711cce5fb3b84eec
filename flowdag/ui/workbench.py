"""The graph beside its details and tables, in one fragment: choosing a task reruns this and nothing else."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from flowdag import cache
from flowdag.analysis.attempts import attempts, of_attempt
from flowdag.analysis.grouping import LIMIT, Picture
from flowdag.analysis.layout import Direction, Layout, centre, moved
from flowdag.model import FlowRunGraph
from flowdag.ui import details, state, tables
from flowdag.ui.dag import dag
from flowdag.ui.errors import in_words
from flowdag.ui.text import html
from flowdag.ui.theme import is_dark, look, sign

DETAILS_HEIGHT, TABLE_HEIGHT = 300, 268
LIFTED, LATEST = "flowdag-lifted", "Latest attempt"
DIRECTIONS: dict[str, Direction | None] = {"Best fit": None, "Left to right": "right", "Top to bottom": "down"}


def workbench(tenant_id: str, graph: FlowRunGraph) -> None:
    """Graph on the left; details of what is selected, and the tables, on the right."""
    left, right = st.columns([0.62, 0.38], gap="small")
    with left:
        direction, attempt = _controls(graph)
    shown = of_attempt(graph, attempt) if attempt else graph
    key = f"dag-{tenant_id}-{graph.run.id}-{attempt}-{direction}-{st.session_state.get('fitted', 0)}"
    _bench(tenant_id, shown, attempt, direction, key, left, right)


def _controls(graph: FlowRunGraph) -> tuple[Direction | None, int | None]:
    """Direction (None: whichever fits) and attempt (None: all); both live in the address."""
    tried = attempts(graph)
    attempt = None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        direction = st.segmented_control(
            "Direction", list(DIRECTIONS), default="Best fit", key="direction", bind="query-params",
            label_visibility="collapsed", required=True,
        )  # fmt: skip
        if len(tried) > 1:
            options = {LATEST: tried[-1], **{f"Attempt {number}": number for number in tried}, "All attempts": None}
            name = st.segmented_control(
                "Attempt", list(options), default=LATEST, key="attempt", bind="query-params",
                label_visibility="collapsed", required=True,
            )  # fmt: skip
            attempt = options.get(name or "", tried[-1])
        st.button(
            "Fit", icon=":material/fit_screen:", on_click=_fit, type="tertiary", help="Show the whole graph again."
        )
    return DIRECTIONS.get(direction or ""), attempt


def _fit() -> None:
    st.session_state["fitted"] = st.session_state.get("fitted", 0) + 1


@st.fragment
def _bench(
    tenant_id: str,
    graph: FlowRunGraph,
    attempt: int | None,
    direction: Direction | None,
    key: str,
    left: DeltaGenerator,
    right: DeltaGenerator,
) -> None:
    state.write()
    with in_words():
        picture, layout = cache.drawing(
            tenant_id, graph.run.id, graph.as_of, attempt, direction, state.opened(), graph
        )  # fmt: skip
        layout = _held_in_place(key, picture, layout)
        selected = _selected(graph, picture)
        with left:
            if picture.remark:
                st.html(f'<p class="fd-note" style="margin:0">{html(picture.remark)}</p>')
            with st.container(border=True, key="graph"):
                dag(picture, layout, _boxes(picture, selected), key=key, dark=is_dark(), on_click=_click)
            _legend(picture)
        with right:
            with st.container(border=True, height=DETAILS_HEIGHT, key="details", gap="xxsmall"):
                _fold_button(key, picture, layout, selected)
                _details(tenant_id, graph, picture, selected)
            _tables(tenant_id, graph, picture, attempt, selected)


def _held_in_place(key: str, picture: Picture, layout: Layout) -> Layout:
    """The layout, moved so that the group that was opened or folded last stays where it was."""
    at = f"{key}-moved"
    if held := st.session_state.pop(f"{key}-held", None):
        group, (x, y) = held
        new = centre(layout, _boxes(picture, group))
        st.session_state[at] = (x - new[0], y - new[1])
    return moved(layout, st.session_state[at]) if at in st.session_state else layout


def _fold_button(key: str, picture: Picture, layout: Layout, selected: str | None) -> None:
    """Draw the members of the selected group, or fold the group of the selected task together again."""
    opened = [group for group in state.opened() if group in picture.members]
    group = selected if selected in picture.members else next(
        (group for group in opened if selected in picture.members[group]), None
    )  # fmt: skip
    if group is None:
        return
    members = picture.members[group]
    is_open = group in opened
    too_many = not is_open and len(picture.boxes) + len(members) > LIMIT

    def toggle() -> None:
        st.session_state[f"{key}-held"] = (group, centre(layout, _boxes(picture, group)))
        state.toggle(group)
        state.choose(task=group)

    st.button(
        f"Fold {len(members):,} together" if is_open else f"Draw all {len(members):,}",
        icon=":material/unfold_less:" if is_open else ":material/unfold_more:", on_click=toggle, disabled=too_many,
        help=f"At most {LIMIT} boxes are drawn at once. The table lists them all." if too_many else None,
    )  # fmt: skip


def _boxes(picture: Picture, selected: str | None) -> frozenset[str]:
    """The boxes that show a task, or a group: itself, or its members where it is opened."""
    nodes = picture.members.get(selected or "", (selected or "",))
    return frozenset(picture.box_of[node] for node in nodes if node in picture.box_of)


def _selected(graph: FlowRunGraph, picture: Picture) -> str | None:
    """The chosen node or group, if this run has it."""
    chosen = state.chosen("task")
    return chosen if chosen in graph.nodes.index or chosen in picture.members else None


def _click(box: str) -> None:
    """Chosen in the graph or in the details: the table then shows it first, where it is in sight."""
    state.choose(task=box)
    st.session_state[LIFTED] = box


def _details(tenant_id: str, graph: FlowRunGraph, picture: Picture, selected: str | None) -> None:
    if selected is None:
        details.run_details(graph)
    elif selected in graph.nodes.index:
        details.task_details(tenant_id, graph, selected, _click, _leave)
    else:
        details.group_details(graph, picture, selected, _leave)


def _leave() -> None:
    state.choose(task=None)


def _tables(tenant_id: str, graph: FlowRunGraph, picture: Picture, attempt: int | None, selected: str | None) -> None:
    """By task run, and by task name. Choosing a row chooses the task; the order stays while rows are being chosen."""
    by_run, by_name = cache.timings(tenant_id, graph.run.id, graph.as_of, attempt, graph)
    runs, names = st.tabs(["By task run", "By task name"])
    with runs:
        shown = _lift(by_run, picture, st.session_state.setdefault(LIFTED, selected))
        shown["state"] = [sign(*pair) for pair in _states(graph, shown["id"])]
        position = shown.index[shown["id"] == selected]
        tables.selectable(
            shown, tables.TASK_RUN_COLUMNS, key="task-runs", height=TABLE_HEIGHT,
            selected=int(position[0]) if len(position) else None,
            on_select=lambda row: state.choose(task=None if row is None else str(shown.at[row, "id"])),
        )  # fmt: skip
        tables.csv_button(by_run, f"{graph.run.name}-task-runs", key="task-runs-csv")
    with names:
        tables.plain(by_name, tables.TASK_NAME_COLUMNS, key="task-names", height=TABLE_HEIGHT)
        tables.csv_button(by_name, f"{graph.run.name}-task-names", key="task-names-csv")


def _lift(frame: pd.DataFrame, picture: Picture, box: str | None) -> pd.DataFrame:
    """The rows of a box first: of one task, or of all in a group."""
    first = frame["id"].isin(picture.members.get(box or "", (box,)))
    return pd.concat([frame[first], frame[~first]], ignore_index=True)


def _states(graph: FlowRunGraph, ids: pd.Series) -> list[tuple[str, str]]:
    return list(graph.nodes.loc[ids, ["state_type", "state_name"]].itertuples(index=False, name=None))


def _legend(picture: Picture) -> None:
    """Only the states that are in the picture, and what lines and frames mean."""
    states = picture.boxes[["state_type", "state_name"]].drop_duplicates().itertuples(index=False, name=None)
    looks = {look(*pair).word: look(*pair, dark=is_dark()) for pair in states}
    items = [
        f'<span><i style="background:{shown.fill};border-color:{shown.border}'
        f'{";border-style:dashed" if shown.dashed else ""}"></i>{shown.sign} {word}</span>'
        for word, shown in looks.items()
    ]
    kinds = set(picture.links["kind"])
    items += ["<span>── passes data</span>"] if "data" in kinds else []
    items += ["<span>···· waits for</span>"] if "wait_for" in kinds else []
    items += ["<span>– – doubtful link</span>"] if not picture.links["plausible"].all() else []
    items += ["<span>frame: ran inside</span>"] if picture.boxes["container"].notna().any() else []
    st.html(f'<div class="fd-legend">{"".join(items)}</div>')
