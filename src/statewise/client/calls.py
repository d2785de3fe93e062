"""The calls of a client and of a session, whichever client carries them out.

A session's calls are numbered, so that what was applied is not applied again.
"""

import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from statewise.client.protocol import Answer, ClientOptions, Conflict, EventStream, Exchange, httpx
from statewise.client.request import Request, session_request, table_request

LEFT = "the session was asked for something else before this answer was read to its end: read it first"
IN_TWO_PLACES = "the session is answering a prompt elsewhere in this program: wait until that answer is read"


class Begun(NamedTuple):
    """A session as a server describes it."""

    id: str
    model: str
    steps: int


def told_by(show: str | None, choices: int | None, settings: Answer) -> Answer:
    """Return how a call says what it is to be told: what is left out is left to the server.

    >>> told_by(None, 3, {}), told_by(None, None, {"samples": 50})
    ({'choices': 3}, {'settings': {'samples': 50}})
    """
    said = {"show": show, "choices": choices, "settings": settings or None}
    return {name: value for name, value in said.items() if value is not None}


class ClientCalls(ABC):
    """Servers of one store, of which any will do."""

    def __init__(
        self,
        *addresses: str,
        token: str | None = None,
        patience_seconds: float = 30.0,
        timeout_seconds: float = 10.0,
    ) -> None:
        self._options = ClientOptions(addresses, token, patience_seconds, timeout_seconds)
        library = httpx()
        limits = library.Limits(max_connections=None, max_keepalive_connections=None)
        settings = {"timeout": timeout_seconds, "headers": self._options.headers, "trust_env": False, "limits": limits}
        self._http = self._connect(library, settings)

    @abstractmethod
    def _connect(self, library: Any, settings: dict[str, Any]) -> Any:
        """Return what sends requests."""

    def _models(self) -> Exchange[list[Answer]]:
        """Ask what is known of each model."""
        return list(json.loads((yield from self._options.ask(Request("GET", "/v1/models"))))["data"])

    def _answer(self, model: str | None, table: Any, arguments: Answer) -> Exchange[Answer]:
        """Ask for an answer without a session."""
        if isinstance(table, bytes):
            request = table_request(table, model, arguments)
        else:
            named = {"model": model, "table": table}
            body = {**arguments, **{name: value for name, value in named.items() if value is not None}}
            request = Request("POST", "/v1/predict", body)
        return dict(json.loads((yield from self._options.ask(request))))

    def _begin(self, request: Request) -> Exchange[Begun]:
        """Ask for a session."""
        said = json.loads((yield from self._options.ask(request)))
        return Begun(said["session"], said["model"], said["steps"])


class SessionCalls:
    """A session on a server: `id` names it, `steps` inputs have been read as far as is known here.

    An answer of `predict` that was not read to its end may have moved the session all the same. So its request is kept,
    with its key: if the next call finds the session elsewhere, that request is repeated. A server that has answered it
    says where the session was then, and the call goes on from there; else another client was at work.
    """

    def __init__(self, options: ClientOptions, id: str, model: str, steps: int) -> None:
        self._options, self.id, self.model, self.steps = options, id, model, steps
        self._unfinished: Request | None = None
        self._open: Callable[[], Any] = lambda: None
        "The answer that is being read, for as long as something else holds it."

    def __repr__(self) -> str:
        return f"<Session {self.id} of {self.model}, {self.steps} steps>"

    def _step(self, x: Any, told: Answer) -> Exchange[Answer]:
        """Ask for a step."""
        return self._read("step", {"input": x, **told})

    def _run(self, xs: str | Sequence[Any], told: Answer, *, each: bool) -> Exchange[Answer]:
        """Ask for a sequence of steps."""
        given = {"text": xs} if isinstance(xs, str) else {"inputs": list(xs)}
        return self._read("run", {**given, "each": each, **told})

    def _predict(self, prompt: str, how: Answer, events: EventStream) -> Exchange[None]:
        """Listen to the answer to a prompt, and know where the session is after it."""

        def listen() -> Exchange[None]:
            before, self._unfinished = self._unfinished, self._numbered("predict", {"prompt": prompt, **how})
            try:
                yield from self._options.listen(self._unfinished, events)
            except Conflict:
                self._unfinished = before
                raise

        yield from self._settled(listen)
        self._unfinished, self.steps = None, events.answer["steps"]

    def _fork(self) -> Request:
        """Return the request for another session from here."""
        return Request("POST", f"/v1/sessions/{self.id}/fork")

    def _snapshot(self) -> Exchange[bytes]:
        """Ask for the session as bytes."""
        return self._options.ask(Request("GET", f"/v1/sessions/{self.id}/snapshot"))

    def _refresh(self) -> Exchange[int]:
        """Ask how much the session has read."""
        self.steps = json.loads((yield from self._options.ask(session_request(self.id))))["steps"]
        return self.steps

    def _delete(self) -> Exchange[None]:
        """Ask for the end of the session."""
        yield from self._options.ask(Request("DELETE", f"/v1/sessions/{self.id}"))

    def _read(self, verb: str, body: Answer) -> Exchange[Answer]:
        told: Answer = json.loads((yield from self._settled(lambda: self._options.ask(self._numbered(verb, body)))))
        self._unfinished, self.steps = None, told["steps"]
        return told

    def _settled(self, attempt: Callable[[], Exchange[Any]]) -> Exchange[Any]:
        """Make a call, and make it again where the session was moved by an answer of its own that was left."""
        try:
            return (yield from attempt())
        except Conflict:
            if self._unfinished is None:
                raise
        yield from self._settle(self._unfinished)
        return (yield from attempt())

    def _settle(self, unfinished: Request) -> Exchange[None]:
        """Learn where the session was after an answer. Raises `Conflict` where it was moved by another client."""
        events = EventStream()
        try:
            for line in (yield from self._options.ask(unfinished)).decode().splitlines():
                events.line(line)
        except Conflict:
            self._unfinished = None
            raise
        self._unfinished, self.steps = None, events.answer["steps"]

    def _numbered(self, verb: str, body: Answer) -> Request:
        numbered = {**body, "steps": self.steps, "key": secrets.token_urlsafe(12)}
        return Request("POST", f"/v1/sessions/{self.id}/{verb}", numbered)
