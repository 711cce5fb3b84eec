"""What all charts share: they are as wide as what they are put into, with nothing around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import altair as alt

Layer = Any  # Altair's methods do not tell what they return
FONT: Final = "Source Sans, sans-serif"


def in_plain(layers: Sequence[Layer], height: float) -> Layer:
    """The layers as one chart, without a frame, axes or a background."""
    return alt.layer(
        *layers,
        height=height,
        width="container",
        padding={"left": 0, "right": 0, "top": 0, "bottom": 0},
        config=alt.Config(
            font=FONT,
            background="transparent",
            view=alt.ViewConfig(stroke=None),
            axis=alt.AxisConfig(disable=True),
        ),
    )
