"""Each test begins with empty caches and the tenants of the samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.opened import forget
from tests.samples import Samples


@pytest.fixture(autouse=True)
def tenants(samples: Samples) -> Iterator[None]:
    samples.configure(Path())
    forget()
    yield
    forget()
