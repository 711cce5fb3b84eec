"""A little HTTP server that answers as a test says: for faults that a real Prefect server does not show on demand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"null")


@dataclass(frozen=True)
class Answer:
    """`length` is the Content-Length that is claimed; `then` runs after the body was sent, before the line is cut."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    then: Callable[[Any], None] | None = None


def as_json(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})


def passed_on(request: Request, api_url: str, http: httpx.Client | None = None) -> Answer:
    """What the real server at `api_url` answers."""
    kept = {name: value for name, value in request.headers.items() if name.lower() in ("content-type", "accept")}
    ask = http.request if http else partial(httpx.request, trust_env=False, timeout=60)
    url = api_url.removesuffix("/api") + request.path
    given = ask(request.method, url, params=request.query, content=request.body, headers=kept)
    told = {name: given.headers[name] for name in ("Content-Type", "Date") if name in given.headers}
    return Answer(given.status_code, given.content, told)


def without_csrf(answer: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    """As `answer`, but without CSRF tokens, for which Prefect's client asks before its first POST."""

    def answered(request: Request) -> Answer:
        if request.path.endswith("/csrf-token"):
            return as_json({"detail": "CSRF protection is disabled."}, 422)
        return answer(request)

    return answered


@contextmanager
def answering(answer: Callable[[Request], Answer]) -> Iterator[str]:
    """The API URL of a server on a free loopback port; every request is answered by `answer`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            given = answer(Request(self.command, parts.path, parse_qs(parts.query), dict(self.headers), body))
            length = len(given.body) if given.length is None else given.length
            with suppress(BrokenPipeError, ConnectionResetError):
                # a Date of the answer's own stands alone
                (self.send_response_only if "Date" in given.headers else self.send_response)(given.status)
                for name, value in {**given.headers, "Content-Length": str(length), "Connection": "close"}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(given.body)
                self.wfile.flush()
                if given.then:
                    given.then(self.wfile)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api"
        finally:
            server.shutdown()
