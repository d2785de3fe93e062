"""docs/deploy/nginx.conf spreads one session over two servers, and goes on when one of them is killed."""

import importlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

import statewise
from statewise.client import Client

PROOFS = Path(__file__).parents[2] / "proofs"
TEXT = "It was the best of times"


@pytest.fixture
def nginx(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(PROOFS)
    made = importlib.import_module("serving.nginx")
    if made.PROGRAM is None:
        pytest.skip(made.MISSING)
    return made


@pytest.fixture
def servers(serve: Any, tmp_path: Path) -> list[Any]:
    return [serve("--store", f"sqlite:{tmp_path / 'sessions.db'}", "--quiet") for _ in range(2)]


@pytest.fixture
def address(nginx: Any, servers: list[Any]) -> Iterator[str]:
    with nginx.in_front_of([server.port for server in servers]) as port:
        yield f"http://127.0.0.1:{port}"


def test_a_session_is_spread_over_two_servers_and_outlives_one(
    address: str, servers: list[Any], trained_once: Path
) -> None:
    stream = statewise.load(trained_once / "run").stream()
    with Client(address) as client:
        session = client.create()
        for at, x in enumerate(TEXT):
            assert session.step(x, show="params")["params"] == stream.push(x).tolist()
            if at == 11:
                counts = [_steps(server.address) for server in servers]
                servers[0].kill()
        assert min(counts) >= 4
        assert "".join(session.predict(length=9, seed=1))
        with connect(f"ws{address[4:]}/v1/sessions/{session.id}/stream") as socket:
            socket.send('{"input": 1}')
            assert '"steps"' in str(socket.recv(10))
    assert httpx.get(f"{address}/metrics").status_code == 404


def test_more_requests_at_once_than_the_limit_are_refused_but_not_sockets_or_checks(nginx: Any, slow: Any) -> None:
    with nginx.in_front_of([slow.port], limit=1) as port:
        address = f"http://127.0.0.1:{port}"
        session = httpx.post(f"{address}/v1/sessions").json()["session"]
        with connect(f"ws://127.0.0.1:{port}/v1/sessions/{session}/stream") as socket:
            statuses, refused = list[int](), httpx.Response(200)

            def read() -> None:
                answer = httpx.post(f"{address}/v1/sessions/{session}/run", json={"inputs": [1] * 40})
                statuses.append(answer.status_code)

            while refused.status_code == 200 and len(statuses) < 50:  # the read itself may be refused, or end too soon
                reading = threading.Thread(target=read)
                reading.start()
                while refused.status_code == 200 and reading.is_alive():
                    refused = httpx.get(f"{address}/v1/models")
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
            assert (refused.headers["retry-after"], refused.headers["server"][:5]) == ("1", "nginx")
            assert httpx.get(f"{address}/readyz").json() == {"status": "ready"}
            reading.join()
            steps = 40 * statuses.count(200) + 1
            socket.send('{"input": 1}')
            assert json.loads(socket.recv(10))["steps"] == steps
        with Client(address) as client:  # it asks again
            assert client.session(session).steps == steps


def _steps(address: str) -> float:
    lines = httpx.get(f"{address}/metrics").text.splitlines()
    return float(next(line.split()[-1] for line in lines if line.startswith("statewise_steps_total{")))
