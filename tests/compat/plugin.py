"""What other versions of Prefect do differently, as marks on the tests: loaded by `make compat` only."""

from __future__ import annotations

import os

import pytest

VERSION = tuple(map(int, os.environ["COMPAT_VERSION"].split(".")))

# test, before which version, why it fails there; every one is tried, and must fail
KNOWN: list[tuple[str, tuple[int, ...], str]] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what asks no Prefect server; mark what other versions cannot do."""
    asking = [item for item in items if "prefect_server" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=[item for item in items if item not in asking])
    items[:] = asking
    for item in items:
        for test, before, why in KNOWN:
            if test in (item.name, getattr(item, "originalname", "")) and before > VERSION:
                item.add_marker(pytest.mark.xfail(reason=why, strict=True))
