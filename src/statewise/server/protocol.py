"""HTTP and WebSocket as uvicorn speaks them, with a limit to a client's time, and no log that it can fill.

A server that can do no more says so here, before a request is taken apart: a refusal that took a good part of the time
of an answer would leave less time for answers the more is asked.
"""

import asyncio
from contextlib import suppress
from typing import Any, Protocol, final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

NO_TEXT = 1007

MOST_HEADER_BYTES = 64 << 10

ASKS_WORK = (b"POST /v1/", b"GET /v1/", b"DELETE /v1/")
LENGTH, CONNECTION = b"\r\ncontent-length: ", b"\r\nconnection: "


class Door(Protocol):
    """Who knows whether there is room, and for whom there was none."""

    @property
    def most_connections(self) -> int:
        """How many connections may be open at once."""

    @property
    def full(self) -> bool:
        """Whether no more can be let in now."""

    def expect(self) -> None:
        """Know of a request that is on its way in."""

    def turned_away(self, *, for_good: bool = False) -> bytes:
        """Return what is sent to who was not let in; `for_good`, the connection is closed behind it."""


def whole_request(data: bytes) -> bool:
    """Tell whether these bytes are one plain request for work, from its first byte to its last.

    >>> whole_request(b"POST /v1/sessions HTTP/1.1\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
    True
    >>> whole_request(b"GET /livez HTTP/1.1\\r\\n\\r\\n"), whole_request(b"POST /v1/sessions HTTP/1.1\\r\\nContent-Le")
    (False, False)
    """
    end = data.find(b"\r\n\r\n")
    if end < 0 or not data.startswith(ASKS_WORK):
        return False
    head = data[:end].lower()
    if b" http/1.1\r\n" not in head or b"\r\ntransfer-encoding:" in head or b"\r\nexpect:" in head:
        return False
    at = head.find(CONNECTION)
    if at >= 0 and not head.startswith(b"keep-alive", at + len(CONNECTION)):
        return False
    at = head.find(LENGTH)
    length = head[at + len(LENGTH) :].partition(b"\r")[0] if at >= 0 else b"0"
    return length.isdigit() and len(data) == end + 4 + int(length[:9])


def patient(header_seconds: float, door: Door) -> type[HttpToolsProtocol]:
    """Return a protocol that hangs up on a client whose headers are not complete in time, or too long."""

    class Patient(HttpToolsProtocol):
        """One connection."""

        _late: asyncio.TimerHandle | None = None
        _begun: int = 0
        _in_body = False
        _turned_away_at = 0.0

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > door.most_connections:
                transport.write(door.turned_away(for_good=True))
                transport.close()
                return
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._heard()
            self._unset_keepalive_if_required()  # or who resets a connection is remembered until it would be idle
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            answered = self.cycle is None or self.cycle.response_complete
            if answered and not self._in_body and not self._begun and door.full and whole_request(data):
                self._turn_away()
                return
            if answered and self._late is None:
                self._wait()
            if self._late is not None and not self._in_body:
                self._begun += len(data)
                if self._begun > MOST_HEADER_BYTES and len(data) < MOST_HEADER_BYTES:
                    self.transport.close()
                    return
            super().data_received(data)

        def on_headers_complete(self) -> None:
            self._heard()
            self._in_body = True
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._in_body = False
            super().on_message_complete()
            answered = self.cycle is not None and self.cycle.response_complete
            if answered and not self.parser.should_upgrade():  # it was answered before it was read
                self._heard()
                self._stay()

        def timeout_keep_alive_handler(self) -> None:
            self.timeout_keep_alive_task = None
            if self.loop.time() < self._turned_away_at + self.timeout_keep_alive:
                self._stay()
            else:
                super().timeout_keep_alive_handler()

        def _start_asgi_task(self, cycle: Any, app: Any) -> None:
            door.expect()
            super()._start_asgi_task(cycle, app)

        def _turn_away(self) -> None:
            self._heard()
            self._turned_away_at = self.loop.time()
            self._stay()
            self.transport.write(door.turned_away())

        def _stay(self) -> None:
            if self.timeout_keep_alive_task is None:
                wait = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
                self.timeout_keep_alive_task = wait

        def _wait(self) -> None:
            self._begun = 0
            self._late = self.loop.call_later(header_seconds, self.transport.close)

        def _heard(self) -> None:
            self._begun = 0
            if self._late is not None:
                self._late.cancel()
                self._late = None

    return Patient


@final
class Strict(WebSocketsSansIOProtocol):
    """A WebSocket that is closed with code 1007, without a word in the log, where a text is no UTF-8."""

    def send_receive_event_to_app(self) -> None:
        """Hand a message on, if it can be read."""
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                with suppress(InvalidState):  # the other side may be closing already
                    self.conn.send_close(NO_TEXT)
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()
