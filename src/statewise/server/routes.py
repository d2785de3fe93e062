"""The routes of sessions over HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import contextmanager
from typing import Annotated, Any, cast

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from statewise.errors import UsageError
from statewise.server.bodies import Create, Failure, Outcome, Predict, Run, Session, Step
from statewise.server.description import links
from statewise.server.metrics import Metrics
from statewise.server.problems import as_refused
from statewise.server.served import Served, dumps
from statewise.server.sessions import Piece, Sessions
from statewise.server.settings import Settings
from statewise.server.wanted import predict_settings
from statewise.store import Record

Id = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9_-]+$", examples=["X0b1o2rT9dGq5fJ7wZkL3A"])]
STATE_TYPE = "application/vnd.safetensors"


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how a route's refusals look in the OpenAPI."""
    always = (400, 401, 403, 413, 422, 429, 503)
    return {status: {"model": Failure} for status in sorted({*always, *statuses})}


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


def session_routes(sessions: Sessions, settings: Settings, metrics: Metrics) -> APIRouter:
    """Return every route under `/v1/sessions`."""
    router = APIRouter(prefix="/v1/sessions", tags=["sessions"])

    @contextmanager
    def timed(verb: str) -> Any:
        began = time.perf_counter()
        yield
        metrics.seconds.labels(verb).observe(time.perf_counter() - began)

    def owner(request: Request) -> str:
        return cast(str, request.scope["owner"])

    def described(id: str, record: Record) -> Session:
        served = sessions.served(record)
        return Session(session=id, model=served.name, steps=record.steps)

    @router.post("", status_code=201, responses={**failures(404), **BEGUN}, summary="Begin a session")
    async def create(request: Request, body: Create | None = None) -> Session:
        with timed("create"):
            return described(*await sessions.create(owner(request), body.model if body else None))

    @router.post(
        "/restore",
        status_code=201,
        responses={**failures(404), **BEGUN},
        summary="Begin where a snapshot is",
        openapi_extra=STATE_BODY,
    )
    async def restore(request: Request, model: Annotated[str | None, Query(max_length=200)] = None) -> Session:
        with timed("restore"):
            return described(*await sessions.restore(owner(request), model, await request.body()))

    @router.get("/{id}", responses=SESSION, summary="Where a session is")
    async def look(request: Request, id: Id) -> Session:
        record, _ = await sessions.look(owner(request), id)
        return described(id, record)

    @router.delete("/{id}", status_code=204, responses=SESSION, summary="End a session")
    async def delete(request: Request, id: Id) -> None:
        with timed("delete"):
            await sessions.delete(owner(request), id)

    @router.post("/{id}/step", responses=SESSION, response_model=Outcome, summary="Read one input")
    async def step(request: Request, id: Id, body: Step) -> Response:
        with timed("step"):
            _, served = await sessions.look(owner(request), id, copy=True)
            read = await sessions.read(owner(request), id, served.inputs([body.input]), body.call, body.how)
            return Response(read, media_type="application/json")

    @router.post("/{id}/run", responses=SESSION, response_model=Outcome, summary="Read a sequence")
    async def run(request: Request, id: Id, body: Run) -> Response:
        with timed("run"):
            _, served = await sessions.look(owner(request), id, copy=True)
            inputs = inputs_of(served, body, settings)
            read = await sessions.read(owner(request), id, inputs, body.call, body.how, each=body.each)
            return Response(read, media_type="application/json")

    @router.post(
        "/{id}/predict",
        responses={**SESSION, **EVENTS},
        response_class=StreamingResponse,
        summary="Answer a prompt, as server-sent events",
    )
    async def predict(request: Request, id: Id, body: Predict) -> StreamingResponse:
        _, served = await sessions.look(owner(request), id, copy=True)
        how = predict_settings(served, body.model_extra or {})
        pieces = sessions.predict(owner(request), id, body.prompt, how, body.call)
        first = await anext(pieces)  # what cannot be done is said with its status
        return StreamingResponse(events(first, pieces), media_type="text/event-stream")

    @router.post(
        "/{id}/fork", status_code=201, responses={**SESSION, **BEGUN}, summary="Begin another session from here"
    )
    async def fork(request: Request, id: Id) -> Session:
        with timed("fork"):
            return described(*await sessions.fork(owner(request), id))

    @router.get("/{id}/snapshot", responses={**SESSION, **BYTES}, response_class=Response, summary="A session as bytes")
    async def snapshot(request: Request, id: Id) -> Response:
        record = await sessions.snapshot(owner(request), id)
        headers = {"Content-Disposition": f'attachment; filename="{id}.safetensors"'}
        return Response(record.state, media_type=STATE_TYPE, headers=headers)

    return router


def inputs_of(served: Served, body: Run, settings: Settings) -> list[Any]:
    """Return what a body asks to read. Raises `UsageError` for what cannot be read, or too much."""
    given = body.inputs if body.inputs is not None else body.text or ""
    if len(given) > settings.most_inputs:
        raise UsageError(f"{len(given)} inputs are too many for one call: give at most {settings.most_inputs}")
    inputs = served.inputs(body.inputs) if body.inputs is not None else served.text(body.text or "")
    return inputs


async def events(first: Piece, pieces: AsyncIterator[Piece]) -> AsyncIterator[bytes]:
    """Yield pieces as server-sent events; the last is `done`, with where the session is, or `error`."""
    yield event(first)
    try:
        async for piece in pieces:
            yield event(piece)
    except (asyncio.CancelledError, GeneratorExit):
        raise
    except Exception as error:
        refused = as_refused(error)
        if refused is None:
            raise
        yield b"event: error\ndata: " + dumps(refused.as_json()) + b"\n\n"


def event(piece: Piece) -> bytes:
    """Return one server-sent event."""
    if piece.answer:
        return b"event: done\ndata: " + piece.answer + b"\n\n"
    return b"data: " + dumps({"text": piece.text}) + b"\n\n"
