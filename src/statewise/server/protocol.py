"""HTTP and WebSocket as uvicorn speaks them, with a limit to a client's time, and no log that it can fill.

A server that can do no more says so here, before a request is taken apart: a refusal that took a good part of the time
of an answer would leave less time for answers the more is asked. What is asked next over a connection that was refused
is for the doorkeeper to see.
"""

import asyncio
from contextlib import suppress
from typing import Any, Protocol, final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

from statewise.server.doorkeeper import whole_request
from statewise.server.doorway import Doorway

NO_TEXT = 1007

MOST_HEADER_BYTES = 64 << 10


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


@final
class Patient(HttpToolsProtocol):
    """One connection. Who does not send whole headers in time, or too long ones, is hung up on."""

    def __init__(self, door: Door, doorway: Doorway | None, header_seconds: float, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._door, self._doorway, self._header_seconds = door, doorway, header_seconds
        self._late: asyncio.TimerHandle | None = None
        self._begun = 0
        self._in_body = self._is_unread = False
        self._turned_away_at = 0.0

    @property
    def file(self) -> int:
        """The number of its open file."""
        return int(self.transport.get_extra_info("socket").fileno())

    def connection_made(self, transport: Any) -> None:
        """Begin, if there may be one more."""
        super().connection_made(transport)
        if len(self.connections) > self._door.most_connections:
            transport.write(self._door.turned_away(for_good=True))
            transport.close()
            return
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        if self._doorway is not None:
            self._doorway.forget(self)
        self._heard()
        self._unset_keepalive_if_required()  # or who resets a connection is remembered until it would be idle
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, or refuse at once what cannot be answered now."""
        if self._is_between and not self._begun and self._door.full and whole_request(data):
            self._turn_away()
            return
        if self._is_answered and self._late is None:
            self._wait()
        if self._late is not None and not self._in_body:
            self._begun += len(data)
            if self._begun > MOST_HEADER_BYTES and len(data) < MOST_HEADER_BYTES:
                self.transport.close()
                return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Be patient with the body, whose time is limited elsewhere."""
        self._heard()
        self._in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Know that a request was read whole."""
        self._in_body = False
        super().on_message_complete()
        if self.cycle is not None and self._is_answered and not self.parser.should_upgrade():
            self._heard()  # it was answered before it was read
            self._stay()

    def on_response_complete(self) -> None:
        """Be there for the next request, or let somebody else be, who also knows how long nothing is asked for."""
        if self._doorway is None or not self._doorway.crowded or self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            self.read_on()
            return
        self.server_state.total_requests += 1
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        self._doorway.leave(self)

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to another protocol, which knows no doorkeeper."""
        if self._doorway is not None:
            self._doorway.forget(self)
        super().handle_websocket_upgrade()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection over which nothing was asked for long."""
        self.timeout_keep_alive_task = None
        if self.loop.time() < self._turned_away_at + self.timeout_keep_alive:
            self._stay()
        else:
            super().timeout_keep_alive_handler()

    def let_go(self) -> bool:
        """Stop reading where all that was said is sent and nothing more was heard; tell whether that was so."""
        transport = self.transport
        if transport.is_closing() or transport.get_protocol() is not self or transport.get_write_buffer_size():
            return False
        if self._late is not None or not self._is_between:
            return False
        self._unset_keepalive_if_required()
        if not self._is_unread:
            transport.pause_reading()
            self._is_unread = True
        return True

    def come_back(self, data: bytes, *, let_in: bool) -> None:
        """Go on with what was read at the door, and read on if that was not one whole request."""
        if self.transport.is_closing():
            return
        if let_in and self._is_between and not self._door.full:
            super().data_received(data)  # whose headers nobody has to wait for
        elif data:
            self.data_received(data)
        if not let_in:
            self.read_on()

    def read_on(self) -> None:
        """Read again what comes over the connection, if it is not; a silent one is closed in time."""
        was_unread, self._is_unread = self._is_unread, False
        if self.transport.is_closing():
            return
        if was_unread:
            self.transport.resume_reading()
        if self._is_answered and self.transport.get_protocol() is self:
            self._stay()

    @property
    def _is_answered(self) -> bool:
        return self.cycle is None or bool(self.cycle.response_complete)

    @property
    def _is_between(self) -> bool:
        """Whether the last request is over and nothing of the next was read."""
        return self._is_answered and not self._in_body

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._door.expect()
        super()._start_asgi_task(cycle, app)

    def _turn_away(self) -> None:
        self._heard()
        self._turned_away_at = self.loop.time()
        self._stay()
        self.transport.write(self._door.turned_away())
        if self._doorway is not None:
            self._doorway.refused()
            self._doorway.leave(self)

    def _stay(self) -> None:
        if self.timeout_keep_alive_task is None:
            wait = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
            self.timeout_keep_alive_task = wait

    def _wait(self) -> None:
        self._begun = 0
        self._late = self.loop.call_later(self._header_seconds, self.transport.close)

    def _heard(self) -> None:
        self._begun = 0
        if self._late is not None:
            self._late.cancel()
            self._late = None


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
