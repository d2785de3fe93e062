"""The client that waits for its answers."""

import time
from collections.abc import Generator, Iterator, Sequence
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
class Client(ClientCalls):
    """Servers of one store, of which any will do.

    A call is repeated until it is answered or `patience_seconds` are over; a session's calls are numbered, so what was
    applied is not applied again. Raises `RefusedByServer` for what cannot be done, `ServerError` where no server
    answers, `UsageError` once it is closed.

    >>> client = Client("http://127.0.0.1:8000", patience_seconds=0.1)  # one that runs, or several: the next is tried
    """

    def _connect(self, library: Any, settings: dict[str, Any]) -> Any:
        return library.Client(**settings)

    def models(self) -> list[Answer]:
        """Return what is known of each model."""
        return self._carry_out(self._models())

    def predict(self, model: str | None = None, *, table: Any = None, **arguments: Any) -> Answer:
        """Return what `statewise predict --json` would for these arguments, without a session.

        A table is a list of rows as objects, columns as lists by their names, or the bytes of a CSV file.
        """
        return self._carry_out(self._answer(model, table, arguments))

    def create(self, model: str | None = None, *, live: bool | None = None) -> "Session":
        """Begin a session; a `live` one answers each input as `statewise stream` answers a line."""
        return self._session(create_request(model, live))

    def restore(self, data: bytes, model: str | None = None, *, live: bool | None = None) -> "Session":
        """Begin a session where a snapshot is; what `Stream.save` gave, where the server accepts foreign ones."""
        return self._session(restore_request(data, model, live=live))

    def session(self, id: str) -> "Session":
        """Go on with a session where it is, whichever server it was begun at."""
        return self._session(session_request(id))

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _session(self, request: Request) -> "Session":
        return Session(self, self._carry_out(self._begin(request)))

    def _carry_out(self, exchange: Exchange[Value]) -> Value:
        """Do what an exchange says, and return what it gives."""
        reply = None
        while True:
            try:
                action = exchange.send(reply)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            reply = self._act(action)

    def _pieces(self, exchange: Exchange[None]) -> Iterator[str]:
        """Do what an exchange says, and yield the texts that it listens to."""
        reply = None
        while True:
            try:
                action = exchange.send(reply)
            except StopIteration:
                return
            reply = (yield from self._listen(action)) if isinstance(action, Listen) else self._act(action)

    def _act(self, action: Action) -> Reply | None:
        if isinstance(action, Wait):
            time.sleep(action.seconds)
            return None
        address, request = action.address, action.request
        try:
            got = self._http.request(**request.to(address))
        except Exception as error:
            return no_reply(error, address, self._http)
        return reply_of(got, got.content)

    def _listen(self, action: Listen) -> Generator[str, None, Reply]:
        address, request, events = action
        events.begin()
        try:
            with self._http.stream(**request.to(address)) as got:
                if got.status_code != 200:
                    return reply_of(got, got.read())
                yield from filter(None, map(events.line, got.iter_lines()))
        except Exception as error:
            return no_reply(error, address, self._http)
        return events.end()


@final
class Session(SessionCalls):
    """A session on a server: `id` names it, `steps` inputs have been read."""

    def __init__(self, client: Client, begun: Begun) -> None:
        super().__init__(client._options, *begun)
        self._client = client

    def step(self, x: Any, *, show: str | None = None, choices: int | None = None, **settings: Any) -> Answer:
        """Read one input and return what comes next: `choices` with probabilities, or `params`.

        A live session returns an `answer`, and takes the settings of the task's live stream. Raises `Conflict` where
        another client stepped the session.
        """
        return self._do(self._step(x, told_by(show, choices, settings)))

    def run(
        self,
        xs: str | Sequence[Any],
        *,
        each: bool = False,
        show: str | None = None,
        choices: int | None = None,
        **settings: Any,
    ) -> Answer:
        """Read a text or a list of inputs and return what comes next, after the last or after `each`; see `step`."""
        return self._do(self._run(xs, told_by(show, choices, settings), each=each))

    def predict(self, prompt: str = "", **how: Any) -> Iterator[str]:
        """Answer a prompt, a piece at a time; the session moves once the answer is complete.

        An answer that is not read to its end is cancelled: the session stays where it was, unless the server had
        completed the answer already. The next call finds out, and goes on from where it is, which `steps` says.
        """
        self._leave()
        events = EventStream()
        pieces = self._client._pieces(self._predict(prompt, how, events))
        self._open = ref(pieces)
        yield from pieces
        if not events.answer:
            raise UsageError(LEFT)

    def fork(self) -> "Session":
        """Begin another session from here."""
        self._leave()
        return self._client._session(self._fork())

    def snapshot(self) -> bytes:
        """Return the session as bytes, from which `Client.restore` and `Stream.open` go on."""
        return self._do(self._snapshot())

    def refresh(self) -> int:
        """Ask how much the session has read, and go on from there."""
        return self._do(self._refresh())

    def delete(self) -> None:
        """End the session."""
        self._do(self._delete())

    def _do(self, exchange: Exchange[Value]) -> Value:
        self._leave()
        return self._client._carry_out(exchange)

    def _leave(self) -> None:
        """Let go of an answer that is not read to its end, so that the server stops writing it."""
        pieces = self._open()
        if pieces is None:
            return
        try:
            pieces.close()
        except ValueError:  # it is running, in another thread
            raise UsageError(IN_TWO_PLACES) from None
