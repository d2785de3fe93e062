"""Bots over HTTP, in the shape that users of Lex V2 know: recognise text or sound; get, put and delete a session.

The sessions are those of `/v1/sessions`, live ones: they can be forked, kept as snapshots and moved as any other.
"""

import asyncio
import base64
import hashlib
import io
import json
import logging
import re
import wave
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from statewise.data.audio.voice import spoken
from statewise.data.utterances.conversation_log import ConversationLog
from statewise.errors import DataError
from statewise.server.calls import CallKey
from statewise.server.departures import for_request
from statewise.server.errors import NOT_FOUND, UNREADABLE, ApiError
from statewise.server.json_values import dumps
from statewise.server.model import ServedModel
from statewise.server.routes import SESSION, Id, failures, owner
from statewise.server.schemas import Body
from statewise.server.session_kind import OutputOptions
from statewise.server.sessions import SessionService

Name = Annotated[str, Path(max_length=200, examples=["dialogue-bot-1"])]
PCM = re.compile(r"audio/(?:l16|x-l16)\s*;.*rate=(\d{4,6})", re.IGNORECASE)
"A type of sound that is 16-bit samples without a head, as Lex V2 has it."
SOUND_BODY = {
    "requestBody": {
        "required": True,
        "content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}, "example": "RIFF..."}},
    }
}


class RecognizeText(Body):
    """What is said, and where wanted the state it is said in."""

    text: str = Field(max_length=1024, examples=["book a room for two nights"])
    sessionState: dict[str, Any] | None = Field(None, examples=[{}])  # noqa: N815  # the name is Lex V2's
    requestAttributes: dict[str, str] | None = Field(None, examples=[{}])  # noqa: N815


class PutSession(Body):
    """A state: intent with slots, dialogAction, sessionAttributes, activeContexts."""

    sessionState: dict[str, Any] = Field(examples=[{"dialogAction": {"type": "ElicitIntent"}}])  # noqa: N815


def bot_routes(sessions: SessionService, log: FilePath | None = None) -> APIRouter:
    """Return the routes under `/v1/bots`; what is heard and said there is appended to a log, where there is one."""
    router = APIRouter(prefix="/v1/bots/{model}/sessions", tags=["bots"])
    asking = _Asking(sessions, None if log is None else ConversationLog(log))
    told: dict[str, Any] = {"responses": SESSION, "response_model": dict[str, Any]}

    @router.post("", status_code=201, summary="Begin a conversation", responses=failures(404))
    async def begin_conversation(request: Request, model: Name) -> dict[str, str]:
        asking.bot(model)
        session, _ = await sessions.create(owner(request), model, live=True)
        return {"sessionId": session}

    @router.post("/{id}/text", summary="Recognise text", **told)
    async def recognize_text(request: Request, model: Name, id: Id, body: RecognizeText) -> Response:
        given = {"text": body.text} | ({} if body.sessionState is None else {"sessionState": body.sessionState})
        return await asking.ask(request, model, id, given, body.requestAttributes)

    @router.post("/{id}/utterance", summary="Recognise sound", openapi_extra=SOUND_BODY, **told)
    async def recognize_utterance(
        request: Request,
        model: Name,
        id: Id,
        speech: Annotated[str | None, Query(max_length=200, description="the run that hears")] = None,
        voice: Annotated[bool, Query(description="answer with a voice, too, where one is installed")] = False,
    ) -> Response:
        asking.bot(model)
        text = await asking.heard(request, speech)
        return await asking.ask(request, model, id, {"text": text}, None, voice=voice)

    @router.get("/{id}", summary="Get a session", **told)
    async def get_session(request: Request, model: Name, id: Id) -> Response:
        return await asking.ask(request, model, id, {}, None)

    @router.put("/{id}", summary="Put a session", **told)
    async def put_session(request: Request, model: Name, id: Id, body: PutSession) -> Response:
        return await asking.ask(request, model, id, {"sessionState": body.sessionState}, None)

    @router.delete("/{id}", summary="Delete a session", responses=SESSION)
    async def delete_session(request: Request, model: Name, id: Id) -> dict[str, str]:
        await asking.check(request, model, id)
        await sessions.delete(owner(request), id)
        return {"sessionId": id}

    return router


class _Asking:
    """Bots, and runs that hear, among what is served."""

    def __init__(self, sessions: SessionService, log: ConversationLog | None) -> None:
        self.sessions, self.log = sessions, log

    def bot(self, model: str) -> ServedModel:
        """Return a bot. Raises `ApiError` where there is none of that name."""
        served = self.sessions.model(model)
        if not served.is_bot:
            raise ApiError(NOT_FOUND, "this model is not a bot: GET /v1/models lists what is served")
        return served

    async def check(self, request: Request, model: str, id: str) -> ServedModel:
        """Return the bot of a session. Raises `ApiError` where the session is not its own, or is not live."""
        served = self.bot(model)
        held = await self.sessions.look(owner(request), id)
        if held.served is not served or held.kind is not served.kind(live=True):
            raise ApiError(NOT_FOUND, "you have no such session of this bot: create one")
        return served

    async def ask(
        self,
        request: Request,
        model: str,
        id: str,
        given: dict[str, Any],
        attributes: dict[str, str] | None,
        *,
        voice: bool = False,
    ) -> Response:
        """Let a bot read something, and return what it says."""
        served = await self.check(request, model, id)
        how = OutputOptions.asked(None, None, {})
        read = await self.sessions.read(owner(request), id, [given], CallKey(None, ""), how)
        told = {"sessionId": id, **json.loads(read)["answer"]}
        if self.log is not None and told["inputTranscript"]:
            name = hashlib.sha256(id.encode()).hexdigest()[:12]
            try:  # what a hook has done stays done, also where it cannot be logged
                await asyncio.to_thread(self.log.add, told, served.trained.codec.bot, name)
            except DataError as error:
                logging.getLogger("statewise.server").warning("%s", error.with_flags)
        if attributes is not None:
            told["requestAttributes"] = attributes
        if voice:
            text = " ".join(message["content"] for message in told["messages"])
            sound = await spoken(text, str(served.trained.codec.bot.language)) if text else None
            told["audio"] = None if sound is None else base64.b64encode(sound).decode()
        return Response(dumps(told), media_type="application/json")

    async def heard(self, request: Request, name: str | None) -> str:
        """Return what is said in the body of a request. Raises `ApiError` where nothing that is served can hear it."""
        hears = {key: one for key, one in self.sessions.models.items() if one.takes("audio", "sentences")}
        if name is None and len(hears) == 1:
            name = next(iter(hears))
        if name not in hears:
            known = ", ".join(hears) or "none"
            raise ApiError(
                NOT_FOUND, f"no run that hears is meant: serve a run of speech, and name it as speech ({known})"
            )
        sound = wav_of(await request.body(), request.headers.get("content-type", ""))
        answering = self.sessions.predictions.whole(hears[name], {"audio": base64.b64encode(sound).decode()})
        found = json.loads(await for_request(request, answering))
        return " ".join(one["text"] for one in found["answer"] if one.get("text"))


def wav_of(body: bytes, kind: str) -> bytes:
    """Return a sound as a WAV file: what was sent, or 16-bit samples with a head put before them.

    Raises `ApiError` for what is empty, and for half a sample.

    >>> wav_of(bytes(4), "audio/l16; rate=16000; channels=1")[:4]
    b'RIFF'
    """
    if not body:
        raise ApiError(UNREADABLE, "there is no sound: send WAV, or samples as audio/l16; rate=16000; channels=1")
    found = PCM.match(kind)
    if found is None:
        return body
    if len(body) % 2 or not 4000 <= int(found[1]) <= 192_000:
        raise ApiError(UNREADABLE, "the samples are not 16 bits each at a rate of 4000 to 192000: send those")
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(int(found[1]))
        written.writeframes(body)
    return file.getvalue()
