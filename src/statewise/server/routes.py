"""The routes of sessions over HTTP."""

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import Annotated, Any, cast, final

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from statewise.server.calls import TextPiece
from statewise.server.departures import for_request
from statewise.server.errors import as_api_error
from statewise.server.json_values import dumps
from statewise.server.metrics import Metrics
from statewise.server.openapi import links
from statewise.server.schemas import (
    CreateRequest,
    ErrorResponse,
    RunRequest,
    SessionInfo,
    SessionPredictRequest,
    StepRequest,
    StepResponse,
)
from statewise.server.session_kind import LIVE
from statewise.server.sessions import FoundSession, Pieces, SessionService
from statewise.server.sse import EventResponse

Id = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9_-]+$", examples=["X0b1o2rT9dGq5fJ7wZkL3A"])]
STATE_TYPE = "application/vnd.safetensors"


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how a route's refusals look in the OpenAPI."""
    always = (400, 401, 403, 413, 422, 429, 503)
    return {status: {"model": ErrorResponse} for status in sorted({*always, *statuses})}


SESSION = failures(404, 409, 410)
BEGUN: dict[int | str, dict[str, Any]] = {201: {"links": links()}}
EVENTS: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}
BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {STATE_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
}
STATE_BODY = {
    "requestBody": {
        "required": True,
        "content": {STATE_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


@final
class SessionRoutes:
    """What is done at every route under `/v1/sessions`."""

    def __init__(self, sessions: SessionService, metrics: Metrics) -> None:
        self._sessions, self._metrics = sessions, metrics

    def router(self) -> APIRouter:
        """Return every route, with what the OpenAPI says of it."""
        router = APIRouter(prefix="/v1/sessions", tags=["sessions"])
        begins: dict[str, Any] = {"status_code": 201}
        told: dict[str, Any] = {"responses": SESSION, "response_model": StepResponse}
        add = router.add_api_route
        post, begun, of_session = ["POST"], {**failures(404), **BEGUN}, {**SESSION, **BEGUN}
        add("", self.create, methods=post, responses=begun, summary="Begin a session", **begins)
        restore: dict[str, Any] = {"responses": begun, "openapi_extra": STATE_BODY, **begins}
        add("/restore", self.restore, methods=post, summary="Begin where a snapshot is", **restore)
        add("/{id}", self.look, methods=["GET"], responses=SESSION, summary="Where a session is")
        add("/{id}", self.delete, methods=["DELETE"], status_code=204, responses=SESSION, summary="End a session")
        add("/{id}/step", self.step, methods=post, summary="Read one input", **told)
        add("/{id}/run", self.run, methods=post, summary="Read a sequence", **told)
        events: dict[str, Any] = {"responses": {**SESSION, **EVENTS}, "response_class": StreamingResponse}
        add("/{id}/predict", self.predict, methods=post, summary="Answer a prompt, as server-sent events", **events)
        add("/{id}/fork", self.fork, methods=post, responses=of_session, summary="Begin another session here", **begins)
        state: dict[str, Any] = {"responses": {**SESSION, **BYTES}, "response_class": Response}
        add("/{id}/snapshot", self.snapshot, methods=["GET"], summary="A session as bytes", **state)
        return router

    async def create(self, request: Request, body: CreateRequest | None = None) -> SessionInfo:
        """Begin a session."""
        with self._timed("create"):
            asked = body or CreateRequest(model=None, live=None)
            begun = self._sessions.create(owner(request), asked.model, live=asked.live, settings=asked.settings)
            return self._described(*await begun)

    async def restore(
        self,
        request: Request,
        model: Annotated[str | None, Query(max_length=200)] = None,
        live: Annotated[bool | None, Query()] = None,
    ) -> SessionInfo:
        """Begin a session where a snapshot is; what `Stream.save` gave, where this server accepts foreign ones."""
        with self._timed("restore"):
            data = await request.body()
            return self._described(*await self._sessions.restore(owner(request), model, data, live=live))

    async def look(self, request: Request, id: Id) -> SessionInfo:
        """Say how much a session has read, and of which model it is."""
        return self._described(id, await self._sessions.look(owner(request), id))

    async def delete(self, request: Request, id: Id) -> None:
        """End a session."""
        with self._timed("delete"):
            await self._sessions.delete(owner(request), id)

    async def step(self, request: Request, id: Id, body: StepRequest) -> Response:
        """Read one input, and tell what comes next."""
        with self._timed("step"):
            read = await self._sessions.read(owner(request), id, [body.input], body.call, body.how)
            return Response(read, media_type="application/json")

    async def run(self, request: Request, id: Id, body: RunRequest) -> Response:
        """Read a sequence, all of it or nothing, and tell what comes next; nothing where the client leaves before."""
        with self._timed("run"):
            reading = self._sessions.read(owner(request), id, body.given, body.call, body.how, each=body.each)
            read = await for_request(request, reading)
            return Response(read, media_type="application/json")

    async def predict(self, request: Request, id: Id, body: SessionPredictRequest) -> EventResponse:
        """Answer a prompt piece by piece; the last event says where the session then is."""
        pieces = self._sessions.predict(owner(request), id, body.prompt, body.model_extra or {}, body.call)
        first = await anext(pieces)  # what cannot be done is said with its status
        return EventResponse(told(first, pieces))

    async def fork(self, request: Request, id: Id) -> SessionInfo:
        """Begin another session where this one is."""
        with self._timed("fork"):
            return self._described(*await self._sessions.fork(owner(request), id))

    async def snapshot(self, request: Request, id: Id) -> Response:
        """Give a session as bytes, from which restore and `Stream.open` go on."""
        state = await self._sessions.snapshot(owner(request), id)
        headers = {"Content-Disposition": f'attachment; filename="{id}.safetensors"'}
        return Response(state, media_type=STATE_TYPE, headers=headers)

    @contextmanager
    def _timed(self, verb: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._metrics.seconds.labels(verb).observe(time.perf_counter() - began)

    def _described(self, id: str, held: FoundSession) -> SessionInfo:
        is_live = held.kind.kind_name == LIVE
        return SessionInfo(session=id, model=held.served.name, steps=held.record.steps, live=is_live)


def owner(request: Request) -> str:
    """Return the owner of a request, as `AdmissionControl` found out."""
    return cast(str, request.scope["owner"])


async def told(first: TextPiece, pieces: Pieces) -> AsyncGenerator[bytes, None]:
    """Yield pieces as server-sent events; the last is `done`, with where the session is, or `error`."""
    async with aclosing(pieces):
        yield event(first)
        try:
            async for piece in pieces:
                yield event(piece)
        except Exception as error:
            refused = as_api_error(error)
            if refused is None:
                raise
            yield b"event: error\ndata: " + dumps(refused.as_json()) + b"\n\n"


def event(piece: TextPiece) -> bytes:
    """Return one server-sent event."""
    if piece.answer:
        return b"event: done\ndata: " + piece.answer + b"\n\n"
    return b"data: " + dumps({"text": piece.text}) + b"\n\n"
