"""Which Prefect servers flowdag reads: `make compat` tries them, and the README states what it found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flowdag.errors import ApiRefused

OLDEST = (2, 20)
TAGS_ANY = (3, 1, 5)  # the first that can be asked for runs with any of several tags


def too_old(version: str, where: str, asked: Mapping[str, Any] | None = None) -> ApiRefused | None:
    """The words for a server that is too old, for flowdag or for what it was `asked` (a request's body).

    None where neither is so, or the version tells nothing (`cloud`).
    """
    told = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    number = tuple(int(part or 0) for part in told.groups()) if told else OLDEST
    server = f"The Prefect server at {where} is version {version}"
    newer = "ask whoever runs it for a newer one."
    if told and number < OLDEST:
        return ApiRefused(f"{server}: flowdag reads {OLDEST[0]}.{OLDEST[1]} and newer.", newer.capitalize())
    if told and number < TAGS_ANY and "any_" in ((asked or {}).get("flow_runs") or {}).get("tags", {}):
        return ApiRefused(f"{server}: a scope of several tags needs 3.1.5 or newer.", f"Use one tag, or {newer}")
    return None
