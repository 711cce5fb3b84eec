"""The pages' style, and times as a viewer's clock tells them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from flowdag.looks import words

# Streamlit's own download of tables is hidden: it writes cells that a spreadsheet would run, ours does not
STYLE = """<style>
:root{--fd-screen:max(26rem,calc(100vh - 22.6rem));--fd-graph:var(--fd-screen)}
[data-testid="stMainBlockContainer"]{padding:3.9rem 1.6rem 1.5rem}
[data-testid="stSidebarUserContent"]{padding-top:.5rem}
.st-key-graph{padding:.3rem}
.st-key-graph iframe{height:var(--fd-graph)!important}
[data-testid="stLayoutWrapper"]:has(>.st-key-details){
 flex-basis:max(18.75rem,calc(var(--fd-screen) - 17.7rem))!important}
[data-testid="stElementContainer"]:is(.st-key-task-runs,.st-key-all-task-runs,.st-key-task-names){
 flex:none!important;height:calc(16.75rem + var(--fd-graph) - var(--fd-screen))!important}
[data-testid="stElementToolbar"] button[aria-label="Download as CSV"]{display:none}
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
.fd-tiles div{border:1px solid rgba(128,134,150,.35);border-radius:.5rem;padding:.3rem .7rem;line-height:1.3;
 overflow-wrap:anywhere;min-width:0}
.fd-tiles strong{font-size:1.3rem;font-weight:650;font-variant-numeric:tabular-nums;margin-right:.45rem}
.fd-tiles span{font-size:.9rem}
.fd-tiles small{display:block;font-size:.78rem;opacity:.7;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.fd-legend{display:flex;flex-wrap:wrap;gap:.2rem .9rem;font-size:.8rem;opacity:.92}
.fd-legend i{display:inline-block;width:1.15rem;height:.8rem;border:1.5px solid;border-radius:.2rem;
 vertical-align:-.08rem;margin-right:.3rem}
</style>"""


def zone() -> ZoneInfo:
    """The viewer's time zone, as the browser tells it; UTC where it does not."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def clock(at: datetime | None) -> str:
    """A moment in the viewer's time zone: "Sun 22 Nov 2026, 17:02:03"; "–" for none."""
    return words.clock(at, zone())


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago a moment was, in one unit; its date beyond a week."""
    if at is None:
        return "not started"
    seconds = (now - at).total_seconds()
    for unit, size, limit in (("s", 1, 60), ("min", 60, 3600), ("h", 3600, 86400), ("d", 86400, 7 * 86400)):
        if seconds < limit:
            return f"{max(0, int(seconds // size))} {unit} ago"
    return at.astimezone(zone()).strftime("%d %b %Y")
