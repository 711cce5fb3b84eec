"""Real answers of a Prefect server, spoiled: the end is an error in words, or a graph that is sound and says so.

The answers are those of a run with retries and subflows, recorded once; a little server gives them, one of them spoiled
in a way that Hypothesis chooses.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowdag.errors import ApiAnswerInvalid, ApiRefused, ApiUnreachable, FlowdagError, RunNotFound
from flowdag.model import EDGES, NODES, TRIES, FlowRunGraph
from flowdag.prefect_api import client as client_module
from flowdag.prefect_api import guard
from flowdag.prefect_api.graph_v2 import GraphAnswer, read_flow_run_graph
from flowdag.prefect_api.guard import TooLarge
from flowdag.prefect_api.read_run import read_run
from tests.misbehaving import Answer, Request, answering, as_json, without_csrf
from tests.prefect_api.test_faults import no_retries
from tests.truth import Truth, ask, tenant

Way = tuple[str | int, ...]
SCENARIO = "twice"
FUZZ = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@dataclass
class Recorded:
    """A server that gives what another one said; `spoiled` replaces single answers."""

    real: str
    run_id: str = ""
    api_url: str = ""
    answers: dict[tuple[str, ...], Any] = field(default_factory=dict)
    spoiled: dict[tuple[str, ...], Answer] = field(default_factory=dict)
    recording: bool = True

    def answer(self, request: Request) -> Answer:
        path = request.path.removeprefix("/api")
        key = (request.method, path, urlencode(request.query, doseq=True), request.body.decode())
        if self.recording:
            self.answers[key] = self._ask(request, path)
        if key not in self.answers:
            # spoiled answers lead to other questions: the best that is known is the answer of the same path
            key = next((one for one in self.answers if one[:2] == key[:2]), key)
        if key in self.spoiled:
            return self.spoiled[key]
        return as_json(self.answers[key]) if key in self.answers else as_json({"detail": "Not Found"}, 404)

    def _ask(self, request: Request, path: str) -> Any:
        url = f"{self.real}{path}?{urlencode(request.query, doseq=True)}"
        told = httpx.request(
            request.method,
            url,
            content=request.body,
            headers={"Content-Type": "application/json"},
            trust_env=False,
            timeout=30,
        )
        return told.raise_for_status().json()

    def read(self) -> FlowRunGraph:
        return ask(tenant(self.api_url), lambda client: read_run(client, self.run_id))

    def graph_v2(self) -> GraphAnswer:
        return ask(tenant(self.api_url), lambda client: read_flow_run_graph(client, self.run_id))


@pytest.fixture(scope="module")
def recorded(truth: Truth) -> Iterator[Recorded]:
    graph = truth.graph(SCENARIO)
    held = Recorded(truth.api_url, graph.run.id)
    with answering(without_csrf(held.answer)) as held.api_url:
        assert held.read().nodes.equals(graph.nodes)
        held.graph_v2()
        held.recording = False
        yield held


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_settings", no_retries)
    monkeypatch.setattr(guard, "PATIENCE_S", 0)


def sound(graph: FlowRunGraph) -> None:
    nodes, edges, tries = graph.nodes, graph.edges, graph.tries
    for frame, contract in ((nodes, NODES), (edges, EDGES), (tries, TRIES)):
        assert {name: str(kind) for name, kind in frame.dtypes.items()} == dict(contract)
    assert nodes.index.is_unique
    assert all(isinstance(node, str) for node in nodes.index)
    assert {*edges["source"], *edges["target"], *tries["node"], *nodes["container"].dropna()} <= set(nodes.index)
    assert (edges["source"] != edges["target"]).all()
    assert not edges.duplicated(["source", "target"]).any()
    assert not (nodes[["blocked_s", "queue_s", "run_s", "retry_s", "wall_s"]] < 0).any(axis=None)
    assert all(isinstance(note, str) and note.endswith(".") for note in graph.notes)


def same(one: FlowRunGraph, other: FlowRunGraph) -> bool:
    tables = ((one.nodes, other.nodes), (one.edges, other.edges), (one.tries, other.tries))
    return one.run == other.run and all(mine.equals(theirs) for mine, theirs in tables)


def in_words(error: FlowdagError) -> None:
    for sentence in (error.what, error.todo):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "Traceback" not in sentence


def outcome(recorded: Recorded, read: Callable[[], Any]) -> Any:
    """The graph, or None where the end was an error in words; any other exception is a failure."""
    try:
        return read()
    except FlowdagError as error:
        in_words(error)
        return None
    finally:
        recorded.spoiled.clear()


# --- anything anywhere -----------------------------------------------------------------------------------------------

UNKNOWN = "00000000-0000-4000-8000-000000000000"
MOMENTS = ("yesterday", "", "0000-00-00", "9999-12-31T23:59:59.999999Z", "1677-09-21T00:00:00Z", "2026-03-01T00:00:00")
OTHERS: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**30,
    1.5,
    "text",
    [],
    {},
    [None],
    [[]],
    {"id": None},
    [{"id": 1}],
    *MOMENTS,
)


def ways(value: Any, so_far: Way = ()) -> Iterator[Way]:
    """The places in a JSON value, the outermost first."""
    yield so_far
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from ways(inner, (*so_far, key))


def spoil(answer: Any, way: Way, kind: str, other: Any) -> Any:
    """A copy of an answer in which one place is replaced, dropped, or there twice."""
    if not way:
        return other
    answer = copy.deepcopy(answer)
    around = answer
    for key in way[:-1]:
        around = around[key]
    if kind == "drop":
        del around[way[-1]]
    elif kind == "twice" and isinstance(around, list):
        around.insert(int(way[-1]), copy.deepcopy(around[int(way[-1])]))
    else:
        around[way[-1]] = other
    return answer


def spoiled(draw: st.DataObject, answers: dict[tuple[str, ...], Any]) -> tuple[tuple[str, ...], Any, Any]:
    key = draw.draw(st.sampled_from(sorted(answers, key=str)), label="request")
    way = draw.draw(st.sampled_from(list(ways(answers[key]))), label="place")
    kind = draw.draw(st.sampled_from(["other", "other", "drop", "twice"]), label="kind")
    return key, way, spoil(answers[key], way, kind, draw.draw(st.sampled_from((*OTHERS, *MOMENTS)), label="value"))


@FUZZ
@given(draw=st.data())
def test_a_run_with_one_spoiled_answer(recorded: Recorded, draw: st.DataObject) -> None:
    key, _, answer = spoiled(draw, recorded.answers)
    recorded.spoiled[key] = as_json(answer)
    if (graph := outcome(recorded, recorded.read)) is not None:
        sound(graph)


@FUZZ
@given(draw=st.data())
def test_a_graph_v2_with_one_spoiled_place(recorded: Recorded, draw: st.DataObject) -> None:
    answers = {key: answer for key, answer in recorded.answers.items() if key[1].endswith("/graph-v2")}
    key, _, answer = spoiled(draw, answers)
    recorded.spoiled[key] = as_json(answer)
    if (graph := outcome(recorded, recorded.graph_v2)) is not None:
        ids = [node.id for node in graph.nodes]
        assert len(set(ids)) == len(ids)


@FUZZ
@given(draw=st.data())
def test_a_truncated_answer(recorded: Recorded, draw: st.DataObject) -> None:
    """Cut off, with a length that says so or one that does not: never a graph."""
    key = draw.draw(st.sampled_from(sorted(key for key in recorded.answers if key[1] != "/health")))
    body = json.dumps(recorded.answers[key]).encode()
    cut = draw.draw(st.integers(0, len(body) - 1))
    recorded.spoiled[key] = Answer(200, body[:cut], length=draw.draw(st.sampled_from([None, len(body)])))
    read = recorded.graph_v2 if key[1].endswith("/graph-v2") else recorded.read
    assert outcome(recorded, read) is None


# --- what can be seen to be wrong is told ----------------------------------------------------------------------------

FACTS = (  # of rows of task runs and flow runs: what the graph shows
    "id", "name", "state_type", "state_name", "expected_start_time", "start_time", "end_time", "total_run_time",
    "run_count", "flow_run_run_count", "tags", "task_inputs", "task_key", "dynamic_key", "flow_run_id", "flow_id",
    "parent_task_run_id", "timestamp", "type",
)  # fmt: skip
NEVER_RIGHT: dict[str, tuple[Any, ...]] = {
    "time": ("yesterday", "", "0000-00-00", 5, [], {}, True),
    "text": (5, [], {}, True, 1.5),
    "number": ("text", [], {}, "3", 10**30),
    "other": ("text", 5, True, 1.5),
}


def kind_of(name: str) -> str:
    if name in ("total_run_time", "run_count", "flow_run_run_count"):
        return "number"
    if name in ("tags", "task_inputs"):
        return "other"
    return "time" if name.endswith("_time") or name == "timestamp" else "text"


@FUZZ
@given(draw=st.data())
def test_a_fact_of_the_wrong_kind_is_never_silent(recorded: Recorded, draw: st.DataObject) -> None:
    """An error, a note, or a graph that is the true one all the same."""
    places = [
        (key, way)
        for key, answer in recorded.answers.items()
        if not key[1].endswith("/graph-v2")
        for way in ways(answer)
        if way and way[-1] in FACTS and len(way) <= 2
    ]
    key, way = draw.draw(st.sampled_from(places), label="place")
    other = draw.draw(st.sampled_from(NEVER_RIGHT[kind_of(str(way[-1]))]), label="value")
    truth = recorded.read()
    recorded.spoiled[key] = as_json(spoil(recorded.answers[key], way, "other", other))
    if (graph := outcome(recorded, recorded.read)) is not None:
        sound(graph)
        assert set(graph.notes) - set(truth.notes) or same(graph, truth)


def rows_of(recorded: Recorded, path: str) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    """The longest answer of a path, to be changed."""
    key = max((key for key in recorded.answers if key[1] == path), key=lambda key: len(recorded.answers[key]))
    return key, copy.deepcopy(recorded.answers[key])


def read_with(recorded: Recorded, key: tuple[str, ...], rows: Any) -> FlowRunGraph | None:
    recorded.spoiled[key] = as_json(rows)
    graph = outcome(recorded, recorded.read)
    if graph is not None:
        sound(graph)
    return graph


def test_rows_that_come_twice(recorded: Recorded) -> None:
    truth = recorded.read()
    for path in ("/task_runs/filter", "/flow_runs/filter"):
        key, rows = rows_of(recorded, path)
        graph = read_with(recorded, key, rows + rows)
        assert graph is None or same(graph, truth)


def test_rows_that_are_held_back(recorded: Recorded) -> None:
    key, rows = rows_of(recorded, "/task_runs/filter")
    assert read_with(recorded, key, rows[:-1]) is None
    key, _ = rows_of(recorded, "/task_runs/filter")
    assert read_with(recorded, key, []) is None


def test_ends_before_starts(recorded: Recorded) -> None:
    key, rows = rows_of(recorded, "/task_runs/filter")
    for row in rows:
        row["start_time"], row["end_time"] = row["end_time"], row["start_time"]
    graph = read_with(recorded, key, rows)
    assert graph is not None
    assert graph.notes
    assert (graph.nodes["wall_s"].dropna() >= 0).all()


def test_a_state_that_nobody_knows(recorded: Recorded) -> None:
    key, rows = rows_of(recorded, "/task_runs/filter")
    rows[0]["state_type"] = "CONFUSED"
    graph = read_with(recorded, key, rows)
    assert graph is None or any("CONFUSED" in note for note in graph.notes)


def test_inputs_in_a_circle(recorded: Recorded) -> None:
    """Each task run needs all of them: some link is against the clock."""
    key, rows = rows_of(recorded, "/task_runs/filter")
    for row in rows:
        row["task_inputs"] = {"x": [{"input_type": "task_run", "id": other["id"]} for other in rows]}
    graph = read_with(recorded, key, rows)
    assert graph is not None
    assert any("dashed" in note for note in graph.notes)


def test_tasks_inside_one_another(recorded: Recorded) -> None:
    key, rows = rows_of(recorded, "/task_runs/filter")
    ring = [row for row in rows if row["name"] in ("drawn", "fragile")]
    for row, other in zip(ring, [*ring[1:], ring[0]], strict=True):
        row["task_inputs"] = {"__parents__": [{"input_type": "task_run", "id": other["id"]}]}
    graph = read_with(recorded, key, rows)
    assert graph is not None
    assert any("inside themselves" in note for note in graph.notes)


def test_inputs_that_nobody_has(recorded: Recorded) -> None:
    """Inputs of other runs are nothing odd: they are no link here."""
    truth = recorded.read()
    key, rows = rows_of(recorded, "/task_runs/filter")
    for row in rows:
        row["task_inputs"] = {**row["task_inputs"], "more": [{"input_type": "task_run", "id": UNKNOWN}]}
    graph = read_with(recorded, key, rows)
    assert graph is not None
    assert same(graph, truth)


# --- answers that are none -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 418, 422, 423, 429, 500, 501, 502, 503, 504])
def test_http_errors_wherever_they_come(recorded: Recorded, status: int) -> None:
    for key in list(recorded.answers)[status % 7 :: 7]:  # by turns
        recorded.spoiled[key] = as_json({"detail": "no"}, status, **{"Retry-After": "0"})
        read = recorded.graph_v2 if key[1].endswith("/graph-v2") else recorded.read
        with pytest.raises((ApiRefused, ApiUnreachable, RunNotFound, TooLarge)) as raised:
            read()
        in_words(raised.value)
        recorded.spoiled.clear()


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<!doctype html><title>Sign in</title>", {"Content-Type": "text/html"}),
        Answer(302, b"", {"Location": "/sign-in"}),
        Answer(307, b"", {"Location": "http://127.0.0.1:1/"}),
        Answer(200, b'{"id": NaN}', {"Content-Type": "application/json"}),
        Answer(200, b"[" * 100_000, {"Content-Type": "application/json"}),
        Answer(200, b"\xff\xfe", {"Content-Type": "application/json"}),
        Answer(204, b""),
    ],
    ids=["html", "redirect", "redirect to nobody", "NaN", "too deep", "no text", "nothing"],
)
def test_answers_that_are_not_prefects(recorded: Recorded, answer: Answer) -> None:
    for key in recorded.answers:
        if key[1] == "/health":
            continue  # only its Date is read
        recorded.spoiled[key] = answer
        read = recorded.graph_v2 if key[1].endswith("/graph-v2") else recorded.read
        with pytest.raises(FlowdagError) as raised:
            read()
        in_words(raised.value)
        recorded.spoiled.clear()


def endless(line: Any) -> None:
    for _ in range(200):
        line.write(b" " * 1_000_000)


def test_a_body_of_200_mb(recorded: Recorded) -> None:
    for path in ("/task_runs/filter", f"/flow_runs/{recorded.run_id}/graph-v2"):
        key = next(key for key in recorded.answers if key[1] == path)
        recorded.spoiled[key] = Answer(200, b"[", length=200_000_001, then=endless)
        with pytest.raises(ApiAnswerInvalid, match="larger than") as raised:
            (recorded.graph_v2 if path.endswith("/graph-v2") else recorded.read)()
        in_words(raised.value)
        recorded.spoiled.clear()


def test_an_answer_that_hangs(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "READ_S", 0.3)
    for key in recorded.answers:
        recorded.spoiled[key] = Answer(200, b"[", length=1000, then=lambda _: time.sleep(1))
        read = recorded.graph_v2 if key[1].endswith("/graph-v2") else recorded.read
        with pytest.raises(ApiUnreachable) as raised:
            read()
        in_words(raised.value)
        recorded.spoiled.clear()
