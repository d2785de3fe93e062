"""What both clients do: which calls there are, and how one is repeated until it is answered.

Nothing here sends anything. An `Exchange` is a generator that says what to do next (`Send`, `Listen`, `Wait`), is told
what came of it, and returns what the whole call gave. `Client` and `AsyncClient` carry exchanges out.
"""

import json
import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from statewise.client.request import Request
from statewise.errors import MissingExtra, StatewiseError, UsageError

Answer = dict[str, Any]
"What a server answers: a JSON object."

REPEATED = frozenset({429, 502, 503, 504})
"The statuses after which the same call may be granted."

FULL_STATUS = 507
"There are as many sessions as there may be: it is not a failure of the server, and stays so until one is deleted."

FIRST_SECONDS, MOST_SECONDS = 0.02, 2.0


class ServerError(StatewiseError):
    """No server answered in time, or one failed."""

    exit_code = 1


class RefusedByServer(StatewiseError):
    """A server says that this cannot be done, and why; `status` and `code` say it to programs."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Conflict(RefusedByServer):
    """Another client stepped the session, or a call that ended in `ServerError` was applied all the same.

    `steps` is how many inputs it has read; `refresh` goes on from there.
    """

    def __init__(self, message: str, steps: int | None) -> None:
        super().__init__(409, "conflict", message)
        self.steps = steps


class Reply(NamedTuple):
    """What came back: a status and a body; or status 0 where nothing did, and why."""

    status: int
    body: bytes = b""
    retry_after: str = ""
    why: str = ""


class Send(NamedTuple):
    """Send a request to the server at this address, and tell its reply."""

    address: str
    request: Request


class Listen(NamedTuple):
    """Send a request to the server at this address, hand on its events as they come, and tell how they ended."""

    address: str
    request: Request
    events: "EventStream"


class Wait(NamedTuple):
    """Wait so long."""

    seconds: float


Action = Send | Listen | Wait
Value = TypeVar("Value")
Exchange = Generator[Action, Reply | None, Value]


@dataclass(frozen=True)
class ClientOptions:
    """Where servers of one store are, whose token is sent, and how long a call is repeated."""

    addresses: tuple[str, ...]
    token: str | None = None
    patience_seconds: float = 30.0
    timeout_seconds: float = 10.0
    first: list[int] = field(default_factory=lambda: [0])

    def __post_init__(self) -> None:
        if not self.addresses or not all(address.startswith(("http://", "https://")) for address in self.addresses):
            raise UsageError("a client needs the address of a server: give http://HOST:PORT")

    @property
    def headers(self) -> dict[str, str]:
        """What goes with every call."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def ask(self, request: Request) -> Exchange[bytes]:
        """Send a request until it is answered; return the body of the answer. Raises what `read_reply` does."""
        return read_reply((yield from self._repeat(lambda address: Send(address, request))))

    def listen(self, request: Request, events: "EventStream") -> Exchange[None]:
        """Send a request until its events have come to their end. Raises what `read_reply` does."""
        read_reply((yield from self._repeat(lambda address: Listen(address, request, events))))

    def _repeat(self, attempt: Callable[[str], Send | Listen]) -> Exchange[Reply]:
        """Try until there is an answer, or no patience left; return the last reply.

        A server that does not answer is left for the next one, at once while there is one that was not tried.
        """
        end, failures = time.monotonic() + self.patience_seconds, 0
        while True:
            reply = yield attempt(self.addresses[self.first[0] % len(self.addresses)].rstrip("/"))
            assert reply is not None
            if reply.status and reply.status not in REPEATED:
                return reply
            failures += 1
            if not reply.status or reply.status in (502, 504):
                self.first[0] += 1
            seconds = self._pause(reply, failures)
            if time.monotonic() + seconds > end:
                return reply
            yield Wait(seconds)

    def _pause(self, reply: Reply, failures: int) -> float:
        if not reply.status and failures < len(self.addresses):
            return 0.0
        backoff = min(MOST_SECONDS, FIRST_SECONDS * 2.0 ** min(failures - 1, 10))
        asked = float(reply.retry_after) if reply.retry_after.isdigit() else 0.0
        return max(asked, backoff) * random.uniform(0.5, 1.0) if not asked else asked * random.uniform(1.0, 1.25)


def read_reply(reply: Reply) -> bytes:
    """Return the body of an answer. Raises `ServerError`, `Conflict` or `RefusedByServer` for any other reply."""
    if 200 <= reply.status < 300:
        return reply.body
    if not reply.status:
        raise ServerError(f"no server answered ({reply.why}): check that one runs at this address, then try again")
    try:
        error = dict(json.loads(reply.body)["error"])
    except (ValueError, KeyError, TypeError):
        error = {}
    message, code = str(error.get("message", "the server gave no reason")), str(error.get("code", "unknown"))
    if reply.status == 409 and code == "conflict":
        raise Conflict(message, error.get("steps"))
    if reply.status >= 500 and reply.status != FULL_STATUS:
        advice = "try again later" if reply.status in REPEATED else "look into the log of the server"
        raise ServerError(f"the server answered with status {reply.status} ({code}): {message}; {advice}")
    raise RefusedByServer(reply.status, code, message)


def reply_of(got: Any, body: bytes) -> Reply:
    """Return what the HTTP library was answered, with the body that was read."""
    return Reply(got.status_code, body, got.headers.get("retry-after", ""))


def no_reply(error: Exception, address: str, http: Any) -> Reply:
    """Return that nothing came back, for an error of the HTTP library; any other is raised.

    Raises `UsageError` where the client itself was closed.
    """
    if isinstance(error, StatewiseError) and not isinstance(error, ServerError):
        raise error
    if http.is_closed:
        raise UsageError("the client is closed: close it after its last answer, or make another") from None
    if not isinstance(error, httpx().HTTPError | ServerError):
        raise error
    return Reply(0, why=f"{address}: {type(error).__name__}")


def fields_of(line: str) -> tuple[str, str]:
    """Return the name and value of a line of server-sent events.

    >>> fields_of("event: done"), fields_of("")
    (('event', 'done'), ('', ''))
    """
    name, _, value = line.partition(":")
    return name, value.removeprefix(" ")


class EventStream:
    """Server-sent events of an answer, read line by line, also when it has to be asked for again."""

    def __init__(self) -> None:
        self.written, self.answer = "", Answer()
        self._seen, self._event = 0, ""

    def begin(self) -> None:
        """A new attempt begins at the beginning of the text."""
        self._seen, self._event = 0, ""

    def line(self, line: str) -> str:
        """Return what a line adds to what was read before. Raises what `read_reply` does for an error."""
        name, value = fields_of(line)
        if name == "event":
            self._event = value
        if name != "data":
            return ""
        said = json.loads(value)
        if self._event == "error":
            code = said.get("error", {}).get("code")
            statuses = {"conflict": 409, "busy": 503, "too_many": 429}
            read_reply(Reply(statuses.get(code, 422), value.encode()))
        if self._event == "done":
            self.answer = said
            return self._new(said["text"], 0)
        new = self._new(said["text"], self._seen)
        self._seen += len(said["text"])
        return new

    def end(self) -> Reply:
        """Return how it ended."""
        return Reply(200) if self.answer else Reply(0, why="the answer was cut off")

    def _new(self, text: str, start: int) -> str:
        new = text[max(0, len(self.written) - start) :]
        self.written += new
        return new


def httpx() -> Any:
    """Return the httpx package. Raises `MissingExtra` where it is not installed."""
    try:
        return import_module("httpx")
    except ModuleNotFoundError:
        raise MissingExtra("a client needs httpx: pip install 'statewise[client]'") from None
