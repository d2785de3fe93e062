"""What every request and every WebSocket passes first: host, origin, token, body, and the limits on their number."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, final

from statewise.server.errors import (
    BAD_ORIGIN,
    BAD_REQUEST,
    BUSY,
    FAILED,
    NO_TOKEN,
    TOO_MANY,
    ApiError,
)
from statewise.server.metrics import Metrics
from statewise.server.request_body import BodyMemory, BodyReader, ClientLeft
from statewise.server.settings import OPEN_PATHS, ServerSettings
from statewise.server.tokens import bearer_in_cookie, owner_of

UNLIMITED_PATHS = OPEN_PATHS | {"/metrics"}
EVERYBODY = "everybody"
POLICY_VIOLATION, GOING_AWAY = 1008, 1012


def response_to(refused: ApiError, *, close: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the messages of ASGI that answer a request which is not granted."""
    body = json.dumps(refused.as_json()).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **refused.headers}
    headers |= {"Connection": "close"} if close else {}
    listed = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    start = {"type": "http.response.start", "status": refused.kind.status, "headers": listed}
    return start, {"type": "http.response.body", "body": body}


async def _send_all(messages: Iterable[dict[str, Any]], send: Any) -> None:
    for message in messages:
        await send(message)


NO_ROOM = ApiError(BUSY, "too many requests are being answered: try again in a moment")
NO_ROOM_RESPONSE, NO_ROOM_AND_CLOSE = response_to(NO_ROOM), response_to(NO_ROOM, close=True)
NO_ROOM_CLOSE_BYTES = NO_ROOM.as_http(close=True)


@final
class AdmissionControl:
    """An ASGI application around another: it answers what may not go further itself."""

    def __init__(self, app: Any, settings: ServerSettings, metrics: Metrics) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics
        self._by_owner: Counter[str] = Counter()
        self._total = 0
        self._bodies = BodyReader(settings)
        self.draining = False

    @property
    def max_connections(self) -> int:
        """How many connections may be open at once."""
        return self._settings.max_connections

    def reject_connection(self) -> bytes:
        """Return the 503 response for one connection too many, and count it."""
        self._metrics.refused(BUSY)
        return NO_ROOM_CLOSE_BYTES

    @property
    def _full(self) -> bool:
        return self._total >= self._settings.max_requests

    def drain(self) -> None:
        """Answer every request with `Connection: close` from now on."""
        self.draining = True

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Admit a request, or answer it here."""
        if scope["type"] not in ("http", "websocket"):
            return
        if self._full and scope["type"] == "http" and scope["path"] not in UNLIMITED_PATHS:
            self._metrics.refused(BUSY)
            await _send_all(NO_ROOM_AND_CLOSE if self.draining else NO_ROOM_RESPONSE, send)
            return
        try:
            owner = self._owner(scope)
        except ApiError as refused:
            await self._refuse(refused, scope, receive, send, close=refused.kind is BAD_REQUEST)
            return
        scope["owner"] = owner
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        with self._bodies.memory() as memory:
            await self._admit(owner, scope, receive, _Answering(send, self, self._settings.idle_seconds), memory)

    async def _admit(self, owner: str, scope: Any, receive: Any, answering: "_Answering", memory: BodyMemory) -> None:
        try:
            body = await self._bodies.read(scope, receive, memory)
        except ClientLeft:
            self._metrics.unfinished_bodies.inc()
            return
        except ApiError as refused:  # the rest of the body would be taken for a request
            await self._refuse(refused, scope, receive, answering, close=True)
            return
        try:
            with self._counted(owner, scope["path"]):
                await self._app(scope, body, answering)
        except ApiError as refused:
            await self._refuse(refused, scope, receive, answering)
        except Exception:
            if answering.abandoned:  # the connection is closed after this
                return
            if answering.begun:
                raise
            await self._refuse(ApiError(FAILED, "the server failed at this request"), scope, receive, answering)
            raise

    @contextmanager
    def _counted(self, owner: str, path: str) -> Iterator[None]:
        """Count a request while it is answered. Raises `ApiError` where that would be one too many."""
        if path in UNLIMITED_PATHS:
            yield
            return
        if self._full:
            raise NO_ROOM
        if self._by_owner[owner] >= self._settings.max_requests_per_owner:
            raise ApiError(TOO_MANY, "too many of your requests are being answered: wait for some of them")
        self._total += 1
        self._by_owner[owner] += 1
        try:
            yield
        finally:
            self._total -= 1
            self._by_owner[owner] -= 1
            if not self._by_owner[owner]:
                del self._by_owner[owner]

    def _owner(self, scope: Any) -> str:
        headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name, []).append(value)
        hosts = headers.get(b"host", [])
        if len(hosts) != 1 or host_name(hosts[0].decode("latin-1")) not in self._settings.hosts:
            raise ApiError(BAD_REQUEST, "this server does not answer under that Host")
        for origin in headers.get(b"origin", []):
            if origin.decode("latin-1") not in self._settings.origins:
                raise ApiError(BAD_ORIGIN, "pages of that Origin may not ask here")
        settings, path = self._settings, scope["path"]
        if path in settings.open_paths or path.startswith(settings.open_prefixes) or not settings.owners:
            return EVERYBODY
        given = headers.get(b"authorization", []) or bearer_in_cookie(headers.get(b"cookie", []), settings.cookie)
        owner = owner_of(given[0].decode("latin-1"), self._settings.owners) if len(given) == 1 else None
        if owner is None:
            raise ApiError(NO_TOKEN, "give a token: Authorization: Bearer TOKEN")
        return owner

    async def _refuse(self, refused: ApiError, scope: Any, receive: Any, send: Any, *, close: bool = False) -> None:
        self._metrics.refused(refused.kind)
        if scope["type"] == "websocket":
            await refuse_socket(refused, scope, receive, send)
            return
        await _send_all(response_to(refused, close=close), send)


async def refuse_socket(refused: ApiError, scope: Any, receive: Any, send: Any) -> None:
    """Refuse the handshake of a WebSocket, in HTTP where the server below can."""
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return
    headers = [(b"content-type", b"application/json")]
    headers += [(name.lower().encode(), value.encode()) for name, value in refused.headers.items()]
    await send({"type": "websocket.http.response.start", "status": refused.kind.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": json.dumps(refused.as_json()).encode()})


class _Answering:
    """A `send` that knows whether an answer has begun, waits for a reader only so long, and while draining says so."""

    def __init__(self, send: Any, admission: AdmissionControl, seconds: float) -> None:
        self._send, self._admission, self._seconds = send, admission, seconds
        self.begun = self.abandoned = False

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            if self._admission.draining:
                message["headers"] = [*message.get("headers", []), (b"connection", b"close")]
        if not message.get("more_body"):
            await self._send(message)
            return
        try:
            # a client that reads nothing of a stream would hold its place for ever
            async with asyncio.timeout(self._seconds):
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
