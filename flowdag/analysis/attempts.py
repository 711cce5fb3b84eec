"""Attempts of a flow run: a retried flow leaves the task runs of every attempt behind."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from flowdag.model import FlowRunGraph, ends_of


def attempts(graph: FlowRunGraph) -> list[int]:
    """The attempts of the run itself that have task runs, the first first."""
    own = graph.nodes.loc[graph.nodes["flow_run_id"] == graph.run.id, "attempt"]
    return sorted({int(attempt) for attempt in own})


def is_one_of_several(graph: FlowRunGraph) -> bool:
    """Whether the graph is that of one attempt (`of_attempt`) of a run that was tried again."""
    own = graph.states.loc[graph.states["flow_run_id"] == graph.run.id, "attempt"]
    return graph.run.attempts > 1 and len(set(own)) == 1


def of_attempt(graph: FlowRunGraph, attempt: int) -> FlowRunGraph:
    """The graph of one attempt: its own nodes, and all that ran inside them. Nodes are in order of start.

    Of the run's states those of the attempt are left: they tell from when to when it took.
    """
    nodes = graph.nodes
    own = nodes["flow_run_id"] == graph.run.id
    kept = set(nodes.index[own & (nodes["attempt"] == attempt)])
    inside = nodes.loc[~own, "container"]
    grown = True
    while grown:  # once a level of nesting
        found = set(inside.index[inside.isin(kept)]) - kept
        kept |= found
        grown = bool(found)
    nodes = nodes[nodes.index.isin(kept)]
    edges = graph.edges[graph.edges["source"].isin(kept) & graph.edges["target"].isin(kept)].reset_index(drop=True)
    return replace(
        graph,
        nodes=nodes,
        edges=edges,
        ends=ends_of(nodes, edges),
        tries=graph.tries[graph.tries["node"].isin(kept)].reset_index(drop=True),
        states=_states(graph, attempt, kept),
    )


def _states(graph: FlowRunGraph, attempt: int, kept: set[str]) -> pd.DataFrame:
    states = graph.states
    own = (states["flow_run_id"] == graph.run.id) & (states["attempt"] == attempt)
    return states[own | states["flow_run_id"].isin(kept)].reset_index(drop=True)
