"""The client whose answers are awaited."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, Self, TypeVar, final
from weakref import ref

from statewise.client.calls import IN_TWO_PLACES, LEFT, Begun, ClientCalls, SessionCalls, told_by
from statewise.client.protocol import (
    Action,
    Answer,
    EventStream,
    Exchange,
    Listen,
    Reply,
    Wait,
    no_reply,
    reply_of,
)
from statewise.client.request import Request, create_request, restore_request, session_request
from statewise.errors import UsageError

Value = TypeVar("Value")


@final
class AsyncClient(ClientCalls):
    """`Client`, awaited; many sessions may ask at once, each its own calls one after another."""

    def _connect(self, library: Any, settings: dict[str, Any]) -> Any:
        return library.AsyncClient(**settings)

    async def models(self) -> list[Answer]:
        """Return what is known of each model."""
        return await self._carry_out(self._models())

    async def predict(self, model: str | None = None, *, table: Any = None, **arguments: Any) -> Answer:
        """Return what `statewise predict --json` would for these arguments, without a session.

        A table is a list of rows as objects, columns as lists by their names, or the bytes of a CSV file.
        """
        return await self._carry_out(self._answer(model, table, arguments))

    async def create(self, model: str | None = None, *, live: bool | None = None) -> "AsyncSession":
        """Begin a session; a `live` one answers each input as `statewise stream` answers a line."""
        return await self._session(create_request(model, live))

    async def restore(self, data: bytes, model: str | None = None, *, live: bool | None = None) -> "AsyncSession":
        """Begin a session where a snapshot is; what `Stream.save` gave, where the server accepts foreign ones."""
        return await self._session(restore_request(data, model, live=live))

    async def session(self, id: str) -> "AsyncSession":
        """Go on with a session where it is, whichever server it was begun at."""
        return await self._session(session_request(id))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def _session(self, request: Request) -> "AsyncSession":
        return AsyncSession(self, await self._carry_out(self._begin(request)))

    async def _carry_out(self, exchange: Exchange[Value]) -> Value:
        """Do what an exchange says, and return what it gives."""
        reply = None
        while True:
            try:
                action = exchange.send(reply)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            reply = await self._act(action)

    async def _pieces(self, exchange: Exchange[None]) -> AsyncIterator[str]:
        """Do what an exchange says, and yield the texts that it listens to."""
        reply = None
        while True:
            try:
                action = exchange.send(reply)
            except StopIteration:
                return
            if not isinstance(action, Listen):
                reply = await self._act(action)
                continue
            address, request, events = action
            events.begin()
            try:
                async with self._http.stream(**request.to(address)) as got:
                    if got.status_code != 200:
                        reply = reply_of(got, await got.aread())
                        continue
                    async for line in got.aiter_lines():
                        if text := events.line(line):
                            yield text
                reply = events.end()
            except Exception as error:
                reply = no_reply(error, address, self._http)

    async def _act(self, action: Action) -> Reply | None:
        if isinstance(action, Wait):
            await asyncio.sleep(action.seconds)
            return None
        address, request = action.address, action.request
        try:
            got = await self._http.request(**request.to(address))
        except Exception as error:
            return no_reply(error, address, self._http)
        return reply_of(got, got.content)


@final
class AsyncSession(SessionCalls):
    """`Session`, awaited."""

    def __init__(self, client: AsyncClient, begun: Begun) -> None:
        super().__init__(client._options, *begun)
        self._client = client

    async def step(self, x: Any, *, show: str | None = None, choices: int | None = None, **settings: Any) -> Answer:
        """Read one input and return what comes next: `choices` with probabilities, or `params`.

        A live session returns an `answer`, and takes the settings of the task's live stream. Raises `Conflict` where
        another client stepped the session.
        """
        return await self._do(self._step(x, told_by(show, choices, settings)))

    async def run(
        self,
        xs: str | Sequence[Any],
        *,
        each: bool = False,
        show: str | None = None,
        choices: int | None = None,
        **settings: Any,
    ) -> Answer:
        """Read a text or a list of inputs and return what comes next, after the last or after `each`; see `step`."""
        return await self._do(self._run(xs, told_by(show, choices, settings), each=each))

    async def predict(self, prompt: str = "", **how: Any) -> AsyncIterator[str]:
        """Answer a prompt, a piece at a time; the session moves once the answer is complete.

        An answer that is not read to its end is cancelled, as `Session.predict` says.
        """
        await self._leave()
        events = EventStream()
        pieces = self._client._pieces(self._predict(prompt, how, events))
        self._open = ref(pieces)
        async with aclosing(pieces):  # type: ignore[type-var]
            async for text in pieces:
                yield text
        if not events.answer:
            raise UsageError(LEFT)

    async def fork(self) -> "AsyncSession":
        """Begin another session from here."""
        await self._leave()
        return await self._client._session(self._fork())

    async def snapshot(self) -> bytes:
        """Return the session as bytes, from which `AsyncClient.restore` and `Stream.open` go on."""
        return await self._do(self._snapshot())

    async def refresh(self) -> int:
        """Ask how much the session has read, and go on from there."""
        return await self._do(self._refresh())

    async def delete(self) -> None:
        """End the session."""
        await self._do(self._delete())

    async def _do(self, exchange: Exchange[Value]) -> Value:
        await self._leave()
        return await self._client._carry_out(exchange)

    async def _leave(self) -> None:
        """Let go of an answer that is not read to its end, so that the server stops writing it."""
        pieces = self._open()
        if pieces is None:
            return
        try:
            await pieces.aclose()
        except RuntimeError:  # it is running, in another task
            raise UsageError(IN_TWO_PLACES) from None
