"""Which Prefect servers flowdag reads: `make compat` tries them, and the README states what it found."""

from __future__ import annotations

import re

from flowdag.errors import ApiRefused

OLDEST = (2, 20)


def too_old(version: str, where: str) -> ApiRefused | None:
    """The words for a server older than flowdag reads; None where it is not, or the version tells nothing (`cloud`)."""
    told = re.match(r"(\d+)\.(\d+)", version)
    if told is None or tuple(map(int, told.groups())) >= OLDEST:
        return None
    return ApiRefused(
        f"The Prefect server at {where} is version {version}: flowdag reads {OLDEST[0]}.{OLDEST[1]} and newer.",
        "Ask whoever runs it for a newer one.",
    )
