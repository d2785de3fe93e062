"""What every request and every WebSocket passes first: host, origin, token, and whether there is room."""

import asyncio
import json
from collections import Counter
from typing import Any, final

from statewise.server.doorkeeper import Board
from statewise.server.metrics import Metrics
from statewise.server.refusals import (
    BAD_ORIGIN,
    BAD_REQUEST,
    BUSY,
    FAILED,
    NO_TOKEN,
    TOO_LARGE,
    TOO_MANY,
    Refused,
)
from statewise.server.settings import Settings
from statewise.server.tokens import owner_of

OPEN_PATHS = frozenset({"/livez", "/readyz"})
"What a proxy asks, which has no token."

UNLIMITED_PATHS = OPEN_PATHS | {"/metrics"}
RESTORE_PATH = "/v1/sessions/restore"
EVERYBODY = "everybody"
POLICY_VIOLATION, GOING_AWAY = 1008, 1012

NO_ROOM = Refused(BUSY, "too many requests are being answered: try again in a moment")
NO_ROOM_BYTES, NO_ROOM_CLOSE_BYTES = NO_ROOM.as_http(), NO_ROOM.as_http(close=True)


@final
class Gate:
    """An ASGI application around another. Its `board` says for how many more there is room."""

    def __init__(self, app: Any, settings: Settings, metrics: Metrics) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics
        self._inside: Counter[str] = Counter()
        self._total = self._coming = self._told_of = 0
        self.draining = False
        self.board = Board()
        self._publish()

    @property
    def inside(self) -> int:
        """How many requests are being answered."""
        return self._total

    @property
    def most_connections(self) -> int:
        """How many connections may be open at once."""
        return self._settings.most_connections

    def share(self, board: Board) -> None:
        """Say on another board for how many there is room, one that somebody else can see."""
        self.board = board
        self._publish()

    def drain(self) -> None:
        """Let no more in on a connection for long; those who come are told to go elsewhere."""
        self.draining = True
        self._publish()

    @property
    def full(self) -> bool:
        """Whether no more can be let in now."""
        return self.board.room <= 0

    def _publish(self) -> None:
        """Let everybody know for how many there is room: while draining, for as many as come."""
        most = self._settings.most_connections if self.draining else self._settings.most_requests
        self.board.room = most - self._total - self._coming

    def expect(self) -> None:
        """Count a request that is on its way in."""
        self._coming += 1
        self._publish()

    def turned_away(self, *, for_good: bool = False) -> bytes:
        """Return what is sent to who was not let in, and count it."""
        self._metrics.turned_away()
        return NO_ROOM_CLOSE_BYTES if for_good else NO_ROOM_BYTES

    def count_those_at_the_door(self) -> None:
        """Count those that the doorkeeper turned away meanwhile."""
        count = self.board.turned_away
        self._metrics.turned_away(count - self._told_of)
        self._told_of = count

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] not in ("http", "websocket"):
            return
        if scope["type"] == "http":
            self._coming = max(0, self._coming - 1)
        try:
            await self._see(scope, receive, send)
        finally:
            self._publish()

    async def _see(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            owner = self._owner(scope)
        except Refused as refused:
            await self._refuse(refused, scope, receive, send)
            return
        scope["owner"] = owner
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        await self._let_in(owner, scope, receive, send)

    async def _let_in(self, owner: str, scope: Any, receive: Any, send: Any) -> None:
        limited = scope["path"] not in UNLIMITED_PATHS
        answering = _Answering(send, self, self._settings.idle_seconds)
        try:
            if limited:
                self._count(owner, scope)
            await self._app(scope, self._bounded(scope, receive), answering)
        except Refused as refused:
            await self._refuse(refused, scope, receive, answering)
        except Exception:
            if answering.abandoned:  # the connection is closed behind this
                return
            if answering.begun:
                raise
            await self._refuse(Refused(FAILED, "the server failed at this request"), scope, receive, answering)
            raise
        finally:
            if limited and scope.pop("counted", False):
                self._total -= 1
                self._inside[owner] -= 1
                if not self._inside[owner]:
                    del self._inside[owner]

    def _count(self, owner: str, scope: Any) -> None:
        if self._total >= self._settings.most_requests:
            raise NO_ROOM
        if self._inside[owner] >= self._settings.most_requests_an_owner:
            raise Refused(TOO_MANY, "too many of your requests are being answered: wait for some of them")
        self._total += 1
        self._inside[owner] += 1
        scope["counted"] = True

    def _owner(self, scope: Any) -> str:
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, []).append(value)
        hosts = headers.get(b"host", [])
        if len(hosts) != 1 or host_name(hosts[0].decode("latin-1")) not in self._settings.hosts:
            raise Refused(BAD_REQUEST, "this server does not answer under that Host")
        for origin in headers.get(b"origin", []):
            if origin.decode("latin-1") not in self._settings.origins:
                raise Refused(BAD_ORIGIN, "pages of that Origin may not ask here")
        if scope["path"] in OPEN_PATHS or not self._settings.owners:
            return EVERYBODY
        given = headers.get(b"authorization", [])
        owner = owner_of(given[0].decode("latin-1"), self._settings.owners) if len(given) == 1 else None
        if owner is None:
            raise Refused(NO_TOKEN, "give a token: Authorization: Bearer TOKEN")
        return owner

    def _bounded(self, scope: Any, receive: Any) -> Any:
        """Return a `receive` that refuses a body too large, or too late."""
        settings = self._settings
        most = settings.most_state_bytes if scope["path"] == RESTORE_PATH else settings.most_body_bytes
        claimed = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not claimed.isdigit() or int(claimed) > most:
            raise Refused(TOO_LARGE, f"the body is too large: give at most {most} bytes")
        read, complete = 0, False

        async def bounded() -> Any:
            nonlocal read, complete
            if complete:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), settings.body_seconds)
            except TimeoutError:
                raise _noted(scope, Refused(BAD_REQUEST, "the body did not come in time")) from None
            read += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if read > most:
                raise _noted(scope, Refused(TOO_LARGE, f"the body is too large: give at most {most} bytes"))
            return message

        return bounded

    async def _refuse(self, refused: Refused, scope: Any, receive: Any, send: Any) -> None:
        self._metrics.refused(refused.refusal)
        if scope["type"] == "websocket":
            await refuse_socket(refused, scope, receive, send)
            return
        body = json.dumps(refused.as_json()).encode()
        close = {"Connection": "close"} if refused.refusal in (TOO_LARGE, BAD_REQUEST) else {}
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **refused.headers, **close}
        listed = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": refused.refusal.status, "headers": listed})
        await send({"type": "http.response.body", "body": body})


def _noted(scope: Any, refused: Refused) -> Refused:
    """Keep a refusal where it is found, whatever a reader of the body makes of it."""
    scope["refused"] = refused
    return refused


async def refuse_socket(refused: Refused, scope: Any, receive: Any, send: Any) -> None:
    """Refuse the handshake of a WebSocket, in HTTP where the server below can."""
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return
    headers = [(b"content-type", b"application/json")]
    headers += [(name.lower().encode(), value.encode()) for name, value in refused.headers.items()]
    await send({"type": "websocket.http.response.start", "status": refused.refusal.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": json.dumps(refused.as_json()).encode()})


class _Answering:
    """A `send` that knows whether an answer has begun, waits for a reader only so long, and while draining says so."""

    def __init__(self, send: Any, gate: Gate, seconds: float) -> None:
        self._send, self._gate, self._seconds = send, gate, seconds
        self.begun = self.abandoned = False

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            if self._gate.draining:
                message["headers"] = [*message.get("headers", []), (b"connection", b"close")]
        if not message.get("more_body"):
            await self._send(message)
            return
        try:
            async with asyncio.timeout(self._seconds):  # who reads nothing of a stream would hold its place for ever
                await self._send(message)
        except TimeoutError:
            self.abandoned = True
            raise


def host_name(host: str) -> str:
    """Return the name in a `Host` header, without its port.

    >>> host_name("LOCALHOST:8000"), host_name("[::1]:8000"), host_name("here.example.")
    ('localhost', '::1', 'here.example.')
    """
    if host.startswith("["):
        name, _, port = host[1:].partition("]")
        port = port.removeprefix(":")
    else:
        name, _, port = host.partition(":")
    return name.lower() if not port or port.isdigit() else ""
