"""Whatever is missing or broken has its own plain sentence and a next step, never a traceback."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from flowdag import cache
from flowdag.demo.processes import free_port
from tests.misbehaving import Answer, Request, answering, as_json, passed_on
from tests.needs import ROOT
from tests.opened import drawn, opened, tables, words, write_tenants
from tests.samples import Samples

PAGES = [*sorted(str(path.relative_to(ROOT)) for path in (ROOT / "pages" / "run").glob("*.py")), "pages/tenant/runs.py"]
SECRET = "pnu_Sentinel0Secret"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def is_plain(app: AppTest) -> bool:
    """Whether no exception is shown, and nothing that only a programmer would say."""
    said = words(app)
    return not app.exception and not any(word in said for word in ("Traceback", "Error:", "httpx", "None", SECRET))


@pytest.mark.parametrize("page", PAGES)
def test_a_tenant_without_runs(page: str) -> None:
    app = opened(page, tenant="nobody")
    assert "This tenant has no runs" in words(app)
    assert is_plain(app)
    assert drawn(app) == []


@pytest.mark.parametrize("page", PAGES)
def test_filters_that_let_nothing_through(page: str) -> None:
    app = opened(page, tenant="acme", state="Crashed")
    assert "No run matches the filters." in words(app)
    assert is_plain(app)


def test_a_run_without_tasks(samples: Samples) -> None:
    app = opened(tenant="odd", run=samples.runs["no tasks"])
    assert "This run called no tasks." in words(app)
    assert "nothing called" in words(app)
    assert is_plain(app)
    assert drawn(app) == []


def test_a_run_that_has_not_started(samples: Samples) -> None:
    app = opened(tenant="demo", run=samples.runs["scheduled"])
    assert "This run has not started yet" in words(app)
    assert "worker" in words(app), "the next step"
    assert is_plain(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_server_that_is_down(page: str) -> None:
    write_tenants(f'[tenants.down]\napi_url = "http://127.0.0.1:{free_port()}/api"\napi_key = "{SECRET}"')
    app = opened(page)
    assert "The Prefect server at 127.0.0.1 cannot be reached." in words(app)
    assert "Check that it is running" in words(app)
    assert [button.label for button in app.button] == ["Try again"]
    assert app.query_params["tenant"] == "down"
    assert is_plain(app)


@pytest.mark.parametrize("page", [page for page in PAGES[:-1] if "compare" not in page])
def test_lists_that_fail_do_not_close_a_run_that_is_named(page: str, samples: Samples) -> None:
    """As Prefect's lists do while a run has an integer of more than 64 bits among its parameters."""

    def answer(request: Request) -> Answer:
        is_list = request.path.endswith("/flow_runs/filter") and "parent_task_run_id" in request.json["flow_runs"]
        return as_json({"exception_message": "Internal Server Error"}, 500) if is_list else passed_on(request, api_url)

    api_url = samples.api_url
    with answering(answer) as own_url:
        write_tenants(f'[tenants.acme]\napi_url = "{own_url}"\nscope.tags = ["client:acme"]')
        app = opened(page, tenant="acme", run=samples.runs["nightly"])
        assert "acme nightly" in words(app)
        assert "The other runs are missing." in " ".join(caption.value for caption in app.sidebar.caption)
        assert is_plain(app)


def test_no_task_stands_out_and_the_others_are_hidden(samples: Samples) -> None:
    app = opened(tenant="acme", run=samples.runs["nightly"], match="no such task", hide="true")
    assert "0 of 29 stand out" in words(app)
    assert is_plain(app)


@pytest.fixture
def refusing_server() -> Iterator[str]:
    """Answers everything with 401 and repeats the credential that it got."""

    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401, self.headers.get("Authorization"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


@pytest.mark.parametrize("page", PAGES)
def test_a_wrong_key(page: str, refusing_server: str) -> None:
    write_tenants(f'[tenants.wrong]\napi_url = "{refusing_server}"\napi_key = "{SECRET}"')
    app = opened(page)
    assert "refused the tenant's key" in words(app)
    assert "check its api_key or auth_string" in words(app)
    assert is_plain(app)


def test_a_server_that_comes_back(samples: Samples) -> None:
    write_tenants(f'[tenants.acme]\napi_url = "http://127.0.0.1:{free_port()}/api"')
    app = opened()
    assert "cannot be reached" in words(app)
    samples.configure(Path())
    cache.tenants.clear()  # they are read again every few seconds
    app.button(key="try-again").click().run()
    assert len(drawn(app)) == 1
    assert is_plain(app)


def test_an_unknown_tenant() -> None:
    app = opened(tenant="initech")
    assert "a tenant that is not configured here. Choose one in the sidebar." in words(app)
    assert drawn(app) == []
    assert is_plain(app)


def test_a_mistake_in_the_configuration() -> None:
    write_tenants(f'[tenants.acme]\napi_url = "acme.test"\napi_key = "{SECRET}"')
    app = opened()
    assert "[tenants.acme] api_url: must start with http:// or https://." in words(app)
    assert is_plain(app)


def test_no_tenant_at_all() -> None:
    write_tenants("")
    app = opened()
    assert "No tenant is configured" in words(app)
    assert "PREFECT_API_URL" in words(app)
    assert is_plain(app)


@pytest.mark.parametrize("run", [UNKNOWN, "latest", "../admin/version", "<b>"])
def test_an_unknown_run(run: str) -> None:
    app = opened(tenant="acme", run=run)
    assert "There is no such flow run here. Check the id, or choose another tenant" in words(app)
    assert drawn(app) == []
    assert tables(app) == []
    assert is_plain(app)
