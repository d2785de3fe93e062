"""HTTP with as little around it as a load needs."""

import asyncio
import json
from typing import Any, NamedTuple, Self


class Got(NamedTuple):
    """An answer."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        """Its body, read."""
        return json.loads(self.body)


class Wire:
    """One connection, kept open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, method: str, path: str, body: Any = None) -> Got:
        """Send a request and return its answer. Raises `OSError` where the connection was lost."""
        if self._writer is None or self._reader is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        self._writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        try:
            got = await self._reader.readuntil(b"\r\n\r\n")
            lines = got.lower().split(b"\r\n")
            length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
            answer = Got(int(lines[0][9:12]), await self._reader.readexactly(length))
        except asyncio.IncompleteReadError:
            self.close()
            raise ConnectionResetError from None
        if b"connection: close" in lines:
            self.close()
        return answer

    @property
    def closed(self) -> bool:
        """Whether the server asked for no more here."""
        return self._writer is None

    def close(self) -> None:
        """Let go of the connection."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
