"""Values as every format has them: ISO times in UTC, lists, nothing for what is missing, text that is valid UTF-8."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pandas as pd


def plain(value: Any) -> Any:
    """A value as JSON has it; half of a surrogate pair, which no file can hold, becomes a question mark."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    if value is None or value is pd.NaT or value != value:
        return None
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value.item() if hasattr(value, "item") else value
