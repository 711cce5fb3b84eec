"""How several processes share the tests: file by file, and files that need the same costly runs go to the same process.

Groups marked as pytest-xdist offers them would do, but its version 3.8 loses the marks with pytest 9.2.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling

from tests.needs import ROOT

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

WITH_SAMPLES = ("tests/browser/", "tests/pages/", "tests/security/", "tests/prefect_api/test_recent.py")
FIRST = (  # what takes longest: what is short then fills the gap at the end
    *("truth", "tests/prefect_api/test_faults.py"),  # times are compared: beside it nothing that keeps both cores busy
    *("samples", "tests/prefect_api/test_workflows.py", "tests/prefect_api/test_defects.py"),
    *("tests/prefect_api/test_postgresql.py", "tests/demo/test_demo.py", "tests/test_wheel.py", "tests/test_cli.py"),
    *("tests/prefect_api/test_live_flow.py", "tests/analysis/test_critical_path.py"),
    "tests/prefect_api/test_seeded.py",
)


@cache
def unit(file: str) -> str:
    """What goes to one process: files that use the `samples` or the `truth` of tests/conftest.py; else one file."""
    if file.startswith(WITH_SAMPLES):
        return "samples"
    text = (ROOT / file).read_text()
    return "truth" if "truth: Truth" in text and "def truth(" not in text else file


class Spread(LoadScopeScheduling):
    """Whole groups and whole files, the long ones first."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid.partition("::")[0])

    def _assign_work_unit(self, node: WorkerController) -> None:
        self.workqueue.move_to_end(min(self.workqueue, key=_turn), last=False)
        super()._assign_work_unit(node)


def _turn(name: str) -> int:
    return FIRST.index(name) if name in FIRST else len(FIRST)
