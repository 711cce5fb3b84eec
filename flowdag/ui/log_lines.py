"""Log lines as people read them: in order, wrapped, told apart by level, each with the task that wrote it.

A small component of our own, as no table shows text of many lines. What it is given becomes text, never HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import streamlit as st

from flowdag.looks.states import look
from flowdag.looks.words import clean
from flowdag.prefect_api.log_pages import LogLine
from flowdag.ui.text import zone
from flowdag.ui.theme import is_dark

LONGEST = 6000  # characters of a message; the whole is in the download
LEVELS = (  # from this level on: sign, and the state whose colour it has
    (50, "‼", ("CRASHED", "")),
    (40, "✗", ("FAILED", "")),
    (30, "▲", ("SCHEDULED", "AwaitingRetry")),
    (20, "·", None),
    (0, " ", None),
)
HTML = """
<div class="lines" role="log" tabindex="0" aria-label="Log lines"></div>
"""
CSS = """
.lines{height:max(20rem,calc(100vh - 15.8rem));position:relative;overflow:auto;overflow-anchor:none;padding:.35rem 0;
 border:1px solid var(--st-border-color);border-radius:var(--st-base-radius);
 font:.8rem/1.55 var(--st-code-font);color:var(--st-text-color);background:var(--st-background-color)}
.row{display:grid;grid-template-columns:max-content 6.2rem clamp(6rem,13vw,15rem) minmax(0,1fr);column-gap:.8rem;
 align-items:start;padding:.05rem .8rem;border-left:3px solid transparent}
.row:hover{background:var(--st-secondary-background-color)}
.time{opacity:.7;white-space:pre;font-variant-numeric:tabular-nums}
.level{font-weight:600;white-space:pre;color:var(--tone,inherit)}.level.quiet{font-weight:400;opacity:.7}
.row.loud{border-left-color:var(--tone);background:color-mix(in srgb,var(--tone) 9%,transparent)}
.task{font:inherit;text-align:left;color:inherit;opacity:.8;background:none;border:0;padding:0;
 overflow:hidden;text-overflow:ellipsis;white-space:nowrap;unicode-bidi:isolate}
button.task{color:var(--st-link-color);opacity:1;cursor:pointer}button.task:hover{text-decoration:underline}
.message{white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext}
.fold{font:inherit;color:var(--st-link-color);background:none;border:0;padding:0;cursor:pointer}
.fold:hover{text-decoration:underline}
.row.chosen{border-left-color:var(--st-primary-color)}.row.chosen .task{font-weight:650}
.row.focus{outline:1.5px solid var(--st-primary-color);outline-offset:-1px}
.none{padding:1.2rem .9rem;opacity:.75;font-family:var(--st-font)}
"""
JS = """
const kept = new WeakMap()
const FIRST = 2, LAST = 5  // lines of a long message that are shown at first

function made([id, time, sign, level, tone, message, label, node], choose) {
  const row = document.createElement("div")
  const cell = (name, text, tag = "span") => {
    const one = document.createElement(tag)
    one.className = name
    one.textContent = text
    row.append(one)
    return one
  }
  row.className = tone ? "row loud" : "row"
  if (tone) row.style.setProperty("--tone", tone)
  cell("time", time)
  cell(tone ? "level" : "level quiet", `${sign} ${level}`)
  const task = cell("task", label, node ? "button" : "span")
  task.title = label
  if (node) task.onclick = () => choose(node)
  folded(cell("message", message), message)
  return row
}

function folded(place, message) {
  const parts = message.split("\\n")
  const left = parts.length - FIRST - LAST
  if (left < FIRST + LAST) return
  const open = document.createElement("button")
  open.className = "fold"
  open.textContent = `… ${left} more lines …`
  open.onclick = () => { place.textContent = message }
  place.replaceChildren(parts.slice(0, FIRST).join("\\n") + "\\n", open, "\\n" + parts.slice(-LAST).join("\\n"))
}

export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector(".lines")
  const before = kept.get(list)
  const same = before?.asked === data.asked
  const known = same && before.look === data.look ? before.rows : new Map()
  const atEnd = !same || list.scrollHeight - list.scrollTop - list.clientHeight < 30
  const anchor = same && [...before.rows].find(([, row]) => row.offsetTop + row.offsetHeight > list.scrollTop)
  const from = anchor && anchor[1].offsetTop - list.scrollTop
  const chosen = new Set(data.chosen)
  const rows = new Map()
  for (const line of data.lines) {
    const row = known.get(line[0]) ?? made(line, node => setTriggerValue("task", node))
    row.classList.toggle("chosen", chosen.has(line[7]))
    row.classList.toggle("focus", line[0] === data.focus)
    rows.set(line[0], row)
  }
  const shown = [...rows.values()]
  if (!shown.length) {
    const none = document.createElement("div")
    none.className = "none"
    none.textContent = data.none
    shown.push(none)
  }
  list.replaceChildren(...shown)
  kept.set(list, { rows, asked: data.asked, look: data.look, focus: data.focus })
  const goal = before?.focus !== data.focus && rows.get(data.focus)
  if (goal) list.scrollTop = goal.offsetTop - list.clientHeight / 2
  else if (atEnd && data.follow) list.scrollTop = list.scrollHeight
  else if (anchor && rows.has(anchor[0])) list.scrollTop = rows.get(anchor[0]).offsetTop - from
}
"""


@cache
def _component() -> Any:
    return st.components.v2.component("flowdag_log_lines", html=HTML, css=CSS, js=JS)


def log_lines(
    lines: Sequence[LogLine],
    names: Mapping[str, tuple[str, str]],
    *,
    asked: str,
    chosen: Collection[str],
    focus: str | None,
    none: str,
    begin: datetime | None,
    key: str,
    on_task: Callable[[str], None],
) -> None:
    """The lines, the last in sight; where some were there before, what is in sight stays.

    names: the node and its label by task run (flow run for what flows log). asked: what was asked for; else all begins
    anew. chosen: nodes whose lines are marked. focus: the line to move to. none: what to say where there are no lines.
    begin: of the run, as lines of another day tell theirs.
    """
    dark = is_dark()
    moments = [line.at for line in lines] + ([begin] if begin else [])
    many_days = len({at.astimezone(zone()).date() for at in moments}) > 1
    data = {
        "lines": [_row(line, names, dark, many_days) for line in lines],
        "chosen": sorted({node for node, _ in (names.get(_owner(line), ("", "")) for line in lines)} & set(chosen)),
        "focus": focus,
        "asked": asked,
        "look": f"{dark} {many_days}",
        "follow": focus is None,
        "none": none,
    }
    _component()(key=key, data=data, on_task_change=lambda: on_task(str(st.session_state[key]["task"])))


def _owner(line: LogLine) -> str:
    return line.task_run_id or line.flow_run_id or ""


def _row(line: LogLine, names: Mapping[str, tuple[str, str]], dark: bool, many_days: bool) -> list[str | None]:
    at = line.at.astimezone(zone())
    time = f"{at:%d %b } " * many_days + f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
    sign, of = next((sign, of) for least, sign, of in LEVELS if line.number >= least)
    node, label = names.get(_owner(line), (None, "" if line.task_run_id is None else "a task"))
    message = line.message
    if len(message) > LONGEST:
        message = f"{message[:LONGEST]}… ({len(message) - LONGEST:,} more characters: in the download)"
    tone = look(*of, dark=dark).border if of else None
    return [line.id, time, sign, line.level, tone, message, clean(label or "flow"), node]
