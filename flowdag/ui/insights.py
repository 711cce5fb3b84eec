"""What the critical path says, in words: tiles above the graph, lines in the details of a task."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import streamlit as st

from flowdag.analysis.critical_path import CriticalPath
from flowdag.analysis.failures import Failures
from flowdag.looks import findings
from flowdag.looks.findings import ESTIMATE
from flowdag.looks.words import duration, percent
from flowdag.model import FlowRunGraph


def tiles(graph: FlowRunGraph, path: CriticalPath, failed: Failures) -> None:
    """What failed first, what made most of the run, and what would make it shorter."""
    if said := findings.tiles(graph, path, failed):
        st.html(said)


def path_facts(graph: FlowRunGraph, path: CriticalPath, node: str) -> Iterator[tuple[str, object]]:
    """Facts about a node: its part of the path; if none, how much longer it could have taken; what it would save."""
    own = path.tasks.loc[[node]].to_dict("records")[0]
    estimate = f" ({ESTIMATE})" if path.estimate else ""
    if own["path_s"] > 0:
        yield "On the path", f"{duration(own['path_s'])}, {percent(own['share'])} of the {findings.whole_of(graph)}"
    if own["slack_s"] > 0:
        yield "Slack", f"{duration(own['slack_s'])}: so much longer would not have made the run longer{estimate}"
    if own["save_half_s"] > 0:
        yield "If half as long", f"the run would be {duration(own['save_half_s'])} shorter{estimate}"
    if own["save_all_s"] > 0:
        yield "If it took nothing", f"{duration(own['save_all_s'])} shorter{estimate}"


def group_path_facts(graph: FlowRunGraph, path: CriticalPath, nodes: pd.Index) -> Iterator[tuple[str, object]]:
    """The part of several nodes in the path, if they have any."""
    own = path.tasks.loc[nodes]
    if passed := int((own["path_s"] > 0).sum()):
        seconds, share = float(own["path_s"].sum()), float(own["share"].sum())
        yield (
            "On the path",
            f"{passed:,} of them, {duration(seconds)}, {percent(share)} of the {findings.whole_of(graph)}",
        )
