"""A small bar chart in a line of text: values in order of time, the last of them marked, and their median as a line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flowdag.ui.theme import is_dark

HEIGHT = 34  # pixels
MARKS = {False: ("#0068A8", "#56B4E9"), True: ("#C27A00", "#E6B422")}  # light and dark, after Okabe and Ito


def sparkline(values: Sequence[float], median: float, *, marked: bool) -> str:
    """Bars as HTML of numbers only; nothing that is not finite is drawn. `marked`: the last one is unusual."""
    known = [value for value in values if np.isfinite(value)]
    if len(known) < 2 or max(known) <= 0:
        return ""
    scale = HEIGHT / max(known)
    colour = MARKS[marked][is_dark()]
    bars = [_bar(value * scale, "currentColor", 0.32) for value in known[:-1]] + [_bar(known[-1] * scale, colour, 1)]
    line = (
        f'<i style="position:absolute;left:0;right:0;bottom:{median * scale:.1f}px;'
        'border-top:1px dashed currentColor;opacity:.55"></i>'
        if np.isfinite(median)
        else ""
    )
    return (
        f'<div style="display:inline-flex;align-items:flex-end;gap:1px;height:{HEIGHT}px;position:relative;'
        f'margin:.15rem 0 .3rem" role="img" aria-label="{len(known) - 1} before, this one last">'
        f"{''.join(bars)}{line}</div>"
    )


def _bar(height: float, colour: str, opacity: float) -> str:
    style = f"width:4px;height:{max(1.0, height):.1f}px;background:{colour};opacity:{opacity};border-radius:1px 1px 0 0"
    return f'<i style="{style}"></i>'
