"""Words and figures for screen and paper: names cut to size, durations and shares; and text of others, escaped.

Prefect's names, tags, parameters and messages are hostile until escaped. The only place that makes HTML of such text;
everything else goes through plain-text widgets and table cells.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, tzinfo
from html import escape

NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: object) -> str:
    """Text on one line, without control characters and without those that turn the direction of what follows."""
    kept = (" " if char.isspace() else char for char in str(text))
    return "".join(char for char in kept if unicodedata.category(char) not in ("Cc", "Cf", "Cs") or char == "\u200d")


def legal(text: str) -> str:
    """Text without the characters that XML cannot hold."""
    return NO_XML.sub("", text)


def shorten(text: str, length: int) -> str:
    """Text of at most `length` characters; the middle is left out, because names differ at their ends."""
    if len(text) <= length:
        return text
    head = (length - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (length - 1 - head) :]}"


NARROWEST = 0.3


def fitting(text: str, pixels: float, size: float = 14) -> str:
    """Text shortened so that it takes at most so many pixels in a sans-serif font of this size, by estimate."""
    length = min(len(text), int(pixels / size / NARROWEST))
    while length > 1 and text_width(shorten(text, length), size) > pixels:
        length -= 1
    return shorten(text, length)


def text_width(text: str, size: float) -> float:
    """About how wide text is in a font of this size: Latin letters by kind, what is wide by definition as the size."""
    return size * sum(
        1.0 if unicodedata.east_asian_width(char) in "WF"
        else 0.86 if char in "mwMW@%"
        else 0.71 if char.isupper()
        else NARROWEST if char in "ijltfr.,:;'|!I-()[] "
        else 0.56
        for char in text
    )  # fmt: skip


def html(text: object) -> str:
    """Text as HTML that shows exactly this text, in its own direction."""
    return f"<bdi>{escape(clean(text))}</bdi>"


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """A two-column list of facts as HTML; pairs without a value are left out."""
    rows = (f"<i>{escape(name)}</i><span>{html(value)}</span>" for name, value in pairs if value not in (None, ""))
    return f'<div class="fd-facts">{"".join(rows)}</div>'


def duration(seconds: float | None) -> str:
    """Seconds in words with sensible digits: 5 ms, 0.31 s, 12.4 s, 3 min 05 s, 2 h 14 min; "–" for none."""
    if seconds is None or seconds != seconds:
        return "–"
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60:02d} min"


def percent(part: float) -> str:
    """A part (0 to 1) in percent: 62 %, 3.4 %; what is less than 0.1 %, or not quite the whole, says so."""
    share = 100 * part
    if 0 < share < 0.1:
        return "< 0.1 %"
    if 99.5 <= share < 100 - 1e-9:
        return "> 99 %"
    return f"{share:.0f} %" if share >= 9.95 or share == 0 else f"{share:.1f} %"


def moment(seconds: float) -> str:
    """A moment of the run, counted from its start: 0 s, 2.5 s, 1:30 min, 2:05 h."""
    if abs(seconds) < 60:
        return f"{seconds:g} s"
    sign, whole = "-" if seconds < 0 else "", abs(round(seconds))
    if whole < 3600:
        return f"{sign}{whole // 60}:{whole % 60:02d} min"
    return f"{sign}{whole // 3600}:{whole % 3600 // 60:02d} h"


def clock(at: datetime | None, zone: tzinfo) -> str:
    """A moment in a time zone: "Sun 22 Nov 2026, 17:02:03"; "–" for none."""
    return "–" if at is None or at != at else at.astimezone(zone).strftime("%a %d %b %Y, %H:%M:%S")
