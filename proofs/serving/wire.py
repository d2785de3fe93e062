"""HTTP with as little around it as a load needs."""

import asyncio
import json
from collections.abc import Callable
from typing import Any, NamedTuple, Self


class Got(NamedTuple):
    """An answer."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        """Its body, read."""
        return json.loads(self.body)


Told = Callable[[Got | None], None]
"""What is called with an answer, or with None where the connection was lost."""


def request(method: str, path: str, body: Any = None) -> bytes:
    """Return a request as it is sent; bytes go as they are."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


class Wire(asyncio.Protocol):
    """One connection, kept open, and one request at a time on it."""

    def __init__(self, port: int) -> None:
        self._port, self._data = port, b""
        self._transport: asyncio.Transport | None = None
        self._told: Told | None = None

    async def open(self) -> Self:
        """Connect, where it is not connected."""
        if self._transport is None:
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_connection(lambda: self, "127.0.0.1", self._port)
        return self

    def send(self, sent: bytes, told: Told) -> None:
        """Send a request on a connection that is open, and pass the answer on."""
        assert self._transport is not None
        self._told, self._data = told, b""
        self._transport.write(sent)

    async def ask(self, method: str, path: str, body: Any = None) -> Got:
        """Send a request and return its answer. Raises `OSError` where the connection was lost."""
        await self.open()
        answer: asyncio.Future[Got | None] = asyncio.get_running_loop().create_future()
        self.send(request(method, path, body), answer.set_result)
        if (got := await answer) is None:
            raise ConnectionResetError
        return got

    def data_received(self, data: bytes) -> None:
        """Tell of an answer once it is whole."""
        data = self._data = self._data + data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return
        head = data[: end + 2].lower()
        at = head.find(b"content-length: ")
        length = int(head[at + 16 : head.find(b"\r", at)]) if at >= 0 else 0
        if len(data) < end + 4 + length:
            return
        if b"\r\nconnection: close\r\n" in head:
            self.close()
        self._tell(Got(int(head[9:12]), data[end + 4 :]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those that still wait."""
        self._transport = None
        self._tell(None)

    @property
    def closed(self) -> bool:
        """Whether the server asked for no more here."""
        return self._transport is None

    def close(self) -> None:
        """Let go of the connection."""
        if self._transport is not None:
            self._transport.close()
        self._transport = None

    def _tell(self, got: Got | None) -> None:
        told, self._told = self._told, None
        if told is not None:
            told(got)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
