"""Prefect's own graph of a flow run, `GET /flow_runs/{id}/graph-v2`: typed, and without its duplicates.

No PrefectClient has a method for it. It is what a server says, not the whole truth: edges can be false or missing, and
above 10,000 nodes the server refuses. `flowdag.read_run` gives the repaired graph.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient

from flowdag.errors import ApiAnswerInvalid, ApiRefused, RunNotFound
from flowdag.prefect_api.client import NotFound, TooSlow, request
from flowdag.prefect_api.flow_runs import moment
from flowdag.prefect_api.guard import TooLarge

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
MAX_BYTES, DEADLINE_S = 20_000_000, 20.0  # 160 tasks with all-to-all edges have 12 MB and take 8 s
INSTEAD = "Read it from its task runs, at any size, with flowdag.read_run."


@dataclass(frozen=True)
class GraphArtifact:
    """An artifact that a node or the run made; `data` is set for progress artifacts only."""

    id: str
    created: datetime | None
    key: str | None
    type: str | None
    is_latest: bool
    data: Any


@dataclass(frozen=True)
class GraphState:
    """A state that the flow run went through."""

    id: str
    timestamp: datetime | None
    type: str
    name: str


@dataclass(frozen=True)
class GraphNode:
    """A task run or a subflow run. `start_time` of a node that has not started is its expected start."""

    id: str
    kind: str
    label: str
    state_type: str
    start_time: datetime | None
    end_time: datetime | None
    parents: tuple[str, ...]
    children: tuple[str, ...]
    encapsulating: tuple[str, ...]
    artifacts: tuple[GraphArtifact, ...]


@dataclass(frozen=True)
class GraphAnswer:
    """One answer of graph-v2: nodes by start, ids without duplicates; times are UTC."""

    start_time: datetime | None
    end_time: datetime | None
    root_node_ids: tuple[str, ...]
    nodes: tuple[GraphNode, ...]
    artifacts: tuple[GraphArtifact, ...]
    states: tuple[GraphState, ...]


async def read_flow_run_graph(
    client: PrefectClient, flow_run_id: str | UUID, since: datetime | None = None
) -> GraphAnswer:
    """The graph of one flow run as graph-v2 tells it.

    since: only nodes that have not ended, or ended at or after it; must be aware of its time zone (ValueError
        otherwise). It is always sent: some servers fail on their own default.
    Raises RunNotFound, ApiUnreachable, ApiRefused, ApiAnswerInvalid; of these TooLarge above 20 MB or the server's
        limit of nodes, and TooSlow after 20 s.
    """
    since = since or BEGINNING
    if since.tzinfo is None:
        raise ValueError("since must be aware of its time zone")
    params = {"since": since.astimezone(UTC).isoformat().replace("+00:00", "Z")}
    try:
        run_id = UUID(str(flow_run_id))
        path = f"/flow_runs/{run_id}/graph-v2"
        answer = await request(client, "GET", path, params=params, at_most=MAX_BYTES, within_s=DEADLINE_S)
    except (ValueError, NotFound):
        raise RunNotFound from None
    except TooLarge:
        raise TooLarge(f"The graph of this run is larger than {MAX_BYTES / 1e6:.0f} MB.", INSTEAD) from None
    except ApiRefused as refused:
        if refused.status != 400:
            raise
        raise TooLarge("The graph of this run is larger than the Prefect server's limit of nodes.", INSTEAD) from None
    except TooSlow:
        raise TooSlow(f"The graph of this run took longer than {DEADLINE_S:.0f} s.", INSTEAD) from None
    try:
        return _answer(answer)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ApiAnswerInvalid(
            "The Prefect server's graph has another shape than flowdag knows.",
            "It may be older or newer than flowdag supports: see the README for the range.",
        ) from None


def _answer(raw: dict[str, Any]) -> GraphAnswer:
    nodes = {node_id: _node(node_id, node) for node_id, node in raw["nodes"]}
    return GraphAnswer(
        start_time=moment(raw.get("start_time")),
        end_time=moment(raw.get("end_time")),
        root_node_ids=_once(raw["root_node_ids"]),
        nodes=tuple(nodes.values()),
        artifacts=_artifacts(raw),
        states=tuple(
            GraphState(s["id"], moment(s["timestamp"]), s["type"], s["name"]) for s in raw.get("states") or ()
        ),
    )


def _node(node_id: str, raw: dict[str, Any]) -> GraphNode:
    return GraphNode(
        id=node_id,
        kind=raw["kind"],
        label=raw["label"],
        state_type=raw["state_type"],
        start_time=moment(raw.get("start_time")),
        end_time=moment(raw.get("end_time")),
        parents=_once(edge["id"] for edge in raw["parents"]),
        children=_once(edge["id"] for edge in raw["children"]),
        encapsulating=_once(edge["id"] for edge in raw.get("encapsulating") or ()),
        artifacts=_artifacts(raw),
    )


def _artifacts(raw: dict[str, Any]) -> tuple[GraphArtifact, ...]:
    return tuple(
        GraphArtifact(
            a["id"], moment(a.get("created")), a.get("key"), a.get("type"), bool(a.get("is_latest")), a.get("data")
        )
        for a in raw.get("artifacts") or ()
    )


def _once(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))
