"""OpenAI's completions, so that clients that exist work: a prompt answered from the beginning, without a session."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, NamedTuple, Self

from fastapi import APIRouter, Path, Request, Response

from statewise.errors import UsageError
from statewise.server.departures import for_request
from statewise.server.errors import as_api_error
from statewise.server.json_values import dumps
from statewise.server.metrics import Metrics
from statewise.server.model import ServedModel
from statewise.server.routes import failures
from statewise.server.schemas import CompletionRequest
from statewise.server.sessions import SessionService
from statewise.server.sse import EventResponse
from statewise.store import new_id
from statewise.stream import Stream

Chunks = AsyncGenerator[bytes, None]


def completion_routes(sessions: SessionService, metrics: Metrics) -> APIRouter:
    """Return `/v1/models`, each of them, and `/v1/completions`."""
    router = APIRouter(prefix="/v1", tags=["completions"])

    @router.get("/models", summary="The models that are served", responses=failures())
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [served.facts() for served in sessions.models.values()]}

    @router.get("/models/{name}", summary="What is known of a model", responses=failures(404))
    async def model(name: Annotated[str, Path(max_length=200, examples=["text-shakespeare-1"])]) -> dict[str, Any]:
        return sessions.model(name).facts()

    @router.post("/completions", summary="Complete a prompt", responses=failures(404), response_model=dict[str, Any])
    async def completions(request: Request, body: CompletionRequest) -> Response:
        served = sessions.model(body.model)
        how = _how(served, body)
        stream, pieces = served.predict(None, body.prompt, how)
        written = sessions.predictions.written(stream, body.prompt, pieces)
        first = await anext(written, "")
        if body.stream:
            return EventResponse(_chunks(served, body, first, written, stream))
        text = first + await for_request(request, _rest(written))
        tokens = Tokens.of(served, body.prompt, stream)
        metrics.steps.labels(served.name).inc(tokens.written)
        return Response(dumps(_answer(served, body, text, tokens)), media_type="application/json")

    return router


class Tokens(NamedTuple):
    """How many characters, bytes, words or subwords of a prompt were read, and how many were written after it."""

    read: int
    written: int

    @classmethod
    def of(cls, served: ServedModel, prompt: str, stream: Stream[Any]) -> Self:
        """Return them of a stream that began with the prompt; an empty one is read as a beginning."""
        read = max(1, served.count(prompt))
        return cls(read, stream.steps - read)

    def ended(self, most: int) -> str:
        """Return why no more was written: the length that was asked for, or a stopping string."""
        return "length" if self.written >= most else "stop"


async def _rest(pieces: AsyncGenerator[str, None]) -> str:
    async with aclosing(pieces):
        return "".join([piece async for piece in pieces])


def _how(served: ServedModel, body: CompletionRequest) -> dict[str, Any]:
    if not served.takes("length", "temperature"):
        raise UsageError(f"{served.name} writes no text: use its sessions")
    stop = body.stop if isinstance(body.stop, str | None) else next(iter(body.stop), None)
    if isinstance(body.stop, list) and len(body.stop) > 1:
        raise UsageError("one string can stop an answer: give one")
    how: dict[str, Any] = {"length": body.max_tokens, "temperature": body.temperature, "top_p": body.top_p}
    how |= {"seed": body.seed, "stop": stop or None}
    return {name: value for name, value in how.items() if value is not None and served.takes(name)}


def _answer(served: ServedModel, body: CompletionRequest, text: str, tokens: Tokens | None = None) -> dict[str, Any]:
    shown = (body.prompt if body.echo else "") + text
    reason = tokens.ended(body.max_tokens) if tokens else None
    usage = {"prompt_tokens": tokens.read, "completion_tokens": tokens.written} if tokens else {}
    return {
        "id": f"cmpl-{new_id()}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": served.name,
        "choices": [{"text": shown, "index": 0, "logprobs": None, "finish_reason": reason}],
        "usage": {**usage, "total_tokens": sum(usage.values())},
    }


async def _chunks(
    served: ServedModel, body: CompletionRequest, first: str, pieces: AsyncGenerator[str, None], stream: Stream[Any]
) -> Chunks:
    whole = _answer(served, body, first)
    del whole["usage"]

    def chunk(text: str, reason: str | None = None) -> bytes:
        choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": reason}
        return b"data: " + dumps({**whole, "choices": [choice]}) + b"\n\n"

    async with aclosing(pieces):
        yield b"data: " + dumps(whole) + b"\n\n"
        try:
            async for piece in pieces:
                yield chunk(piece)
        except Exception as error:
            refused = as_api_error(error)
            if refused is None:
                raise
            yield b"data: " + dumps(refused.as_json()) + b"\n\n"
            return
    yield chunk("", Tokens.of(served, body.prompt, stream).ended(body.max_tokens))
    yield b"data: [DONE]\n\n"
