"""The verbs of a session, whatever face asks: create, read, predict, fork, snapshot, restore, delete.

A step is numbered by what was read before it. The record of a session keeps which call read last and what it was told,
so a call that is repeated is answered again and not applied again, on this server or another one.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from itertools import islice
from typing import Any, NamedTuple, final
from weakref import WeakValueDictionary

from torch import Tensor

from statewise.batcher import Together, Writing, write
from statewise.errors import DataError, UsageError
from statewise.server.metrics import Metrics
from statewise.server.portions import answer_in_json, digest_of
from statewise.server.refusals import BUSY, ELSEWHERE, GONE, UNKNOWN, Refused
from statewise.server.served import How, Served, dumps
from statewise.server.settings import Settings
from statewise.server.signatures import Signatures
from statewise.server.vault import Vault
from statewise.store import Record, SessionLimits, Store, new_id
from statewise.stream import Stream

TRIES, READERS = 5, 2


class Call(NamedTuple):
    """How a call is known: what it believes the session has read, and a key that tells it from others' calls."""

    steps: int | None = None
    key: str = ""

    def name(self, asked: object) -> str:
        """Return what is kept to know a repeated call by; without a key, it is known by what it asks."""
        if self.steps is None:
            return ""
        return f"{self.steps}:{self.key or hashlib.sha256(repr(asked).encode()).hexdigest()}"


class Piece(NamedTuple):
    """A piece of an answer, or, last, the record of what came of it all."""

    text: str
    answer: bytes = b""


Pieces = AsyncGenerator[Piece, None]


@final
class Sessions:
    """Every session of every model here, each bound to its owner."""

    def __init__(
        self,
        store: Store,
        models: Mapping[str, Served],
        settings: Settings,
        metrics: Metrics,
        signatures: Signatures,
    ) -> None:
        self._signatures = signatures
        self.models, self._settings, self._metrics = dict(models), settings, metrics
        self._by_digest = {served.digest: served for served in self.models.values()}
        limits = SessionLimits(settings.max_sessions, settings.max_sessions_per_owner)
        self.vault = Vault(store, metrics, settings.most_requests, limits)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="prompts")
        self._writing = Together[Writing, list[str]](write, most=settings.most_predictions)
        self._predictions = 0

    def model(self, name: str | None) -> Served:
        """Return a model by its name, or the only one there is."""
        if name is None and len(self.models) == 1:
            return next(iter(self.models.values()))
        if name not in self.models:
            raise Refused(UNKNOWN, "there is no such model here: GET /v1/models lists them")
        return self.models[name]

    def served(self, record: Record) -> Served:
        """Return a session's model."""
        return self._by_digest[record.model]

    async def create(self, owner: str, model: str | None) -> tuple[str, Record]:
        """Begin a session."""
        served = self.model(model)
        return await self._keep(Record(owner, served.digest, 0, served.fresh))

    async def look(self, owner: str, id: str, *, copy: bool = False) -> tuple[Record, Served]:
        """Return a session and its model. Raises `Refused` where it is another owner's, gone, or never was."""
        try:
            record = await self.vault.read(id, copy=copy) if len(id) < 64 else None
        except DataError:
            raise Refused(GONE, "this session was damaged in the store: create another") from None
        if record is None or record.owner != owner:
            raise Refused(UNKNOWN, "you have no such session: create one")
        if record.gone:
            raise Refused(GONE, "this session was deleted or has expired: create another")
        if record.model not in self._by_digest:
            raise Refused(ELSEWHERE, "this session belongs to a model that is not served here any more")
        return record, self._by_digest[record.model]

    async def read(
        self, owner: str, id: str, inputs: Sequence[Tensor], call: Call, how: How, *, each: bool = False
    ) -> bytes:
        """Let a session read inputs, and return what it was told, in JSON."""
        told_by_key = call.key or call.steps is None
        name = call.name(None if told_by_key else (digest_of(inputs), how, each))

        async def apply(record: Record, served: Served) -> Record:
            read = await served.batcher.read(record.state, inputs, how, each=each)
            for words in read.told:
                if isinstance(words, Exception):
                    raise words
            steps = record.steps + len(inputs)
            told = {"session": id, "steps": steps}
            answer = await answer_in_json(told, read.told, served.numbers(how), each=each)
            return record._replace(steps=steps, state=read.row, key=name, answer=answer)

        async with asyncio.timeout(self._settings.deadline_seconds), self._lock(id):
            record, served = await self.look(owner, id, copy=True)
            fresh = False
            for _ in range(TRIES):
                if name and record.key == name:
                    return record.answer
                if call.steps in (None, record.steps):
                    new = await apply(record, served)
                    if await self.vault.swap(id, record.steps, new):
                        return new.answer
                elif fresh:
                    raise _elsewhere(record)
                record, served = await self.look(owner, id)
                fresh = True
            raise _elsewhere(record)

    async def predict(self, owner: str, id: str, prompt: str, how: dict[str, Any], call: Call) -> Pieces:
        """Let a session answer a prompt, a piece at a time; the session moves once the answer is complete."""
        name = call.name((prompt, sorted(how.items())))
        async with self._lock(id):
            record, served = await self.look(owner, id)
            if name and record.key == name:
                yield Piece("", record.answer)
                return
            if call.steps not in (None, record.steps):
                raise _elsewhere(record)
            if served.takes("seed") and how.get("seed") is None:
                how = {**how, "seed": _seed(id, record.steps, name)}
            stream, pieces = served.predict(record.state, prompt, how)
            written = []
            async with aclosing(self.written(stream, prompt, pieces)) as texts:
                async for text in texts:
                    written.append(text)
                    yield Piece(text)
            steps = record.steps + stream.steps
            answer = dumps({"session": id, "steps": steps, "text": "".join(written)})
            new = record._replace(steps=steps, state=stream.save(), key=name, answer=answer)
            if not await self.vault.swap(id, record.steps, new):
                raise _elsewhere((await self.look(owner, id))[0])
            self._metrics.steps.labels(served.name).inc(stream.steps)
            yield Piece("", answer)

    async def written(self, stream: Stream[Any], prompt: str, pieces: Iterator[str]) -> AsyncGenerator[str, None]:
        """Yield what is written behind a prompt, a few pieces at a time, in one step with others who write."""
        if len(prompt) > self._settings.max_inputs:
            raise UsageError(f"a prompt of {len(prompt)} is too long: give at most {self._settings.max_inputs}")
        if self._predictions >= self._settings.most_predictions:
            raise Refused(BUSY, "too many answers are being written: try again in a moment")
        self._predictions += 1
        loop = asyncio.get_running_loop()
        end = loop.time() + self._settings.predict_seconds
        try:  # the first piece is written where prompts are read, which may take long
            taken = await loop.run_in_executor(self._readers, list, islice(pieces, 1))
            while taken:
                if text := "".join(taken):
                    yield text
                if loop.time() > end:
                    raise TimeoutError
                taken = await self._writing.ask(Writing(stream, pieces))
        finally:
            self._predictions -= 1

    async def fork(self, owner: str, id: str) -> tuple[str, Record]:
        """Begin a session where another one is."""
        record, _ = await self.look(owner, id)
        return await self._keep(record._replace(key="", answer=b""))

    async def snapshot(self, owner: str, id: str) -> bytes:
        """Return a session's state with this server's signature, which `Stream.open` and `restore` go on from."""
        record, _ = await self.look(owner, id)
        return self._signatures.sign(record.state)

    async def restore(self, owner: str, model: str | None, data: bytes) -> tuple[str, Record]:
        """Begin a session where a snapshot is. Raises `DataError` for one that no server of this store has made."""
        served = self.model(model)
        await self._signatures.check(data)
        return await self._keep(Record(owner, served.digest, 0, served.admit(data)))

    async def delete(self, owner: str, id: str) -> None:
        """End a session; one that has ended already stays so."""
        try:
            await self.look(owner, id)
        except Refused as refused:
            if refused.refusal is not GONE:
                raise
        async with self._lock(id):
            await self.vault.delete(id)

    async def close(self) -> None:
        """Let what waits be done, and the store be closed."""
        for served in self.models.values():
            await served.batcher.close()
        await self._writing.close()
        self._readers.shutdown()
        await self.vault.close()

    async def _keep(self, record: Record) -> tuple[str, Record]:
        id = new_id()
        await self.vault.create(id, record)
        return id, record

    def _lock(self, id: str) -> asyncio.Lock:
        lock = self._locks.get(id)
        if lock is None:
            lock = self._locks[id] = asyncio.Lock()
        return lock


def _elsewhere(record: Record) -> Refused:
    return Refused(ELSEWHERE, f"the session has read {record.steps} inputs: go on from there", steps=record.steps)


def _seed(id: str, steps: int, name: str) -> int:
    """Return a seed that is the same for a repeated call, and no one else's."""
    return int.from_bytes(hashlib.sha256(f"{id} {steps} {name}".encode()).digest()[:7])
