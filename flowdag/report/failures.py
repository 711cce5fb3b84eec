"""What failed, as a part of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from flowdag.analysis.failures import Alike, Cause, Failures
from flowdag.looks.failures import called, helped, in_words
from flowdag.looks.words import clock, duration, html
from flowdag.model import FlowRunGraph
from flowdag.report.badge import badge

MOST, NAMES = 20, 12


def failures_section(graph: FlowRunGraph, found: Failures, zone: tzinfo) -> Iterator[str]:
    """What failed first, what came of it, and which retries helped; nothing where all went well at once."""
    never = found.never if graph.run.is_over else ()
    if not (found.causes or found.retried or never):
        return
    yield f"<h2>{'Failures' if found.causes or never else 'Retries'}</h2>"
    if found.causes:
        yield f"<p><b>{html(in_words(found))}</b></p>"
    for cause in found.causes[:MOST]:
        yield from _cause(graph, cause, zone)
    if len(found.causes) > MOST:
        yield f"<p class=note>And {len(found.causes) - MOST:,} more, which are left out here.</p>"
    yield from _came(graph, "Never started, as the run had ended before", never)
    good = [one for one in found.retried if one.state_type == "COMPLETED"]
    if good:
        yield f"<ul>{''.join(f'<li>{helped(one)}</li>' for one in good[:MOST])}</ul>"


def _cause(graph: FlowRunGraph, cause: Cause, zone: tzinfo) -> Iterator[str]:
    first, run = cause.first, graph.run
    many = f" × {len(first.nodes):,}" if len(first.nodes) > 1 else ""
    whose = (
        f"<b>{html(called(graph, first))}</b>{many}" if first.nodes else f"<b>{html(run.flow_name)}</b>, its own code"
    )
    at = ""
    if cause.at:
        since = f", {duration((cause.at - run.start).total_seconds())} into the run" if run.start else ""
        at = f" at {clock(cause.at, zone)[-8:]}{since}"
    yield f"<div class=cause>{badge(first.state_type, first.state_name)} {whose}<span class=note>{at}</span>"
    if first.line:
        yield f"<pre>{html(first.line)}</pre>"
    yield from _came(graph, "Failed because of it", cause.failed)
    yield from _came(graph, "Failed around it", cause.around)
    yield from _came(graph, "Never started because of it", cause.never)
    yield "</div>"


def _came(graph: FlowRunGraph, title: str, many: Sequence[Alike]) -> Iterator[str]:
    if not many:
        return
    count = sum(len(alike.nodes) for alike in many)
    names = [
        html(called(graph, alike)) + (f" × {len(alike.nodes):,}" if len(alike.nodes) > 1 else "") for alike in many
    ]
    more = f" and {len(names) - NAMES:,} other names" if len(names) > NAMES else ""
    yield f"<p>{title} ({count:,}): {', '.join(names[:NAMES])}{more}</p>"
