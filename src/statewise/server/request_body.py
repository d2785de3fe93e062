"""Reading a request body: one deadline for all of it, a least rate, and a bound on the memory of large ones."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

from statewise.server.errors import BAD_REQUEST, BUSY, TOO_LARGE, ApiError
from statewise.server.settings import ServerSettings

RESTORE_PATH, TABLE_PATH = "/v1/sessions/restore", "/v1/predict/table"
LARGE_PATHS = frozenset({RESTORE_PATH, TABLE_PATH})
"Where a body is a file, which may be as large as a session."

SMALL_BYTES = 64 << 10
"A body up to this size is read whatever the others hold, so that a few large ones cannot keep small ones out."


class ClientLeft(Exception):
    """The client closed its connection before its body was whole."""


@final
class BodyReader:
    """Reads bodies whole before their requests are counted, so that a slow client takes no other client's turn.

    After t seconds, at least (t - `body_seconds`) `min_bytes_per_second` bytes must have come.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings, self._large_bytes = settings, 0

    @contextmanager
    def memory(self) -> Iterator["BodyMemory"]:
        """Yield what counts the memory of one large body, as long as its request is under way."""
        memory = BodyMemory()
        try:
            yield memory
        finally:
            self._large_bytes -= memory.counted

    async def read(self, scope: Any, receive: Any, memory: "BodyMemory") -> Any:
        """Return a `receive` that gives the whole body at once, then what else comes.

        Raises `ApiError` for a body that is too large or too slow, `ClientLeft` where the rest of it will not come.
        """
        settings = self._settings
        most = settings.max_state_bytes if scope["path"] in LARGE_PATHS else settings.max_body_bytes
        claimed = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not claimed.isdigit() or int(claimed) > most:
            raise _too_large(most)
        try:
            async with asyncio.timeout(settings.body_seconds) as deadline:
                body = await self._whole(receive, most, deadline, memory)
        except TimeoutError:
            raise ApiError(BAD_REQUEST, "the body did not come in time") from None
        return _replayed(body, receive)

    async def _whole(self, receive: Any, most: int, deadline: asyncio.Timeout, memory: "BodyMemory") -> bytes:
        body, more = await _part(receive)
        self._check(len(body), most, memory)
        if not more:
            return body
        parts, end = bytearray(body), deadline.when()
        assert end is not None
        while more:
            deadline.reschedule(end + len(parts) / self._settings.min_bytes_per_second)
            part, more = await _part(receive)
            parts += part
            self._check(len(parts), most, memory)
        return bytes(parts)

    def _check(self, length: int, most: int, memory: "BodyMemory") -> None:
        """Count the memory of a body of which so much has come. Raises `ApiError` where it is too much."""
        if length > most:
            raise _too_large(most)
        if length <= SMALL_BYTES:
            return
        if self._large_bytes + length - memory.counted > self._settings.max_bodies_bytes:
            raise ApiError(BUSY, "too many large bodies are being read: try again in a moment")
        self._large_bytes += length - memory.counted
        memory.counted = length


@final
class BodyMemory:
    """How many bytes of one body are counted."""

    __slots__ = ("counted",)

    def __init__(self) -> None:
        self.counted = 0


async def _part(receive: Any) -> tuple[bytes, bool]:
    """Return what came of a body, and whether there is more."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientLeft
    return message.get("body", b""), message.get("more_body", False)


def _replayed(body: bytes, receive: Any) -> Any:
    given = False

    async def replayed() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _too_large(most: int) -> ApiError:
    return ApiError(TOO_LARGE, f"the body is too large: give at most {most} bytes")
