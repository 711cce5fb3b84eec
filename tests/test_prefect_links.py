"""Links into Prefect's own pages, per tenant."""

from __future__ import annotations

import pytest

from flowdag.tenants import Tenant, make_tenant
from flowdag.ui.prefect_links import flow_run_url, task_run_url

ID = "0199c0de-0000-7000-8000-000000000001"
WORKSPACE = "accounts/0a1b-2c/workspaces/3d4e-5f"


def tenant(api_url: str, ui_url: str | None = None) -> Tenant:
    return make_tenant({"title": "t", "api_url": api_url, "ui_url": ui_url}, "t", "t", "")


@pytest.mark.parametrize(
    ("api_url", "ui_url", "begin"),
    [
        ("http://127.0.0.1:4200/api", None, "http://127.0.0.1:4200"),
        ("https://prefect.test/team/api/", None, "https://prefect.test/team"),
        (
            f"https://api.prefect.cloud/api/{WORKSPACE}",
            None,
            "https://app.prefect.cloud/account/0a1b-2c/workspace/3d4e-5f",
        ),
        ("https://api.test/prefect", "https://ui.test/", "https://ui.test"),
    ],
)
def test_a_run_and_a_task(api_url: str, ui_url: str | None, begin: str) -> None:
    whose = tenant(api_url, ui_url)
    assert flow_run_url(whose, ID) == f"{begin}/runs/flow-run/{ID}"
    assert task_run_url(whose, ID) == f"{begin}/runs/task-run/{ID}"


def test_no_link_where_nobody_knows_the_address() -> None:
    assert flow_run_url(tenant("https://api.test/prefect"), ID) is None


def test_an_id_stays_one_part_of_the_address() -> None:
    assert task_run_url(tenant("http://a.test/api"), "../x?y#z") == "http://a.test/runs/task-run/..%2Fx%3Fy%23z"
