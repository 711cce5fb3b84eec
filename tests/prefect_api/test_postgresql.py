"""The same flows on a server with PostgreSQL: the graphs equal Prefect's own, the flows' source and their journal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.needs import needs_postgresql
from tests.postgresql import cluster
from tests.prefect_api import test_graph_v2 as parity
from tests.prefect_api import test_odd_flows as odd
from tests.prefect_api import test_sample_flows as sample
from tests.serving import served
from tests.truth import Truth, journalled_runs


@pytest.fixture(scope="module")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("prefect")
    with cluster(needs_postgresql()) as database, served(home, database) as api_url:
        yield api_url


@pytest.fixture(scope="module")
def truth(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Truth]:
    """The journal's first scenarios are enough; what is under way then is stopped."""
    with journalled_runs(prefect_server, tmp_path_factory.mktemp("journal")) as runs:
        yield runs


@pytest.mark.parametrize("scenario", ["nightly", "failing", "twice", "nested", "inputs", "passing"])
def test_both_graphs_are_equal(truth: Truth, scenario: str) -> None:
    parity.test_both_graphs_have_the_same_nodes(truth, scenario)
    parity.test_both_graphs_have_the_same_edges(truth, scenario)


@pytest.mark.parametrize("scenario", ["nightly", "failing"])
def test_sample_flows(truth: Truth, scenario: str) -> None:
    sample.test_edges(truth, scenario)
    sample.test_containers(truth, scenario)
    sample.test_tries(truth, scenario)
    sample.test_only_what_ran_has_times(truth, scenario)


def test_odd_flows(truth: Truth) -> None:
    odd.test_attempts_are_told_apart(truth)
    odd.test_each_attempt_is_a_graph_of_its_own(truth)
    odd.test_the_container_is_the_innermost(truth)
    odd.test_inputs_given_in_every_way(truth)
    odd.test_subflows_handed_on_as_result_and_as_state(truth)
