"""What is sent to the graph: never a `title`, which the widget would run as HTML, and the same bytes for the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.opened import drawn, opened
from tests.samples import Samples


def keys(value: Any) -> Iterator[str]:
    """Every key of every object in decoded JSON; what is JSON within a string too."""
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            return
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from keys(part)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["nightly", "failing", "wide", "hostile"])
def test_no_title_and_stable_bytes(name: str, theme: str, samples: Samples) -> None:
    app = opened(tenant="demo", run=samples.runs[name], theme=theme)
    (sent,) = drawn(app)
    found = set(keys(json.loads(sent)))
    assert {"nodes", "edges", "label", "x", "y"} <= found
    assert "title" not in found
    assert drawn(app.run()) == [sent]
    assert drawn(opened(tenant="demo", run=samples.runs[name], theme=theme)) == [sent]


def test_dark_is_drawn_otherwise_than_light(samples: Samples) -> None:
    light, dark = (opened(tenant="demo", run=samples.runs["nightly"], theme=theme) for theme in ("light", "dark"))
    assert drawn(light) != drawn(dark)
