"""A run as one HTML file that a person can mail: it opens offline, runs no script and loads nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from html import escape

from flowdag.analysis.critical_path import CriticalPath, critical_path
from flowdag.analysis.drawing import View, draw
from flowdag.analysis.failures import Failures
from flowdag.looks import findings
from flowdag.looks.boxes import ON_PATH, Paint
from flowdag.looks.legend import states
from flowdag.looks.words import clock, duration, html, legal
from flowdag.model import FAILURES, FlowRunGraph
from flowdag.report.badge import badge
from flowdag.report.failures import failures_section
from flowdag.report.graph_svg import graph_svg
from flowdag.report.style import css
from flowdag.report.tables import task_names, task_runs
from flowdag.report.timeline_svg import timeline_svg, whole_timeline

WIDEST = 1900.0  # pixels: a wider picture is not shrunk to the page, as nobody could read it
LEFT_OUT = (
    "Parameters, results and logs are left out, as they may hold secrets. Of errors the line that names them is in it."
)
PATH_WORDS = f"{ON_PATH} and thick lines: the critical path, with its share of the run, waits included."
BAR_WORDS = (
    "Solid: at work. Hollow: waiting for a free worker or a slot, before another try, or until the flow called it."
    " A thin line: waiting for what it needs. Underlined:"
    " on the critical path."
)


@dataclass(frozen=True)
class Told:
    """What a report is made of. tenant: its title. zone: of all times in it."""

    graph: FlowRunGraph
    failures: Failures
    tenant: str
    zone: tzinfo


def report(told: Told) -> str:
    """The whole file. Light or dark as the reader's system is, light on paper; every picture is in it twice."""
    graph, path = told.graph, critical_path(told.graph)
    style = css()
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"
    body = "".join(
        [
            *_head(told),
            findings.tiles(graph, path, told.failures),
            *failures_section(graph, told.failures, told.zone),
            *(_pictures(told, path) if len(graph.nodes) else ()),
            *task_names(graph, path),
            *task_runs(graph, path),
            *_notes(told),
        ]
    )
    return legal(
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{_text(graph.run.name)}</title><style>{style}</style></head><body>{body}</body></html>\n"
    )


def _text(said: str) -> str:
    return escape(" ".join(said.split()))


def _head(told: Told) -> Iterator[str]:
    graph, run, zone = told.graph, told.graph.run, told.zone
    failed = int(graph.nodes["state_type"].isin(FAILURES).sum())
    so_far = "" if run.is_over else " so far"
    facts = {
        "Flow": run.flow_name,
        "Tenant": told.tenant,
        "Started": clock(run.start, zone),
        "Ended": clock(run.end, zone) if run.end else "not yet",
        "Duration": duration(run.wall_s(graph.as_of)) + so_far,
        "Task runs": f"{len(graph.nodes):,}" + (f", {failed:,} failed" if failed else ""),
        "Deployment": run.deployment_name,
        "Tags": ", ".join(run.tags),
        "Run id": run.id,
        "As of": f"{clock(graph.as_of, zone)} (all times: {zone.tzname(graph.as_of) or zone})",
    }
    yield f"<h1>{html(run.name)} {badge(run.state_type, run.state_name)}</h1>"
    rows = (f"<i>{name}</i><span>{html(value)}</span>" for name, value in facts.items() if value)
    yield f'<div class="facts">{"".join(rows)}</div>'


def _pictures(told: Told, path: CriticalPath) -> Iterator[str]:
    graph = told.graph
    drawing = draw(graph, View(), path)
    yield "<h2>Graph</h2><figure>"
    for dark in (False, True):
        paint = Paint(dark, path=drawing.path.shares)
        legend = states(drawing.picture, dark=dark)
        name = f"Graph of {graph.run.name}"
        drawn = graph_svg(drawing.picture, drawing.layout, paint, drawing.path.links, legend, name=name)
        yield _placed(drawn, dark, fits=drawing.layout.extent[0] <= WIDEST)
    remark = html(drawing.picture.remark) if drawing.picture.remark else ""
    yield f"</figure><p class=note>{PATH_WORDS} {remark}</p>"
    yield "<h2>Timeline</h2><figure>"
    for dark in (False, True):
        scene, rows = whole_timeline(graph, path, told.zone, dark=dark)
        yield _placed(timeline_svg(graph, scene), dark, fits=True)
    some = f" The first {len(scene.shown):,} of {rows:,} rows." if len(scene.shown) < rows else ""
    yield f"</figure><p class=note>{BAR_WORDS}{some}</p>"


def _placed(drawn: str, dark: bool, *, fits: bool) -> str:
    return drawn.replace("<svg ", f'<svg class="{"on-dark" if dark else "on-light"}{" fits" * fits}" ', 1)


def _notes(told: Told) -> Iterator[str]:
    yield "<h2>Notes</h2>"
    for note in (*told.graph.notes, LEFT_OUT):
        yield f"<p class=note>{html(note)}</p>"
