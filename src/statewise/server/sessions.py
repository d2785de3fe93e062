"""The verbs of a session, whatever face asks: create, read, predict, fork, snapshot, restore, delete.

A step is numbered by what was read before it. The record of a session keeps which call read last and what it was told,
so a call that is repeated is answered again and not applied again, on this server or another one.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple, final
from weakref import WeakValueDictionary

from statewise.errors import DataError, UsageError
from statewise.server.calls import CallKey, ReadRequest, TextPiece
from statewise.server.chunks import answer_in_json, inputs_of
from statewise.server.errors import CONFLICT, GONE, NOT_FOUND, ApiError
from statewise.server.json_values import dumps
from statewise.server.metrics import Metrics
from statewise.server.model import ServedModel
from statewise.server.predictions import Predictions
from statewise.server.session_kind import STREAM, OutputOptions, SessionKind
from statewise.server.session_store import SessionStore
from statewise.server.settings import ServerSettings
from statewise.server.signatures import Signatures
from statewise.store import Record, SessionLimits, Store, new_id

TRIES = 5


class FoundSession(NamedTuple):
    """A session, its model, and how it is stepped."""

    record: Record
    served: ServedModel
    kind: SessionKind


Pieces = AsyncGenerator[TextPiece, None]


@final
class SessionService:
    """Every session of every model here, each bound to its owner."""

    def __init__(
        self,
        store: Store,
        models: Mapping[str, ServedModel],
        settings: ServerSettings,
        metrics: Metrics,
        signatures: Signatures,
    ) -> None:
        self._signatures = signatures
        self.models, self._settings, self._metrics = dict[str, ServedModel](), settings, metrics
        self._kinds: dict[str, tuple[ServedModel, SessionKind]] = {}
        for served in models.values():
            self.add(served)
        limits = SessionLimits(settings.max_sessions, settings.max_sessions_per_owner)
        self.store = SessionStore(store, metrics, settings.max_requests, limits)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.predictions = Predictions(settings)

    def add(self, served: ServedModel) -> None:
        """Serve one more model, from now on the one of its name; sessions of the one before go on."""
        self.models[served.name] = served
        self._kinds |= {served.key(kind): (served, kind) for kind in served.kinds.values()}

    async def remove(self, served: ServedModel) -> None:
        """Serve a model no more; what waits is read first, and its sessions are refused from then on."""
        if self.models.get(served.name) is served:
            del self.models[served.name]
        self._kinds = {key: found for key, found in self._kinds.items() if found[0] is not served}
        await served.close()

    def model(self, name: str | None) -> ServedModel:
        """Return a model by its name, or the only one there is."""
        if name is None and len(self.models) == 1:
            return next(iter(self.models.values()))
        if name is None:
            raise ApiError(
                NOT_FOUND, f"{len(self.models)} models are served: give the one you mean as model, by its id"
            )
        if name not in self.models:
            raise ApiError(NOT_FOUND, "there is no such model here: GET /v1/models lists them")
        return self.models[name]

    async def create(
        self, owner: str, model: str | None, *, live: bool | None = None, settings: Mapping[str, Any] | None = None
    ) -> tuple[str, FoundSession]:
        """Begin a session, of the kind that is asked for or the model's usual one, with settings of its task."""
        served = self.model(model)
        kind = served.kind(live=live)
        async with asyncio.timeout(self._settings.deadline_seconds):
            begun = await kind.begin(settings or {})
        return await self._keep(Record(owner, served.key(kind), 0, begun))

    async def look(self, owner: str, id: str, *, copy: bool = False) -> FoundSession:
        """Return a session and its model. Raises `ApiError` where it is another owner's, gone, or never was."""
        try:
            record = await self.store.read(id, copy=copy) if len(id) < 64 else None
        except DataError:
            raise ApiError(GONE, "this session was damaged in the store: create another") from None
        if record is None or record.owner != owner:
            raise ApiError(NOT_FOUND, "you have no such session: create one")
        if record.gone:
            raise ApiError(GONE, "this session was deleted or has expired: create another")
        if record.model not in self._kinds:
            raise ApiError(CONFLICT, "this session belongs to a model that is not served here any more")
        return FoundSession(record, *self._kinds[record.model])

    async def read(
        self,
        owner: str,
        id: str,
        given: str | Sequence[Any],
        call: CallKey,
        asked: OutputOptions,
        *,
        each: bool = False,
    ) -> bytes:
        """Let a session read inputs, or the inputs of a text, and return what it was told, in JSON."""
        async with asyncio.timeout(self._settings.deadline_seconds), self._lock(id):
            held = await self.look(owner, id, copy=True)
            how = held.kind.how(asked)
            inputs = await inputs_of(held.kind, given, how, self._settings, each=each)
            is_known = call.key or call.steps is None
            name = call.name(None if is_known else (held.kind.digest(inputs), how, each))
            return await self._read(owner, id, held, ReadRequest(inputs, how, each, name, call.steps))

    async def _read(self, owner: str, id: str, held: FoundSession, asked: ReadRequest) -> bytes:
        inputs, how, each, name, at = asked

        async def apply(record: Record, kind: SessionKind) -> Record:
            read = await kind.read(record.state, inputs, how, each=each)
            for words in read.told:
                if isinstance(words, Exception):
                    raise words
            steps = record.steps + len(inputs)
            told = {"session": id, "steps": steps}
            answer = await answer_in_json(told, read.told, kind.numbers(how), each=each)
            return record._replace(steps=steps, state=read.row, key=name, answer=answer)

        fresh = False
        for _ in range(TRIES):
            record = held.record
            if name and record.key == name:
                return record.answer
            if at in (None, record.steps):
                new = await apply(record, held.kind)
                if await self.store.swap(id, record.steps, new):
                    return new.answer
            elif fresh:
                raise _conflict(record)
            held = await self.look(owner, id)
            fresh = True
        raise _conflict(held.record)

    async def predict(self, owner: str, id: str, prompt: str, given: Mapping[str, Any], call: CallKey) -> Pieces:
        """Let a session answer a prompt, a piece at a time; the session moves once the answer is complete."""
        async with self._lock(id):
            record, served, kind = await self.look(owner, id)
            how = served.arguments(given)
            name = call.name((prompt, sorted(how.items())))
            if name and record.key == name:
                yield TextPiece("", record.answer)
                return
            if call.steps not in (None, record.steps):
                raise _conflict(record)
            if served.takes("seed") and how.get("seed") is None:
                how = {**how, "seed": _seed(id, record.steps, name)}
            if kind.kind_name != STREAM:
                raise UsageError("a live session answers no prompts: read inputs, or ask for POST /v1/predict")
            stream, pieces = served.predict(record.state, prompt, how)
            written = []
            async with aclosing(self.predictions.written(stream, prompt, pieces)) as texts:
                async for text in texts:
                    written.append(text)
                    yield TextPiece(text)
            steps = record.steps + stream.steps
            answer = dumps({"session": id, "steps": steps, "text": "".join(written)})
            new = record._replace(steps=steps, state=stream.save(), key=name, answer=answer)
            if not await self.store.swap(id, record.steps, new):
                raise _conflict((await self.look(owner, id)).record)
            self._metrics.steps.labels(served.name).inc(stream.steps)
            yield TextPiece("", answer)

    async def fork(self, owner: str, id: str) -> tuple[str, FoundSession]:
        """Begin a session where another one is."""
        held = await self.look(owner, id)
        return await self._keep(held.record._replace(key="", answer=b""))

    async def snapshot(self, owner: str, id: str) -> bytes:
        """Return a session's state with this server's signature, which `Stream.open` and `restore` go on from."""
        return self._signatures.sign((await self.look(owner, id)).record.state)

    async def restore(
        self, owner: str, model: str | None, data: bytes, *, live: bool | None = None
    ) -> tuple[str, FoundSession]:
        """Begin a session where a snapshot is. Raises `DataError` for one that no server of this store has made."""
        served = self.model(model)
        kind = served.kind(live=live)
        await self._signatures.check(data)
        return await self._keep(Record(owner, served.key(kind), 0, kind.admit(data)))

    async def delete(self, owner: str, id: str) -> None:
        """End a session; one that has ended already stays so."""
        try:
            await self.look(owner, id)
        except ApiError as refused:
            if refused.kind is not GONE:
                raise
        async with self._lock(id):
            await self.store.delete(id)

    @property
    def waiting(self) -> int:
        """How many sessions wait for their turn."""
        return sum(kind.waiting for _, kind in self._kinds.values())

    async def close(self) -> None:
        """Let what waits be done, and the store be closed."""
        for served in self.models.values():
            await served.close()
        await self.predictions.close()
        await self.store.close()

    async def _keep(self, record: Record) -> tuple[str, FoundSession]:
        id = new_id()
        await self.store.create(id, record)
        return id, FoundSession(record, *self._kinds[record.model])

    def _lock(self, id: str) -> asyncio.Lock:
        lock = self._locks.get(id)
        if lock is None:
            lock = self._locks[id] = asyncio.Lock()
        return lock


def _conflict(record: Record) -> ApiError:
    return ApiError(CONFLICT, f"the session has read {record.steps} inputs: go on from there", steps=record.steps)


def _seed(id: str, steps: int, name: str) -> int:
    """Return a seed that is the same for a repeated call, and no one else's."""
    return int.from_bytes(hashlib.sha256(f"{id} {steps} {name}".encode()).digest()[:7])
