"""Prefect's text on the page, as text: names, tags, parameters and messages are hostile until escaped.

The only place that makes HTML of such text; everything else goes through plain-text widgets and table cells.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

STYLE = """<style>
[data-testid="stMainBlockContainer"]{padding:3.9rem 1.6rem 1.5rem}
[data-testid="stSidebarUserContent"]{padding-top:.5rem}
.st-key-graph{padding:.3rem}
.st-key-graph iframe{height:max(26rem,calc(100vh - 22.6rem))!important}
[data-testid="stLayoutWrapper"]:has(>.st-key-details){flex-basis:max(18.75rem,calc(100vh - 40.3rem))!important}
[data-testid="stSelectboxVirtualDropdown"]{width:max-content!important;min-width:15rem;max-width:min(38rem,90vw)!important}
.fd-head{display:flex;flex-wrap:wrap;align-items:baseline;gap:.15rem .7rem;margin:0}
.fd-head b{font-size:1.45rem;font-weight:650;line-height:1.25;overflow-wrap:anywhere}
.fd-head span,.fd-note{opacity:.72;font-size:.9rem}
.fd-state{display:inline-block;border:1.5px solid;border-radius:.5rem;padding:.02rem .5rem;
 font-size:.85rem;font-weight:600}
.fd-facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.12rem .9rem;margin:0;font-size:.88rem}
.fd-facts i{opacity:.66;font-style:normal}.fd-facts span{overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.fd-title{font-weight:650;font-size:1.02rem;overflow-wrap:anywhere;margin:0 0 .3rem}
.fd-sub{font-weight:600;font-size:.86rem;margin:.55rem 0 .1rem}
.fd-tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:.5rem;margin:0}
.fd-tiles div{display:grid;grid-template-columns:max-content minmax(0,1fr);column-gap:.6rem;align-items:center;
 border:1px solid rgba(128,134,150,.35);border-radius:.5rem;padding:.3rem .7rem}
.fd-tiles strong{grid-row:span 2;font-size:1.35rem;font-weight:650;font-variant-numeric:tabular-nums}
.fd-tiles span,.fd-tiles small{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;line-height:1.3}
.fd-tiles span{font-size:.9rem}.fd-tiles small{font-size:.78rem;opacity:.7}
.fd-legend{display:flex;flex-wrap:wrap;gap:.2rem .9rem;font-size:.8rem;opacity:.92}
.fd-legend i{display:inline-block;width:1.15rem;height:.8rem;border:1.5px solid;border-radius:.2rem;
 vertical-align:-.08rem;margin-right:.3rem}
</style>"""


def clean(text: object) -> str:
    """Text on one line, without control characters and without those that turn the direction of what follows."""
    kept = (" " if char.isspace() else char for char in str(text))
    return "".join(char for char in kept if unicodedata.category(char) not in ("Cc", "Cf", "Cs") or char == "\u200d")


def shorten(text: str, length: int) -> str:
    """Text of at most `length` characters; the middle is left out, because names differ at their ends."""
    if len(text) <= length:
        return text
    head = (length - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (length - 1 - head) :]}"


NARROWEST = 0.3


def fitting(text: str, pixels: float, size: float = 14) -> str:
    """Text shortened so that it takes at most so many pixels in a sans-serif font of this size, by estimate."""
    wide = pixels / size
    length = min(len(text), int(wide / NARROWEST))
    while length > 1 and _width(shorten(text, length)) > wide:
        length -= 1
    return shorten(text, length)


def _width(text: str) -> float:
    """About how wide text is, in parts of the font's size: Latin letters by kind, what is wide by definition 1."""
    return sum(
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
    """A part (0 to 1) in percent: 62 %, 3.4 %; what is less than 0.1 % says so."""
    share = 100 * part
    if 0 < share < 0.1:
        return "< 0.1 %"
    return f"{share:.0f} %" if share >= 9.95 or share == 0 else f"{share:.1f} %"


def zone() -> ZoneInfo:
    """The viewer's time zone, as the browser tells it; UTC where it does not."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def clock(at: datetime | None) -> str:
    """A moment in the viewer's time zone: "Sun 22 Nov 2026, 17:02:03"; "–" for none."""
    return "–" if at is None or at != at else at.astimezone(zone()).strftime("%a %d %b %Y, %H:%M:%S")


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago a moment was, in one unit; its date beyond a week."""
    if at is None:
        return "not started"
    seconds = (now - at).total_seconds()
    for unit, size, limit in (("s", 1, 60), ("min", 60, 3600), ("h", 3600, 86400), ("d", 86400, 7 * 86400)):
        if seconds < limit:
            return f"{max(0, int(seconds // size))} {unit} ago"
    return at.astimezone(zone()).strftime("%d %b %Y")
