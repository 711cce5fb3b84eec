"""What the critical path says of a run, in words, and first of all what failed in it."""

from __future__ import annotations

from collections.abc import Iterator

from flowdag.analysis.attempts import is_one_of_several
from flowdag.analysis.critical_path import CriticalPath
from flowdag.analysis.failures import Failures
from flowdag.analysis.findings import Finding, best_saving, findings, own_work_s
from flowdag.looks.failures import called, ended, in_words
from flowdag.looks.states import look
from flowdag.looks.words import duration, html, percent
from flowdag.model import FlowRunGraph

MOST = 4  # tiles: findings, the costliest, beside what failed and what would save most
TITLES = {
    "pending": "waiting for a worker or a slot",
    "subflow": "until a subflow had started",
    "not_submitted": "until the flow called what was ready",
    "retry": "pause before another try",
    "earlier_attempt": "in earlier attempts",
    "paused": "paused",
}
OF = ("retry", "earlier_attempt", "paused")  # what a task itself went through; before it came what it waited for
ESTIMATE = "an estimate: who gets a free worker cannot be told"


def tiles(graph: FlowRunGraph, path: CriticalPath, failed: Failures) -> str:
    """What failed first, what made most of the run, and what would make it shorter; HTML, empty if that is nothing."""
    first, last = list(_failed(graph, failed)), list(_saving(graph, path))
    whole, room = whole_of(graph), MOST - 1 - len(first)
    between = [_words(finding, whole) for finding in findings(graph, path)[:room]]
    found = [_tile(*words) for words in (*first, *between, *last)]
    return f'<div class="fd-tiles">{"".join(found)}</div>' if found else ""


def _failed(graph: FlowRunGraph, failed: Failures) -> Iterator[tuple[str, str, str]]:
    """Of a run that has not completed, who failed first."""
    if graph.run.state_type == "COMPLETED" or not failed.causes:
        return
    first = failed.causes[0].first
    shown, how = look(first.state_type, first.state_name), ended(first.state_type)
    how = shown.word.lower() if how == "failed" else how  # such as "timed out"
    who = f"<b>{html(called(graph, first))}</b>" if first.nodes else "the flow’s own code"
    title = f"{who} {how} first" if first.nodes or first.state_type == "FAILED" else f"the run {how}"
    yield shown.sign, title, html(in_words(failed))


def whole_of(graph: FlowRunGraph) -> str:
    """What shares are shares of."""
    return "attempt" if is_one_of_several(graph) else "run"


def _words(finding: Finding, whole: str) -> tuple[str, str, str]:
    """A finding as figure, title and remark; HTML. whole: what it is a part of."""
    task = html(finding.task) if finding.task else ""
    if finding.kind == "work":
        runs = f", in {finding.of:,} task runs" if finding.of > 1 else ""
        return percent(finding.share), f"of this {whole} was <b>{task}</b>", f"{duration(finding.seconds)}{runs}"
    if finding.kind == "flow":
        whose = f"the own code of <b>{task}</b>" if finding.task else "the flow’s own code"
        return percent(finding.share), f"was {whose}", f"{duration(finding.seconds)} outside tasks"
    where = "most of it in" if finding.kind in OF else "most of it before"
    most = f"{percent(finding.share)} of the {whole}" + (f", {where} <b>{task}</b>" if task else "")
    return duration(finding.seconds), TITLES[finding.kind], most


def _saving(graph: FlowRunGraph, path: CriticalPath) -> Iterator[tuple[str, str, str]]:
    saving = best_saving(graph, path)
    if saving:
        most = "no other task would save more"
        if own_work_s(graph, path) / 2 > saving.seconds:
            most = "most of the tasks that call no others"
        remark = ESTIMATE if path.estimate else most
        yield f"−{duration(saving.seconds)}", f"if <b>{html(saving.label)}</b> took half as long", remark


def _tile(figure: str, title: str, remark: str) -> str:
    return f"<div><strong>{figure}</strong><span>{title}</span><small>{remark}</small></div>"
