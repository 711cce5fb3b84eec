"""Opening and folding: groups are drawn as one box or by member, containers closed or with what ran inside them."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from flowdag.analysis.drawing import Drawing
from flowdag.analysis.grouping import ALL, LIMIT, Folding, Picture
from flowdag.analysis.layout import Layout, centre, moved
from flowdag.model import FlowRunGraph
from flowdag.ui import state

TOO_MANY = f"At most {LIMIT} boxes are drawn at once. The table lists them all; a filter that hides makes room."


def boxes_of(picture: Picture, selected: str | None) -> frozenset[str]:
    """The boxes that show a task, or a group: itself, or its members where it is opened."""
    nodes = picture.members.get(selected or "", (selected or "",))
    return frozenset(picture.box_of[node] for node in nodes if node in picture.box_of)


def held_in_place(key: str, drawing: Drawing) -> Layout:
    """The layout, moved so that what was opened or folded last stays where it was."""
    at = f"{key}-moved"
    if held := st.session_state.pop(f"{key}-held", None):
        anchor, (x, y) = held
        if boxes := boxes_of(drawing.picture, anchor):
            new = centre(drawing.layout, boxes)
            st.session_state[at] = (x - new[0], y - new[1])
    return moved(drawing.layout, st.session_state[at]) if at in st.session_state else drawing.layout


def fold_buttons(key: str, graph: FlowRunGraph, picture: Picture, layout: Layout | None, selected: str | None) -> None:
    """Draw the members of the selected group, or what ran inside the selected container; or fold them together.

    `layout` is where the boxes lie, if they do.
    """
    _group_button(key, picture, layout, selected)
    if selected in picture.box_of:
        _container_button(key, graph, picture, layout, str(selected))


def _group_button(key: str, picture: Picture, layout: Layout | None, selected: str | None) -> None:
    group = selected if selected in picture.members else next(
        (key for key, members in picture.members.items() if selected in members), None
    )  # fmt: skip
    if group is None:
        return
    members = [node for node in picture.members[group] if node in picture.box_of]  # a filter may hide others
    is_open = _is_open(picture, group)
    _button(
        f"Fold {len(members):,} together" if is_open else f"Draw all {len(members):,}",
        is_open=is_open,
        too_many=not is_open and len(picture.boxes) + len(members) > LIMIT,
        on_click=lambda: _fold(key, picture, layout, group, _without(picture, group) if is_open else _with(group)),
        shortcut="O",
    )


def _container_button(key: str, graph: FlowRunGraph, picture: Picture, layout: Layout | None, node: str) -> None:
    inside = int((graph.nodes["container"] == node).sum())
    if not inside or picture.box_of[node] != node:  # or it is folded into a group itself
        return
    is_open = bool((picture.boxes["container"] == node).any())
    others = tuple(each for each in state.folding().shut if each != node)
    opened = _without(picture, node).opened if is_open else _with(node).opened
    _button(
        "Close it" if is_open else f"Show what ran inside ({inside:,})",
        is_open=is_open,
        too_many=not is_open and len(picture.boxes) >= LIMIT,
        on_click=lambda: _fold(key, picture, layout, node, Folding(opened, (*others, node) if is_open else others)),
    )


def all_button(key: str, picture: Picture, graph: FlowRunGraph) -> None:
    """Everything unfolded, where that fits; or everything folded again."""
    if state.folding() != Folding():
        st.button(
            "Fold all", icon=":material/unfold_less:", type="tertiary", key=f"{key}-fold-all",
            on_click=lambda: _fold_all(Folding()), shortcut="U",
            help="One box for tasks that play the same part: U on the keyboard.",
        )  # fmt: skip
    elif len(picture.boxes) < len(graph.nodes) <= LIMIT:
        st.button(
            "Unfold all", icon=":material/unfold_more:", type="tertiary", key=f"{key}-unfold-all",
            on_click=lambda: _fold_all(Folding(opened=(ALL,))), shortcut="U",
            help="A box for every task: U on the keyboard.",
        )  # fmt: skip


def _is_open(picture: Picture, group: str) -> bool:
    return any(picture.box_of.get(node) == node for node in picture.members[group])


def _with(opened: str) -> Folding:
    now = state.folding()
    return Folding((*(each for each in now.opened if each != opened), opened), now.shut)


def _without(picture: Picture, folded: str) -> Folding:
    """What is open now but for this; `ALL` becomes the list of it."""
    now = state.folding()
    opened = tuple(picture.members) if ALL in now.opened else now.opened
    return Folding(tuple(each for each in opened if each != folded), now.shut)


def _fold(key: str, picture: Picture, layout: Layout | None, anchor: str, folding: Folding) -> None:
    """Take over what is opened and folded now; the anchor is to stay where it is drawn."""
    if layout:
        st.session_state[f"{key}-held"] = (anchor, centre(layout, boxes_of(picture, anchor)))
    state.fold(folding)
    state.choose(task=anchor)


def _fold_all(folding: Folding) -> None:
    """Another picture altogether: it is shown whole."""
    state.fold(folding)
    _fit()


def fit_button() -> None:
    """Show the whole graph again."""
    st.button(
        "Fit", icon=":material/fit_screen:", on_click=_fit, type="tertiary", shortcut="F",
        help="Show the whole graph again: F on the keyboard.",
    )  # fmt: skip


def _fit() -> None:
    """The widget has no such command, but shows all when it is put up anew."""
    st.session_state["fitted"] = st.session_state.get("fitted", 0) + 1


def _button(
    label: str, *, is_open: bool, too_many: bool, on_click: Callable[[], None], shortcut: str | None = None
) -> None:
    icon = ":material/unfold_less:" if is_open else ":material/unfold_more:"
    meaning = TOO_MANY if too_many else None
    st.button(label, icon=icon, on_click=on_click, disabled=too_many, help=meaning, shortcut=shortcut)
