"""Runs tests/defect_flows.py, four at a time, with a journal: `python -m tests.defect_journal FILE`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from flowdag.demo.processes import clean_env, stop
from tests.journal import keep, write
from tests.needs import ROOT
from tests.truth import Truth


def main(out: Path) -> None:
    from tests import defect_flows, odd_flows

    keep(out, defect_flows, odd_flows)

    def note(name: str) -> None:
        ended = defect_flows.RUNS[name]()
        run_id = ended if isinstance(ended, str) else str(ended.state_details.flow_run_id)
        write(out, {"what": "scenario", "name": name, "id": run_id})

    # what is waited for longest, or waits for a test, comes first
    order = sorted(defect_flows.RUNS, key=lambda name: name not in ("killed", "cancelled", "waiting"))
    with ThreadPoolExecutor(4) as pool:
        for noted in [pool.submit(note, name) for name in order]:
            noted.result()


@contextmanager
def defect_runs(api_url: str, home: Path) -> Iterator[Truth]:
    """The defect flows under way on the server, in a process of their own, whose folder is that of the journal."""
    file = home / "journal.jsonl"
    env = clean_env(home, PREFECT_API_URL=api_url, PYTHONPATH=str(ROOT))
    with (home / "journal.log").open("w") as log:
        command = [sys.executable, "-m", "tests.defect_journal", str(file)]
        process = subprocess.Popen(
            command, env=env, cwd=home, stdout=log, stderr=log, text=True, start_new_session=True
        )
        try:
            yield Truth(api_url, file, process)
        finally:
            stop([process])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
