"""A client that leaves before its answer stops the work: its session is where it was, and others have their turn."""

import json
import re
import socket
import time
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

INPUTS = 4096
"In portions of 16 that take 0.05 seconds each: 13 seconds, if they were all read."

MOST_SECONDS = 6.0


@pytest.fixture
def slow_server(serve: Any) -> Any:
    """A server that waits 50 ms before each portion, and gives a request a minute."""
    return serve("--quiet", "--window-microseconds", "50000", "--deadline-seconds", "60")


def counted(address: str, name: str) -> float:
    found = re.findall(rf"^statewise_{name}(?:{{.*}})? (.*)$", httpx.get(f"{address}/metrics").text, re.MULTILINE)
    return float(found[0]) if found else 0.0


def ask_and_leave(port: int, path: str, body: dict[str, Any], seconds: float = 0.5) -> None:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        time.sleep(seconds)


def over_a_websocket(port: int, id: str) -> None:
    with connect(f"ws://127.0.0.1:{port}/v1/sessions/{id}/stream") as client:
        client.send(json.dumps({"inputs": [1] * INPUTS}))
        time.sleep(0.5)


@pytest.mark.parametrize("face", ["HTTP", "WebSocket"])
def test_a_run_whose_client_left_is_read_no_further_and_its_session_goes_on(face: str, slow_server: Any) -> None:
    address, port = slow_server.address, slow_server.port
    id = httpx.post(f"{address}/v1/sessions").json()["session"]
    if face == "HTTP":
        ask_and_leave(port, f"/v1/sessions/{id}/run", {"inputs": [1] * INPUTS})
    else:
        over_a_websocket(port, id)
    began = time.monotonic()
    step = httpx.post(f"{address}/v1/sessions/{id}/step", json={"input": 1, "steps": 0}, timeout=60)
    assert (step.status_code, step.json()["steps"]) == (200, 1)
    assert time.monotonic() - began < MOST_SECONDS
    assert 0 < counted(address, "steps_total") < INPUTS / 2
    assert counted(address, "unread_answers_total") == (face == "HTTP")
    assert slow_server.stop() == 0
    assert slow_server.said.read_text() == ""


def test_a_completion_whose_client_left_gives_its_place_to_another(serve: Any) -> None:
    server = serve("--quiet", "--max-requests", "1")
    address = server.address
    ask_and_leave(server.port, "/v1/completions", {"prompt": "It was", "max_tokens": 10_000}, seconds=0.03)
    for _ in range(100):
        answer = httpx.post(f"{address}/v1/completions", json={"prompt": "It", "max_tokens": 3}, timeout=60)
        if answer.status_code == 200:
            break
        time.sleep(0.05)
    assert len(answer.json()["choices"][0]["text"]) == 3
    assert counted(address, "unread_answers_total") == 1


def test_a_message_that_comes_while_another_is_answered_is_answered_next(slow_server: Any) -> None:
    id = httpx.post(f"{slow_server.address}/v1/sessions").json()["session"]
    with connect(f"ws://127.0.0.1:{slow_server.port}/v1/sessions/{id}/stream") as client:
        for asked in ({"inputs": [1] * 40}, {"input": 1}, {"inputs": [1] * 20}):
            client.send(json.dumps(asked))
        assert [json.loads(client.recv(30))["steps"] for _ in range(3)] == [40, 41, 61]
