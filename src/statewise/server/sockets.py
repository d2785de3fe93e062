"""A session over a WebSocket: messages in, answers out, in order, for as long as both sides like."""

import asyncio
import json
from collections.abc import MutableMapping
from contextlib import aclosing
from typing import Any, cast, final

from fastapi import APIRouter, WebSocket
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect, WebSocketState

from statewise.server.departures import for_socket
from statewise.server.errors import BAD_REQUEST, BUSY, FAILED, UNREADABLE, ApiError, as_api_error
from statewise.server.json_values import dumps
from statewise.server.method_arguments import first_problem
from statewise.server.metrics import Metrics
from statewise.server.schemas import Body, RunRequest, SessionPredictRequest, SocketPredictRequest, StepRequest
from statewise.server.sessions import SessionService
from statewise.server.settings import ServerSettings

NORMAL, GOING_AWAY, UNSUPPORTED, RESTARTING = 1000, 1001, 1003, 1012
KINDS: dict[str, type[Body]] = {
    "input": StepRequest,
    "inputs": RunRequest,
    "text": RunRequest,
    "prompt": SessionPredictRequest,
    "predict": SocketPredictRequest,
}
"By which field a message says what it asks."

Coming = asyncio.Task[MutableMapping[str, Any]]
"The message that comes next: the last one where the client leaves."

KINDS_SHOWN = "input, inputs, text, prompt or predict"


class _NoBinary(Exception):
    """A binary frame came to a session whose inputs are texts and numbers alone."""


@final
class Sockets:
    """The WebSockets that are open."""

    def __init__(self, sessions: SessionService, settings: ServerSettings, metrics: Metrics) -> None:
        self._sessions, self._settings, self._metrics = sessions, settings, metrics
        self._stopping, self._open_now = asyncio.Event(), 0

    def stop(self) -> None:
        """Let each finish the message that it is at, and close."""
        self._stopping.set()

    def routes(self) -> APIRouter:
        """Return the route of a session's WebSocket."""
        router = APIRouter()

        @router.websocket("/v1/sessions/{id}/stream")
        async def stream(socket: WebSocket, id: str) -> None:
            await self._open(socket, id)

        return router

    async def _open(self, socket: WebSocket, id: str) -> None:
        owner = cast(str, socket.scope["owner"])
        try:
            await self._admit(owner, id)
        except Exception as error:
            refused = as_api_error(error) or ApiError(FAILED, "the server failed at this request")
            self._metrics.refused(refused.kind)
            await socket.send_denial_response(_denial(refused))
            return
        self._open_now += 1
        self._metrics.sockets.set(self._open_now)
        try:
            await socket.accept()
            await self._talk(socket, owner, id)
        except WebSocketDisconnect:
            pass
        finally:
            self._open_now -= 1
            self._metrics.sockets.set(self._open_now)

    async def _admit(self, owner: str, id: str) -> None:
        await self._sessions.look(owner, id)
        if self._stopping.is_set():
            raise ApiError(BUSY, "this server is stopping: ask another")
        if self._open_now >= self._settings.max_sockets:
            raise ApiError(BUSY, "too many WebSockets are open: try again in a moment")

    async def _talk(self, socket: WebSocket, owner: str, id: str) -> None:
        stopping, coming = asyncio.create_task(self._stopping.wait()), asyncio.create_task(socket.receive())
        try:
            while True:
                done, _ = await asyncio.wait(
                    {coming, stopping}, timeout=self._settings.idle_seconds, return_when=asyncio.FIRST_COMPLETED
                )
                if coming not in done:
                    code = RESTARTING if stopping in done else GOING_AWAY
                    await socket.close(code, "stopping" if stopping in done else "idle")
                    return
                message = coming.result()
                if message["type"] == "websocket.disconnect":
                    return
                coming = asyncio.create_task(socket.receive())
                try:
                    await self._answer(socket, owner, id, message, coming)
                except _NoBinary:
                    await socket.close(UNSUPPORTED, "send text")
                    return
        finally:
            stopping.cancel()
            coming.cancel()

    async def _answer(
        self, socket: WebSocket, owner: str, id: str, message: MutableMapping[str, Any], coming: Coming
    ) -> None:
        text = message.get("text")
        try:
            body = await self._of_frame(owner, id, message["bytes"]) if text is None else _body(text)
            await self._do(socket, owner, id, body, coming)
        except _NoBinary:
            raise
        except Exception as error:
            refused = as_api_error(error)
            if isinstance(error, WebSocketDisconnect) or socket.client_state is WebSocketState.DISCONNECTED:
                raise WebSocketDisconnect from None
            if refused is None:
                await self._send(socket, ApiError(FAILED, "the server failed at this message").as_json())
                raise
            self._metrics.refused(refused.kind)
            await self._send(socket, refused.as_json())

    async def _of_frame(self, owner: str, id: str, frame: bytes) -> Body:
        """Return a step of what a binary frame is, such as a piece of sound. Raises `_NoBinary` where it is nothing."""
        read = (await self._sessions.look(owner, id)).kind.inputs.binary
        if read is None:
            raise _NoBinary
        return StepRequest.model_validate({"input": read(frame)})

    async def _do(self, socket: WebSocket, owner: str, id: str, body: Body, coming: Coming) -> None:
        sessions = self._sessions
        match body:
            case SessionPredictRequest():
                given = sessions.predict(owner, id, body.prompt, body.model_extra or {}, body.call)
                async with aclosing(given) as pieces:
                    async for piece in pieces:
                        await socket.send_text((piece.answer or dumps({"text": piece.text})).decode())
                return
            case SocketPredictRequest():
                held = await sessions.look(owner, id, copy=True)
                said = await for_socket(coming, sessions.predictions.whole(held.served, body.predict))
                answer = dumps({"session": id, "steps": held.record.steps})[:-1] + b"," + said[1:]
            case RunRequest():
                reading = sessions.read(owner, id, body.given, body.call, body.how, each=body.each)
                answer = await for_socket(coming, reading)
            case StepRequest():
                answer = await sessions.read(owner, id, [body.input], body.call, body.how)
            case _:
                raise AssertionError(body)
        await socket.send_text(answer.decode())

    async def _send(self, socket: WebSocket, value: Any) -> None:
        await socket.send_text(dumps(value).decode())


def _body(text: str) -> Body:
    """Return what a message asks. Raises `ApiError` for what asks nothing."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise ApiError(BAD_REQUEST, f"the message is no JSON: send an object with {KINDS_SHOWN}") from None
    kinds = [name for name in KINDS if isinstance(given, dict) and name in given]
    if len(kinds) != 1:
        raise ApiError(UNREADABLE, f"give {KINDS_SHOWN}, one of them")
    try:
        return KINDS[kinds[0]].model_validate(given)
    except ValidationError as error:
        raise ApiError(UNREADABLE, first_problem(error.errors())) from None


def _denial(refused: ApiError) -> Any:
    from starlette.responses import Response

    return Response(
        dumps(refused.as_json()), refused.kind.status, headers=refused.headers, media_type="application/json"
    )
