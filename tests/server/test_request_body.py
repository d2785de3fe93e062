"""A client that sends its body slowly, or not at all, takes no other client's turn and leaves nothing in the log."""

import asyncio
import contextlib
import json
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from statewise.server.errors import BAD_REQUEST, BUSY, TOO_LARGE, ApiError
from statewise.server.request_body import SMALL_BYTES, BodyReader, ClientLeft
from statewise.server.settings import ServerSettings

HEAD = "POST /v1/sessions/{}/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def scope(path: str = "/v1/sessions", length: int | None = None) -> Any:
    return {"path": path, "headers": [] if length is None else [(b"content-length", str(length).encode())]}


def sent(parts: list[bytes], seconds: float = 0.0, *, leaves: bool = False) -> Callable[[], Any]:
    """A `receive` that gives the parts, each after so many seconds."""
    left = list(parts)

    async def receive() -> Any:
        await asyncio.sleep(seconds)
        if not left and leaves:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left) or leaves}

    return receive


async def read(settings: ServerSettings, receive: Any, *, reader: BodyReader | None = None) -> bytes:
    reader = reader or BodyReader(settings)
    with reader.memory() as memory:
        receive = await reader.read(scope(), receive, memory)
        message = await receive()
        assert not message["more_body"]
        return bytes(message["body"])


def test_a_body_is_given_whole_however_it_came() -> None:
    assert asyncio.run(read(ServerSettings(), sent([b"ab", b"", b"c"]))) == b"abc"
    assert asyncio.run(read(ServerSettings(), sent([b""]))) == b""


def test_the_deadline_is_of_the_whole_body_and_a_fast_large_one_has_longer() -> None:
    settings = ServerSettings(body_seconds=0.3, min_bytes_per_second=100_000)
    began = time.monotonic()
    with pytest.raises(ApiError, match="did not come in time") as late:
        asyncio.run(read(settings, sent([b"a"] * 100, 0.05)))
    assert late.value.kind is BAD_REQUEST
    assert time.monotonic() - began < 2
    large = [b"a" * 10_000] * 12
    assert len(asyncio.run(read(settings, sent(large, 0.05)))) == 120_000  # twice `body_seconds`, at twice the rate


def test_a_body_that_claims_to_be_small_is_refused_once_it_is_too_large() -> None:
    settings = ServerSettings(max_body_bytes=5)
    for parts in ([b"abcdef"], [b"abc", b"def", b"g"]):
        with pytest.raises(ApiError) as caught:
            asyncio.run(read(settings, sent(parts)))
        assert caught.value.kind is TOO_LARGE


def test_a_client_that_leaves_is_told_apart_from_one_that_is_late() -> None:
    with pytest.raises(ClientLeft):
        asyncio.run(read(ServerSettings(), sent([b"ab"], leaves=True)))


def test_large_bodies_are_bounded_together_and_keep_no_small_one_out() -> None:
    settings = ServerSettings(max_bodies_bytes=3 * SMALL_BYTES, body_seconds=5)
    reader, half = BodyReader(settings), b"a" * (SMALL_BYTES + 1)

    async def run() -> None:
        slow = asyncio.create_task(read(settings, sent([half, b"", b""], 0.2), reader=reader))
        await asyncio.sleep(0.3)
        with pytest.raises(ApiError) as refused:
            await read(settings, sent([half, half]), reader=reader)
        assert refused.value.kind is BUSY
        assert await read(settings, sent([b"small"]), reader=reader) == b"small"
        assert await slow == half
        assert len(await read(settings, sent([half, half]), reader=reader)) == 2 * len(half)

    asyncio.run(run())


class Dripping:
    """Clients that send one byte of their body again and again, until they are told to stop."""

    def __init__(self, port: int, count: int, session: str) -> None:
        self.sockets = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(count)]
        for client in self.sockets:
            client.sendall((HEAD.format(session) + "Content-Length: 1000\r\n\r\n{").encode())
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._drip)
        self._thread.start()

    def _drip(self) -> None:
        while not self._stop.wait(0.2):
            for client in self.sockets:
                with contextlib.suppress(OSError):  # closed by the server
                    client.sendall(b" ")

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        for client in self.sockets:
            client.close()


@pytest.fixture
def dripped(serve: Any) -> Iterator[Any]:
    server = serve("--max-requests", "20", "--idle-seconds", "5", "--quiet")
    session = httpx.post(f"{server.address}/v1/sessions").json()["session"]
    dripping = Dripping(server.port, 20, session)
    yield server, session, dripping
    dripping.close()


def test_an_honest_client_is_answered_while_twenty_drip_and_those_are_refused_in_time(dripped: Any) -> None:
    server, session, dripping = dripped
    for _ in range(3):
        answer = httpx.post(f"{server.address}/v1/sessions/{session}/step", json={"input": 1})
        assert answer.status_code == 200, answer.text
    assert select.select(dripping.sockets, [], [], 0)[0] == []  # all of them drip still
    began = time.monotonic()
    for client in dripping.sockets:
        assert client.recv(1000).startswith(b"HTTP/1.1 400")
    assert time.monotonic() - began < 20


def left_in_the_middle(port: int, request: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(request)
        time.sleep(0.02)


def unfinished(address: str) -> float:
    return float(re.findall(r"^statewise_unfinished_bodies_total (.*)$", httpx.get(f"{address}/metrics").text, re.M)[0])


def test_clients_that_leave_in_the_middle_of_a_body_are_counted_and_leave_no_line(serve: Any) -> None:
    server = serve("--quiet")
    session = httpx.post(f"{server.address}/v1/sessions").json()["session"]
    run = HEAD.format(session)
    snapshot = HEAD.format(session).replace(f"{session}/run", "restore").replace("application/json", "text/plain")
    completion = HEAD.format(session).replace(f"sessions/{session}/run", "completions")
    chunked = run + "Transfer-Encoding: chunked\r\n\r\n5\r\n{"
    for request in (run, snapshot, completion, run.replace("POST", "DELETE").replace("/run", "")):
        left_in_the_middle(server.port, (request + "Content-Length: 99\r\n\r\n{").encode())
    left_in_the_middle(server.port, chunked.encode())
    for _ in range(100):
        if unfinished(server.address) == 5:
            break
        time.sleep(0.02)
    assert unfinished(server.address) == 5
    for prompt in ("predict", "run"):  # a body that came whole, whose answer is not waited for
        body = json.dumps({"prompt": "It", "length": 5000} if prompt == "predict" else {"inputs": [1] * 500})
        request = f"{run.replace('/run', '/' + prompt)}Content-Length: {len(body)}\r\n\r\n{body}"
        left_in_the_middle(server.port, request.encode())
    assert httpx.post(f"{server.address}/v1/sessions/{session}/step", json={"input": 1}).status_code == 200
    assert server.stop() == 0
    assert server.said.read_text() == ""
