"""Hypothesis strategies: rows as no good server would send them, and the graphs that come of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from flowdag.model import FlowRun, FlowRunGraph
from flowdag.prefect_api.assemble import Raw, assemble

RUN = "the-run"
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
AS_OF = BEGIN + timedelta(minutes=10)

STATES = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED", "RUNNING", "PENDING", "SCHEDULED", "PAUSED", "CANCELLING")
LABELS = ("plain", "<img src=x onerror=alert(1)>", "=1+2", "x\r=1", "名前", "\u202eevil", "a" * 300, "", 'a,b\n"c"')
task_ids = st.sampled_from([f"t{number}" for number in range(8)])
sub_ids = st.sampled_from([f"s{number}" for number in range(4)])
any_id = st.one_of(task_ids, sub_ids, st.sampled_from(["nowhere", RUN]))
maybe_time = st.one_of(
    st.none(), st.floats(0, 500, allow_nan=False).map(lambda s: (BEGIN + timedelta(seconds=s)).isoformat())
)
inputs = st.dictionaries(
    st.sampled_from(["x", "y", "wait_for", "__parents__"]),
    st.lists(any_id.map(lambda one: {"input_type": "task_run", "id": one}), max_size=4),
    max_size=4,
)


def rows(ids: st.SearchStrategy[str], more: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Prefect's rows: an id, and everything else null, missing or out of order."""
    common: dict[str, st.SearchStrategy[Any]] = {
        "name": st.sampled_from(LABELS),
        "state_type": st.one_of(st.none(), st.sampled_from(STATES)),
        "state_name": st.one_of(st.none(), st.sampled_from(["Completed", "NotReady", "Cached", "AwaitingRetry"])),
        "expected_start_time": maybe_time,
        "start_time": maybe_time,
        "end_time": maybe_time,
        "run_count": st.one_of(st.none(), st.integers(0, 5)),
        "total_run_time": st.one_of(st.none(), st.floats(0, 1000, allow_nan=False)),
        "tags": st.one_of(st.none(), st.lists(st.sampled_from(LABELS), max_size=2)),
    }
    return st.fixed_dictionaries({"id": ids}, optional={**common, **more})


task_runs = rows(
    task_ids,
    {
        "flow_run_id": st.one_of(st.just(RUN), sub_ids),
        "task_key": st.one_of(st.none(), st.sampled_from(["a-0a1b2c3d", "m.b-0a1b2c3d", ""])),
        "dynamic_key": st.one_of(st.none(), st.sampled_from(["0", "abcdef"])),
        "flow_run_run_count": st.one_of(st.none(), st.integers(0, 3)),
        "task_inputs": st.one_of(st.none(), inputs),
    },
)
sub_rows = rows(
    sub_ids,
    {"parent_task_run_id": st.one_of(st.none(), task_ids), "parent_flow_run_id": st.one_of(st.just(RUN), sub_ids)},
).map(lambda row: {"flow_id": "f", "name": "sub", **row})
states = st.builds(
    lambda kind, name, second: {
        "type": kind,
        "name": name,
        "timestamp": (BEGIN + timedelta(seconds=second)).isoformat(),
    },
    st.sampled_from(STATES),
    st.sampled_from(["Running", "AwaitingRetry", "Completed"]),
    st.integers(0, 500),
)


@st.composite
def raws(draw: st.DrawFn) -> Raw:
    """A run of up to a dozen task runs and four subflow runs; duplicates, cycles and loose ends are likely."""
    kind = draw(st.sampled_from(STATES))
    start = draw(st.one_of(st.none(), st.just(BEGIN)))
    end = draw(st.one_of(st.none(), st.just(BEGIN + timedelta(seconds=400))))
    run = FlowRun(RUN, "run", "f", "flow", kind, kind.title(), start=start, end=end, attempts=draw(st.integers(0, 3)))
    histories = draw(
        st.dictionaries(
            any_id,
            st.lists(states, max_size=6).map(lambda many: sorted(many, key=lambda state: state["timestamp"])),
            max_size=4,
        )
    )
    found = draw(st.lists(task_runs, max_size=12))
    # Prefect's client code keys rows by id: the reader hands on each once
    unique = list({row["id"]: row for row in found}.values())
    return Raw(run, list({r["id"]: r for r in draw(st.lists(sub_rows, max_size=4))}.values()), unique, {}, histories)


@st.composite
def graphs(draw: st.DrawFn) -> FlowRunGraph:
    return assemble(draw(raws()), AS_OF)


@st.composite
def dags(draw: st.DrawFn) -> FlowRunGraph:
    """Up to forty task runs of five names: each takes results of earlier ones, and may run inside one of them."""
    many = []
    for at in range(draw(st.integers(1, 40))):
        earlier = [f"n{number:02d}" for number in range(at)]
        some = st.lists(st.sampled_from(earlier), max_size=3, unique=True) if earlier else st.just([])
        called = {
            "x": [{"id": one} for one in draw(some)],
            "__parents__": [{"id": one} for one in draw(some)[:1] if draw(st.booleans())],
        }
        name = draw(st.sampled_from(["load", "clean", "join", "send", "check"]))
        times = {key: (BEGIN + timedelta(seconds=at)).isoformat() for key in ("expected_start_time", "start_time")}
        many.append(
            {
                "id": f"n{at:02d}",
                "name": f"{name}-{at}",
                "flow_run_id": RUN,
                "task_key": f"{name}-0a1b2c3d",
                "state_type": draw(st.sampled_from(["COMPLETED", "FAILED"])),
                "end_time": (BEGIN + timedelta(seconds=at + draw(st.integers(0, 9)))).isoformat(),
                "run_count": 1,
                "task_inputs": called,
                **times,
            }
        )
    run = FlowRun(RUN, "run", "f", "flow", "COMPLETED", "Completed", start=BEGIN, end=BEGIN + timedelta(minutes=1))
    return assemble(Raw(run, [], many, {}), AS_OF)
