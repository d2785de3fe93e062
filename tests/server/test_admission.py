"""Nobody gets in without a token of their own, under another host, or from a page: every route of the app is tried."""

import atexit
import itertools
import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import statewise
from statewise.server.app import Application
from statewise.server.settings import OPEN_PATHS, ServerSettings
from statewise.store import MemoryStore

HTTP = httpx.Client()
atexit.register(HTTP.close)
TOKENS = {"ann": "a" * 22, "ben": "b" * 30}
BODIES: dict[str, Any] = {"step": {"input": 1}, "run": {"text": "It"}, "predict": {"prompt": "It", "length": 3}}


@pytest.fixture(scope="module")
def routes(trained_once: Path) -> list[tuple[str, str]]:
    """Every method and path of the OpenAPI, and the WebSocket's."""
    app = Application({"run": statewise.load(trained_once / "run")}, MemoryStore(), ServerSettings())
    described = app.openapi()
    found = [
        (method.upper(), path.replace("{name}", "run"))
        for path, methods in described["paths"].items()
        for method in methods
    ]
    return [*found, ("WEBSOCKET", "/v1/sessions/{id}/stream")]


@pytest.fixture
def address(guarded: Any) -> str:
    return str(guarded.address)


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[name]}"}


def ask(address: str, method: str, path: str, headers: dict[str, str], query: str = "") -> int:
    """Return the status of a request, or of a refused handshake; 101 for one that was not."""
    url = address + path + query
    if method == "WEBSOCKET":
        host = headers.pop("Host", None)
        try:
            with connect(url.replace("http", "ws"), additional_headers=headers, compression=None) as socket:
                socket.close()
                return 101
        except InvalidStatus as refused:
            return int(refused.response.status_code)
        finally:
            assert host is None
    body = BODIES.get(path.rsplit("/", 1)[1])
    content = json.dumps(body) if body else None
    more = {"Content-Type": "application/json"} if body else {}
    return HTTP.request(method, url, headers={**headers, **more}, content=content).status_code


def test_every_route_is_refused_without_a_token_of_the_owner(address: str, routes: list[tuple[str, str]]) -> None:
    created = HTTP.post(f"{address}/v1/sessions", headers=bearer("ann")).json()["session"]
    tried = 0
    for method, route in routes:
        if route in OPEN_PATHS:
            continue
        path = route.replace("{id}", created)
        attempts: dict[str, tuple[dict[str, str], str]] = {
            "none": ({}, ""),
            "wrong": ({"Authorization": "Bearer " + "c" * 22}, ""),
            "cut": ({"Authorization": "Bearer " + "a" * 21}, ""),
            "basic": ({"Authorization": f"Basic {TOKENS['ann']}"}, ""),
            "query": (
                {},
                f"?token={TOKENS['ann']}&access_token={TOKENS['ann']}&authorization=Bearer%20{TOKENS['ann']}",
            ),
        }
        for name, (headers, query) in attempts.items():
            assert ask(address, method, path, headers, query) == 401, (method, path, name)
            tried += 1
        if created in path:
            assert ask(address, method, path, bearer("ben")) == 404, (method, path)
            tried += 1
    assert tried > 50
    assert HTTP.get(f"{address}/v1/sessions/{created}", headers=bearer("ann")).json()["steps"] == 0
    assert ask(address, "WEBSOCKET", f"/v1/sessions/{created}/stream", bearer("ann")) == 101


def test_other_hosts_and_every_origin_are_refused_on_every_route(address: str, routes: list[tuple[str, str]]) -> None:
    hosts = ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "127.0.0.2", "", "[::2]:80"]
    origins = ["null", "https://evil.example", address, address.replace("http", "https"), ""]
    port = address.rsplit(":", 1)[1]
    created = HTTP.post(f"{address}/v1/sessions", headers=bearer("ann")).json()["session"]
    for method, route in routes:
        path = route.replace("{id}", created)
        for origin in origins:
            assert ask(address, method, path, {**bearer("ann"), "Origin": origin}) == 403, (method, path, origin)
        if method == "WEBSOCKET":
            continue
        for host, page in itertools.product(hosts, [None, "null"]):
            more = {"Origin": page} if page else {}
            status = ask(address, method, path, {**bearer("ann"), "Host": host, **more})
            assert status == 400, (method, path, host)
        for host in ("localhost", f"LOCALHOST:{port}", "[::1]:1", "127.0.0.1"):
            if method == "GET":
                assert ask(address, method, path, {**bearer("ann"), "Host": host}) == 200, (path, host)


def test_a_handshake_under_another_host_is_refused(guarded: Any) -> None:
    created = HTTP.post(f"{guarded.address}/v1/sessions", headers=bearer("ann")).json()["session"]
    with socket.create_connection(("127.0.0.1", guarded.port)) as connection:
        connection.sendall(
            f"GET /v1/sessions/{created}/stream HTTP/1.1\r\nHost: evil.example\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Authorization: Bearer {TOKENS['ann']}\r\n\r\n".encode()
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 400")


def test_the_openapi_of_a_server_with_owners_wants_a_token(address: str) -> None:
    described = HTTP.get(f"{address}/openapi.json", headers=bearer("ann")).json()
    assert described["security"] == [{"token": []}]


def test_no_answer_allows_pages_of_other_origins(address: str) -> None:
    asked = HTTP.request("OPTIONS", f"{address}/v1/sessions", headers={**bearer("ann"), "Origin": "https://a.example"})
    assert asked.status_code == 403
    assert not [name for name in asked.headers if name.startswith("access-control")]


def test_what_a_proxy_asks_needs_no_token(address: str) -> None:
    assert HTTP.get(f"{address}/livez").json() == {"status": "alive"}
    assert HTTP.get(f"{address}/readyz").json() == {"status": "ready"}
    assert HTTP.get(f"{address}/metrics").status_code == 401
    assert "statewise_refusals_total" in HTTP.get(f"{address}/metrics", headers=bearer("ben")).text
