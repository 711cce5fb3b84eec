"""Nodes, edges, containers and times of the sample flows, against their source and their own journal.

Expected edges are written by hand from reading flowdag/demo; expected times come from the journal that the bodies
themselves kept. Nodes are named by their label, and by their task's name where they never started: their run names
are random then.
"""

from __future__ import annotations

import math

import pandas as pd
import pytest

from flowdag.model import FlowRunGraph
from tests.truth import Body, Truth

TOLERANCE_S = 0.5  # between a state that Prefect stamps and the body that it stands for, on a busy machine
REGIONS = ("north", "south", "east", "west")
PUBLISH = "publish-report / publish truth report"
NOTIFY = "notify-subscribers / notify truth subscribers"

Pairs = dict[tuple[str, str], str]


def each(kind: str, *pairs: tuple[str, str]) -> Pairs:
    return dict.fromkeys(pairs, kind)


UP_TO_LOAD = {
    **each("data", *((f"extract-{region}", f"clean-{region}") for region in REGIONS)),
    **each("data", *(("holidays-for-cleaning", f"clean-{region}") for region in REGIONS)),
    **each("data", *((f"clean-{region}", f"convert-{region}") for region in REGIONS)),
    **each("data", *(("fetch-exchange-rates", f"convert-{region}") for region in REGIONS)),
    **each("data", *((f"clean-{region}", "check-quality") for region in REGIONS)),
}


def from_load_on(load: str, holidays: str, publish: str, report: str) -> Pairs:
    """The edges from the warehouse on, which lead to nodes that have other names where they never started."""
    return {
        **each("data", *((f"convert-{region}", load) for region in REGIONS)),
        **each("wait_for", ("prepare-warehouse", load), (load, holidays)),
        **each("data", (load, publish), (load, report), (publish, report)),
        **each("data", ("check-quality", report), (holidays, report)),
    }


NIGHTLY = {
    **UP_TO_LOAD,
    **from_load_on("load-warehouse", "holidays-for-report", PUBLISH, "final-report"),
    **each("data", ("stage-orders", "verify-totals"), ("stage-refunds", "verify-totals")),
    **each("data", ("rank-regions", NOTIFY), (NOTIFY, "archive-message")),
    **each("data", ("render-message", "send-to-sales"), ("render-message", "send-to-finance")),
}
FAILING = {**UP_TO_LOAD, **from_load_on("load_warehouse", "load_holidays", "publish-report", "final_report")}
NEVER_STARTED = {"load_warehouse", "load_holidays", "publish-report", "final_report"}
INSIDE = {
    "stage-orders": "load-warehouse",
    "stage-refunds": "load-warehouse",
    "verify-totals": "load-warehouse",
    "rank-regions": PUBLISH,
    NOTIFY: PUBLISH,
    "archive-message": PUBLISH,
    "render-message": NOTIFY,
    "send-to-sales": NOTIFY,
    "send-to-finance": NOTIFY,
}
SCENARIOS = ("low", "usual", "high")
SLOW = each(
    "data",
    *((f"history-{month}", f"simulate-{month}-{scenario}") for month in ("01", "02") for scenario in SCENARIOS),
    *((f"simulate-{month}-{scenario}", f"outlook-{month}") for month in ("01", "02") for scenario in SCENARIOS),
    ("outlook-01", "outlook-02"),
)
QUICK = each(
    "data",
    ("read-orders", "check-keys"),
    ("read-orders", "check-freshness"),
    ("check-keys", "verdict"),
    ("check-freshness", "verdict"),
)
STALE = {(a.replace("orders", "stock"), b.replace("orders", "stock")): kind for (a, b), kind in QUICK.items()}
SCORE = each(
    "data",
    *(("load-customers", f"score-{number:03d}") for number in range(400)),
    *((f"score-{number:03d}", "rank-customers") for number in range(400)),
)
EDGES = {"nightly": NIGHTLY, "failing": FAILING, "slow": SLOW, "quick": QUICK, "stale": STALE, "score": SCORE}
STARTED = ("nightly", "failing", "slow", "quick", "stale", "score")


def names(graph: FlowRunGraph) -> dict[str, str]:
    """Node id -> label, or the task's name where it never started."""
    return dict(graph.nodes["label"].where(graph.nodes["start"].notna(), graph.nodes["task_name"]))


def edges(graph: FlowRunGraph) -> list[tuple[str, str, str]]:
    name = names(graph)
    found = graph.edges
    return sorted((name[s], name[t], kind) for s, t, kind in zip(found.source, found.target, found.kind, strict=True))


def flat(pairs: Pairs) -> list[tuple[str, str, str]]:
    return sorted((source, target, kind) for (source, target), kind in pairs.items())


# --- the graph -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", EDGES)
def test_edges(truth: Truth, scenario: str) -> None:
    expected = EDGES[scenario]
    if scenario == "stale":
        expected = {(a, "verdict" if b == "verdict" else b): kind for (a, b), kind in expected.items()}
    graph = truth.graph(scenario)
    assert edges(graph) == flat(expected)
    assert graph.edges["plausible"].all()


@pytest.mark.parametrize("scenario", EDGES)
def test_nodes_are_what_the_flow_called(truth: Truth, scenario: str) -> None:
    graph = truth.graph(scenario)
    called = {end for pair in EDGES[scenario] for end in pair}
    assert sorted(names(graph).values()) == sorted(called)


def test_subflows_are_flow_runs_and_everything_else_is_not(truth: Truth) -> None:
    nightly = truth.graph("nightly").nodes
    assert set(nightly["label"][nightly["kind"] == "flow-run"]) == {PUBLISH, NOTIFY}
    assert set(nightly["kind"]) == {"flow-run", "task-run"}
    ran = {
        line.id for bodies in truth.bodies(truth.graph("nightly")).values() for line in bodies if line.what == "flow"
    }
    assert set(nightly.index[nightly["kind"] == "flow-run"]) == ran


@pytest.mark.parametrize("scenario", EDGES)
def test_containers(truth: Truth, scenario: str) -> None:
    graph = truth.graph(scenario)
    name = names(graph)
    inside = graph.nodes["container"].dropna()
    found = {name[str(node)]: name[container] for node, container in inside.items()}
    assert found == (INSIDE if scenario == "nightly" else {})


def test_depth_one_leaves_subflows_closed(truth: Truth) -> None:
    alone = truth.read(truth.run_id("nightly"), depth=1)
    inside_subflows = {"rank-regions", NOTIFY, "archive-message", "render-message", "send-to-sales", "send-to-finance"}
    assert set(alone.nodes["label"]) == {end for pair in NIGHTLY for end in pair} - inside_subflows
    assert (PUBLISH, "final-report", "data") in edges(alone)


def test_states(truth: Truth) -> None:
    graph = truth.graph("failing")
    states = dict(zip(names(graph).values(), graph.nodes["state_name"], strict=True))
    assert {name for name, state in states.items() if state == "NotReady"} == NEVER_STARTED
    assert {name for name, state in states.items() if state == "Failed"} == {"convert-east"}
    assert set(states.values()) == {"Completed", "Failed", "NotReady"}
    assert graph.run.state_type == "FAILED"
    assert any("4 tasks never started" in note for note in graph.notes)
    nightly = truth.graph("nightly")
    cached = nightly.nodes["label"][nightly.nodes["state_name"] == "Cached"]
    assert list(cached) == ["holidays-for-report"]
    assert nightly.notes == ()


def test_task_names(truth: Truth) -> None:
    nodes = truth.graph("nightly").nodes
    counts = nodes["task_name"].value_counts().to_dict()
    assert {name: count for name, count in counts.items() if count > 1} == {
        "extract": 4,
        "clean": 4,
        "convert": 4,
        "load_holidays": 2,
        "stage": 2,
        "send": 2,
    }
    assert set(truth.graph("score").nodes["task_name"]) == {"load_customers", "score", "rank_customers"}


# --- the times -------------------------------------------------------------------------------------------------------


def seconds(moment: pd.Timestamp) -> float:
    return float(moment.timestamp())


@pytest.mark.parametrize("scenario", STARTED)
def test_start_and_end_enclose_the_bodies_closely(truth: Truth, scenario: str) -> None:
    graph = truth.graph(scenario)
    bodies = truth.bodies(graph)
    closely = math.inf if scenario == "score" else TOLERANCE_S  # sixteen threads on one interpreter: late by turns
    for node, ran in bodies.items():
        start, end = seconds(graph.nodes.at[node, "start"]), seconds(graph.nodes.at[node, "end"])
        assert start <= ran[0].start <= start + closely, ran[0].label
        assert ran[-1].end <= end <= ran[-1].end + closely, ran[0].label
    body = truth.flow_body(scenario)[0]
    assert graph.run.start is not None
    assert graph.run.end is not None
    assert graph.run.start.timestamp() <= body.start
    assert graph.run.end.timestamp() >= body.end


@pytest.mark.parametrize("scenario", STARTED)
def test_run_time_is_the_bodies_time(truth: Truth, scenario: str) -> None:
    graph = truth.graph(scenario)
    closely = math.inf if scenario == "score" else TOLERANCE_S
    for node, ran in truth.bodies(graph).items():
        took = sum(body.end - body.start for body in ran)
        assert took - 0.001 <= graph.nodes.at[node, "run_s"] <= took + closely, ran[0].label


@pytest.mark.parametrize("scenario", STARTED)
def test_only_what_ran_has_times(truth: Truth, scenario: str) -> None:
    graph = truth.graph(scenario)
    ran = graph.nodes.index.isin(list(truth.bodies(graph)))
    cached = graph.nodes["state_name"] == "Cached"
    never = graph.nodes[~ran & ~cached]
    assert {names(graph)[node] for node in never.index} == {"failing": NEVER_STARTED, "stale": {"verdict"}}.get(
        scenario, set()
    )
    assert never[["start", "end", "run_s", "retry_s", "wall_s", "queue_s"]].isna().all(axis=None)
    assert (never["tries"] == 0).all()
    assert (never["blocked_s"] >= 0).all()
    times = graph.nodes.loc[ran, ["start", "end", "blocked_s", "queue_s", "run_s", "retry_s", "wall_s"]]
    assert times.notna().all(axis=None)
    assert set(graph.tries["node"]) == set(graph.nodes.index[ran | cached])


@pytest.mark.parametrize("scenario", STARTED)
def test_tries(truth: Truth, scenario: str) -> None:
    graph = truth.graph(scenario)
    for node, ran in truth.bodies(graph).items():
        tries = graph.tries[graph.tries["node"] == node]
        assert graph.nodes.at[node, "tries"] == len(ran) == len(tries), ran[0].label
        assert list(tries["try"]) == [body.number for body in ran]
        for (_, one), body in zip(tries.iterrows(), ran, strict=True):
            assert seconds(one["start"]) <= body.start
            assert seconds(one["end"]) >= body.end
        assert graph.nodes.at[node, "start"] == tries["start"].iloc[0]
        assert graph.nodes.at[node, "end"] == tries["end"].iloc[-1]


def test_the_retried_task(truth: Truth) -> None:
    """fetch-exchange-rates fails its first try and runs again a second later."""
    graph = truth.graph("nightly")
    node = str(graph.nodes.index[graph.nodes["label"] == "fetch-exchange-rates"][0])
    first, second = truth.bodies(graph)[node]
    assert first.raised
    assert not second.raised
    facts = graph.nodes.loc[node]
    # Prefect counts the second from before it stamps the state: the stamps lie a little closer together
    assert 0.99 <= facts["retry_s"] <= second.start - first.end
    assert facts["retry_s"] == pytest.approx(second.start - first.end, abs=TOLERANCE_S)
    assert list(graph.tries["state_name"][graph.tries["node"] == node]) == ["AwaitingRetry", "Completed"]
    others = graph.nodes.drop(index=node)["retry_s"].dropna()
    assert (others < 0.001).all()


@pytest.mark.parametrize("scenario", STARTED)
def test_spans_add_up(truth: Truth, scenario: str) -> None:
    nodes = truth.graph(scenario).nodes
    nodes = nodes[nodes["start"].notna()]
    waited = (nodes["start"] - nodes["expected_start"]).dt.total_seconds()
    assert (nodes["blocked_s"] + nodes["queue_s"]).to_numpy() == pytest.approx(waited.to_numpy(), abs=1e-6)
    wall = (nodes["end"] - nodes["start"]).dt.total_seconds()
    assert nodes["wall_s"].to_numpy() == pytest.approx(wall.to_numpy(), abs=1e-6)
    assert (nodes["run_s"] + nodes["retry_s"]).to_numpy() == pytest.approx(wall.to_numpy(), abs=0.001)


@pytest.mark.parametrize("scenario", STARTED)
def test_blocked_until_the_last_input_had_ended(truth: Truth, scenario: str) -> None:
    graph = truth.graph(scenario)
    name = names(graph)
    ended = {name[node]: ran[-1].end for node, ran in truth.bodies(graph).items()}
    inputs: dict[str, list[str]] = {}
    for source, target in EDGES[scenario]:
        inputs.setdefault(target, []).append(source)
    closely = 1.0 if scenario == "score" else TOLERANCE_S
    for node, facts in graph.nodes[graph.nodes["start"].notna()].iterrows():
        created = seconds(facts["expected_start"])
        given = [ended[source] for source in inputs.get(name[str(node)], []) if source in ended]
        ready = max([created, *given])
        assert created + facts["blocked_s"] == pytest.approx(ready, abs=closely), name[str(node)]
        assert facts["queue_s"] == pytest.approx(seconds(facts["start"]) - ready, abs=closely), name[str(node)]


def test_what_blocked_whom_in_the_nightly_run(truth: Truth) -> None:
    """clean-west waits for its extract of 0.9 s, convert-north for the rates that are there after 1.3 s."""
    graph = truth.graph("nightly")
    nodes, journal = graph.nodes.set_index("label"), truth.bodies(graph)
    ends = {ran[0].label: ran[-1].end for ran in journal.values()}
    assert nodes.at["extract-west", "blocked_s"] == 0
    for region in ("north", "west"):  # since the flow submitted it, which takes a busy machine a while
        clean = nodes.loc[f"clean-{region}"]
        waited = max(ends[f"extract-{region}"] - clean["expected_start"].timestamp(), 0)
        assert waited - 0.1 < clean["blocked_s"] < waited + TOLERANCE_S
    assert nodes.at["convert-north", "start"] >= nodes.at["fetch-exchange-rates", "end"]
    assert nodes.at["verify-totals", "blocked_s"] > 0.25 - 0.1


def test_attempts_are_one_where_nothing_was_retried(truth: Truth) -> None:
    for scenario in ("nightly", "failing"):
        assert set(truth.graph(scenario).nodes["attempt"]) == {1}


def test_no_body_is_missing(truth: Truth) -> None:
    """The journal of the widest run holds 402 executions: each has its node."""
    graph = truth.graph("score")
    bodies: dict[str, list[Body]] = truth.bodies(graph)
    assert len(graph.nodes) == len(bodies) == 402
    assert {node: graph.nodes.at[node, "label"] for node in bodies} == {
        node: ran[0].label for node, ran in bodies.items()
    }
