"""Work for a client ends when the client has left: nothing that was asked is done for an answer that is not read."""

import asyncio
from collections.abc import Coroutine, MutableMapping
from typing import Any, TypeVar

from fastapi import Request, WebSocketDisconnect

Answer = TypeVar("Answer")
Message = MutableMapping[str, Any]


class LeftEarly(Exception):
    """The client closed its connection before its request was answered."""


async def for_request(request: Request, work: Coroutine[Any, Any, Answer]) -> Answer:
    """Return what work gives. Raises `LeftEarly`, and cancels it, once the client has closed the connection."""
    return await _unless(_closed(request), work, LeftEarly())


async def for_socket(coming: "asyncio.Task[Message]", work: Coroutine[Any, Any, Answer]) -> Answer:
    """Return what work gives. Raises `WebSocketDisconnect`, and cancels it, where the next message is the last."""
    return await _unless(_is_last(coming), work, WebSocketDisconnect())


async def _unless(leaving: Coroutine[Any, Any, None], work: Coroutine[Any, Any, Answer], error: Exception) -> Answer:
    doing, left = asyncio.create_task(work), asyncio.create_task(leaving)
    try:
        await asyncio.wait({doing, left}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        raise error
    finally:  # what was cancelled has let go of its session before anything else is done
        for task in (doing, left):
            task.cancel()
        await asyncio.gather(doing, left, return_exceptions=True)


async def _closed(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _is_last(coming: "asyncio.Task[Message]") -> None:
    message = await asyncio.shield(coming)
    if message["type"] != "websocket.disconnect":
        await asyncio.Event().wait()
