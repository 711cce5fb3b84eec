"""What differs between the parameters of two runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pandas as pd

COLUMNS: Final = ("parameter", "change", "this", "other")
DEEP = 5  # levels that are looked into; what lies deeper is told as a whole
LONGEST = 200  # characters of a value
MISSING: Final = object()


def changed_parameters(this: Mapping[str, Any], other: Mapping[str, Any]) -> pd.DataFrame:
    """One row a difference, by name: columns `COLUMNS`, all text.

    parameter: its name, within nested ones as a path (`config.tables[2]`); change: `added`, `removed` or `changed`;
    this and other: the values as JSON, "" where there is none; of long ones what is around the first difference.
    """
    rows = list(_differences("", dict(this), dict(other), DEEP))
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype="object").sort_values("parameter", ignore_index=True)


def _differences(path: str, this: Any, other: Any, deep: int) -> Iterator[tuple[str, str, str, str]]:
    mine, theirs = _as_text(this), _as_text(other)
    if mine == theirs:
        return
    inner = _paired(this, other) if deep else None
    if inner is not None:
        for name, one, two in inner:
            yield from _differences(f"{path}{name}" if path else name.removeprefix("."), one, two, deep - 1)
        return
    change = "added" if other is MISSING else "removed" if this is MISSING else "changed"
    yield path, change, *_shortened(mine, theirs)


def _paired(this: Any, other: Any) -> Iterator[tuple[str, Any, Any]] | None:
    """What lies in both, side by side; None where they are not alike."""
    if isinstance(this, dict) and isinstance(other, dict):
        names = dict.fromkeys((*this, *other))
        return ((f".{name}", this.get(name, MISSING), other.get(name, MISSING)) for name in names)
    if isinstance(this, list) and isinstance(other, list) and len(this) == len(other):
        return ((f"[{at}]", *both) for at, both in enumerate(zip(this, other, strict=True)))
    return None


def _as_text(value: Any) -> str:
    if value is MISSING:
        return ""
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    except RecursionError:
        return "(nested too deeply)"


def _shortened(one: str, two: str) -> tuple[str, str]:
    """Both texts, cut around the first place where they differ if they are long."""
    at = next((at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    begin = max(0, at - LONGEST // 4) if max(len(one), len(two)) > LONGEST else 0
    return _cut(one, begin), _cut(two, begin)


def _cut(text: str, begin: int) -> str:
    if len(text) - begin > LONGEST:
        text = text[: begin + LONGEST - 1] + "…"
    return ("…" if begin and text else "") + text[begin:]
