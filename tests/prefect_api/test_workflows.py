"""Recorded workflows of other people, replayed as real flow runs: flowdag draws what their files say, exactly."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pandas as pd
import pytest

from flowdag.analysis.critical_path import critical_path
from flowdag.analysis.grouping import picture
from flowdag.demo.processes import clean_env, stop
from tests.needs import ROOT, needs_shared
from tests.truth import Truth
from tests.waiting import wait_until
from tests.workflows import DATA, given_as_data, jobs

SIZES = {"montage": 58, "airrflow": 212, "1000genome": 260, "soykb": 416, "bwa": 1004, "epigenomics": 1397}
LARGE = ("bwa", "epigenomics")  # more than a minute each on two cores: with LARGE_WORKFLOWS=1, as CI sets it
REPLAYS = (
    *("montage", f"montage{DATA}", "airrflow", "1000genome", "soykb"),
    *(LARGE if os.environ.get("LARGE_WORKFLOWS") == "1" else ()),
)
GROUPS = {"bwa": 5, "epigenomics": 9, "soykb": 14, "airrflow": 36}  # measured before flowdag existed, by other code


@pytest.fixture(scope="module")
def replayed(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Truth]:
    """All replays, in one process, the small ones first."""
    home = tmp_path_factory.mktemp("workflows")
    (home / "runs.jsonl").touch()
    file, log = home / "runs.jsonl", home / "runs.log"
    env = clean_env(home, PREFECT_API_URL=prefect_server, PYTHONPATH=str(ROOT), PREFECT_LOGGING_LEVEL="WARNING")
    command = [sys.executable, "-m", "tests.workflows", str(needs_shared("data/workflows")), str(file), *REPLAYS]
    with log.open("w") as out:
        process = subprocess.Popen(
            command, env=env, cwd=home, stdout=out, stderr=out, text=True, start_new_session=True
        )
        try:
            yield Truth(prefect_server, file, process)
        finally:
            stop([process])


def in_file(replay: str) -> tuple[dict[str, str], set[tuple[str, str, str]]]:
    """Task names by id, and the edges with their kinds, as the file and the replay have them."""
    path = needs_shared(f"data/workflows/{replay.removesuffix(DATA)}.csv")
    rows = pd.read_csv(path, dtype=str).fillna("")
    as_data = given_as_data(jobs(path)) if replay.endswith(DATA) else set()
    edges = {
        (parent, task, "data" if task in as_data else "wait_for")
        for task, parents in zip(rows["task_id"], rows["parent_ids"], strict=True)
        for parent in parents.split()
    }
    return dict(zip(rows["task_id"], rows["task_name"], strict=True)), edges


@pytest.mark.parametrize("replay", REPLAYS)
def test_the_graph_is_the_files(replayed: Truth, replay: str) -> None:
    wait_until(lambda: f'"{replay}"' in replayed.file.read_text(), replayed.process, 280)
    names, edges = in_file(replay)
    assert len(names) == SIZES[replay.removesuffix(DATA)]
    graph = replayed.graph(replay)
    assert graph.complete
    assert graph.notes == ()
    label, found = graph.nodes["label"], graph.edges
    assert dict(zip(label, graph.nodes["task_name"], strict=True)) == names
    assert len(graph.nodes) == len(names)
    assert set(graph.nodes["state_name"]) == {"Completed"}
    pairs = list(zip(label[found["source"]], label[found["target"]], found["kind"], strict=True))
    assert len(pairs) == len(edges)
    assert set(pairs) == edges
    assert found["plausible"].all()


@pytest.mark.parametrize("replay", [name for name in REPLAYS if name.removesuffix(DATA) in GROUPS])
def test_it_folds_into_its_groups(replayed: Truth, replay: str) -> None:
    graph = replayed.graph(replay)
    drawn = picture(graph)
    assert len(drawn.boxes) == GROUPS[replay.removesuffix(DATA)]
    assert drawn.boxes["count"].sum() == len(graph.nodes)
    if replay == "bwa":
        assert len(drawn.links) == 4


@pytest.mark.parametrize("replay", REPLAYS)
def test_its_critical_path_tiles_it(replayed: Truth, replay: str) -> None:
    """To the microsecond; and where one needed the one before it on the path, that is the parent that ended last."""
    graph = replayed.graph(replay)
    path = critical_path(graph)
    bounds = [graph.run.start, *path.segments["end"]]
    assert list(path.segments["start"]) == bounds[:-1]
    assert bounds[-1] == graph.run.end
    label, ended = graph.nodes["label"], graph.nodes.set_index("label")["end"]
    parents: dict[str, set[str]] = {}
    for parent, task, _ in in_file(replay)[1]:
        parents.setdefault(task, set()).add(parent)
    assert len(path.links)
    for source, target, kind in path.links.to_numpy():
        if kind == "order":  # it got the slot of the other: sixteen run at once
            assert graph.nodes.at[source, "end"] <= graph.nodes.at[target, "start"]
        else:
            assert ended[label[source]] == max(ended[parent] for parent in parents[label[target]])
