"""What every test gets: settings and folders that are not the developer's own, and one real Prefect server."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer

    from tests.samples import Samples
    from tests.spreading import Spread
    from tests.truth import Truth

OURS = ("PREFECT_", "FLOWDAG_", "STREAMLIT_")


def pytest_configure(config: pytest.Config) -> None:
    """Before anything imports Prefect, which reads its settings once: no profile of the developer, no telemetry."""
    home = tempfile.TemporaryDirectory(prefix="flowdag-tests-")
    config.add_cleanup(home.cleanup)
    _forget_settings()
    os.environ |= {"PREFECT_HOME": home.name, "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: one of them makes a run beside the samples, which lists would show."""
    items.sort(key=lambda item: "browser" in item.path.parts)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Spread:
    """Which tests a process gets, where there are several (`pytest -n 2`)."""
    from tests.spreading import Spread

    return Spread(config, log)


def _forget_settings() -> None:
    for name in [name for name in os.environ if name.startswith(OURS)]:
        del os.environ[name]


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each test runs in an empty folder of its own, without settings that an earlier test or fixture left behind."""
    keep = ("PREFECT_HOME", "PREFECT_SERVER_ANALYTICS_ENABLED")
    for name in os.environ:
        if name.startswith(OURS) and name not in keep:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API URL of a real Prefect server with a home of its own."""
    from tests.serving import served

    with served(tmp_path_factory.mktemp("prefect")) as api_url:
        yield api_url


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samples]:
    """A server of its own with sample runs of two clients and odd ones: others' runs would change what lists show."""
    from tests.samples import sampled_server

    with sampled_server(tmp_path_factory.mktemp("samples")) as sampled:
        yield sampled


@pytest.fixture(scope="session")
def truth(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Truth]:
    """Runs of the sample flows, and of odd ones, that keep a journal of what they really did."""
    from tests.truth import journalled_runs

    with journalled_runs(prefect_server, tmp_path_factory.mktemp("journal")) as runs:
        yield runs


@pytest.fixture(scope="session")
def usual_runs(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Twelve runs of one flow that are alike, two of another client, then one in which a known task took longer."""
    from tests.usual_flows import usual_runs

    return usual_runs(prefect_server, tmp_path_factory.mktemp("usual"))
