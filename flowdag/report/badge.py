"""A state, as a badge in a report."""

from __future__ import annotations

from flowdag.looks.states import look, words
from flowdag.looks.words import html
from flowdag.report.style import state_class


def badge(state_type: str, state_name: str) -> str:
    """A state with its sign, in its colours."""
    shown = look(state_type, state_name)
    return f'<span class="state {state_class(shown)}">{shown.sign} {html(words(state_name))}</span>'
