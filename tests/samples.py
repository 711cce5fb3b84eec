"""A Prefect server with the runs of tests/sample_runs.py on it, and tenants that see all or part of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flowdag.demo.processes import clean_env
from flowdag.demo.server import embedded_server
from tests.needs import ROOT

TENANT = '[tenants.{slug}]\ntitle = "{title}"\napi_url = "{api_url}"\n{scope}\n'
TENANTS = {  # title, and the tag that a tenant's runs bear
    "demo": ("Everything", None),
    "acme": ("Client Acme", "client:acme"),
    "globex": ("Client Globex", "client:globex"),
    "odd": ("Odd runs", "client:odd"),
    "nobody": ("Nobody yet", "client:nobody"),
}


@dataclass(frozen=True)
class Samples:
    """The API URL, and the ids of flow runs by the names that sample_runs.py gives them."""

    api_url: str
    runs: dict[str, str]

    def configure(self, folder: Path) -> None:
        """Write the tenants into `folder`, from where the app reads them."""
        tables = [
            TENANT.format(slug=slug, title=title, api_url=self.api_url, scope=f'scope.tags = ["{tag}"]' if tag else "")
            for slug, (title, tag) in TENANTS.items()
        ]
        secrets = folder / ".streamlit" / "secrets.toml"
        secrets.parent.mkdir(parents=True, exist_ok=True)
        secrets.write_text("\n".join(tables))


@contextmanager
def sampled_server(home: Path) -> Iterator[Samples]:
    """A running server, once all sample runs are recorded."""
    with embedded_server(home) as api_url:
        env = clean_env(home / "runs", PREFECT_API_URL=api_url, PYTHONPATH=str(ROOT))
        done = subprocess.run(
            [sys.executable, "-m", "tests.sample_runs"], env=env, cwd=home, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-5000:]
        yield Samples(api_url, json.loads(done.stdout.splitlines()[-1]))
