"""A WebSocket carries a session's messages in order, refuses what is no message, and ends with a code."""

import json
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

import statewise

TEXT = "It was the best"


def opened(serving: Any, id: str) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{serving.port}/v1/sessions/{id}/stream", compression="deflate")


@pytest.fixture
def id(serving: Any) -> str:
    return str(httpx.post(f"{serving.address}/v1/sessions").json()["session"])


@pytest.fixture
def socket(serving: Any, id: str) -> Iterator[ClientConnection]:
    with opened(serving, id) as made:
        yield made


def told(socket: ClientConnection, message: object) -> Any:
    socket.send(message if isinstance(message, str) else json.dumps(message))
    return json.loads(socket.recv(10))


def test_messages_are_read_in_order_and_say_what_a_stream_says(
    socket: ClientConnection, id: str, trained_once: Path
) -> None:
    stream = statewise.load(trained_once / "run").stream()
    for x in TEXT:
        socket.send(json.dumps({"input": x, "show": "params"}))
    for steps, x in enumerate(TEXT, start=1):
        answer = json.loads(socket.recv(10))
        assert (answer["session"], answer["steps"]) == (id, steps)
        assert torch.equal(torch.tensor(answer["params"]), stream.push(x))
    each = told(socket, {"text": "ab", "each": True, "show": "params"})["each"]
    assert [torch.equal(torch.tensor(one["params"]), stream.push(x)) for x, one in zip("ab", each)] == [True, True]
    again = {"inputs": [1, 2], "steps": len(TEXT) + 2, "key": "mine"}
    assert told(socket, again) == told(socket, again)


OUT_OF_BOUNDS: list[dict[str, Any]] = [
    *({"input": x} for x in (0.5, 2.7, True, -1, 2**31, 2**63, 2**80)),
    *({"prompt": "It", "length": 9, "top_k": x} for x in (0, 2**31, 2**63, 2.5, True)),
    *({"prompt": "It", "length": 9, "seed": x} for x in (2**64, -(2**70), 0.5)),
    *({"prompt": "It", "length": 9, "temperature": x} for x in (-1, 1e31, True)),
    *({"prompt": "It", "length": x} for x in (0, -1, 2**63, 1.5)),
]


def test_a_number_out_of_bounds_is_refused_and_the_socket_goes_on(socket: ClientConnection) -> None:
    for message in OUT_OF_BOUNDS:
        assert told(socket, message)["error"]["code"] == "unreadable", message
    assert told(socket, {"input": "I"})["steps"] == 1


def test_an_answer_comes_in_pieces(socket: ClientConnection) -> None:
    socket.send(json.dumps({"prompt": "It was", "length": 40, "seed": 1}))
    pieces = []
    while "steps" not in (message := json.loads(socket.recv(10))):
        pieces.append(message["text"])
    assert "".join(pieces) == message["text"]
    assert (len(pieces) > 1, message["steps"]) == (True, 46)


def test_what_is_no_message_is_answered_and_the_next_is_read(socket: ClientConnection) -> None:
    for message, code in [
        ("{", "bad_request"),
        ("[" * 90_000, "bad_request"),
        ("null", "unreadable"),
        ({}, "unreadable"),
        ({"input": 1, "text": "a"}, "unreadable"),
        ({"input": 999}, "unreadable"),
        ({"input": 1, "steps": 5}, "conflict"),
        ({"prompt": "a", "length": -1}, "unreadable"),
    ]:
        assert told(socket, message)["error"]["code"] == code
    assert told(socket, {"input": 1})["steps"] == 1


def test_a_socket_is_not_compressed_and_refuses_bytes_and_what_is_too_large(serving: Any, id: str) -> None:
    with opened(serving, id) as socket:
        assert socket.protocol.extensions == []
        socket.send(b"\x00\x01")
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(10)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1003
    with opened(serving, id) as socket:
        with pytest.raises(ConnectionClosed) as caught:
            told(socket, {"text": "a" * (1 << 20)})
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009


def test_a_text_that_is_no_utf_8_closes_the_socket_with_its_code(serving: Any, id: str) -> None:
    with opened(serving, id) as socket:
        socket.send(b"\xc0\xaf", text=True)
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(10)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1007
    assert "Traceback" not in serving.said.read_text()


def test_a_handshake_for_a_session_that_is_not_there_or_gone_is_refused(serving: Any, id: str) -> None:
    httpx.delete(f"{serving.address}/v1/sessions/{id}")
    for asked, status in ((id, 410), ("x" * 22, 404), ("x" * 100, 404)):
        with pytest.raises(InvalidStatus) as refused:
            opened(serving, asked)
        assert refused.value.response.status_code == status
        assert json.loads(refused.value.response.body or b"{}")["error"]["code"] in ("gone", "not_found")


def test_a_silent_socket_is_closed_with_a_code_and_one_too_many_is_refused(strict: Any) -> None:
    made = httpx.post(f"{strict.address}/v1/sessions").json()["session"]
    with opened(strict, made) as socket:
        with pytest.raises(InvalidStatus) as refused:
            opened(strict, made)
        assert refused.value.response.status_code == 503
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(20)
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1001, "idle")


def test_a_socket_on_a_connection_that_carried_a_request_lives_as_long_as_it_talks(strict: Any) -> None:
    before = HTTPConnection("127.0.0.1", strict.port)
    for _ in range(100):
        before.request("POST", "/v1/sessions", "{}", {"Content-Type": "application/json"})
        answer = before.getresponse()
        if "session" in (made := json.loads(answer.read())):
            break
    address = f"ws://127.0.0.1:{strict.port}/v1/sessions/{made['session']}/stream"
    for _ in range(100):
        if "statewise_sockets 0.0" in httpx.get(f"{strict.address}/metrics").text:
            break
        time.sleep(0.05)
    with connect(address, sock=before.sock) as socket:
        for step in range(8):  # a connection that says nothing is closed after a second
            assert told(socket, {"input": 1})["steps"] == step + 1
            time.sleep(0.25)
