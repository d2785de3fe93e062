"""HTTP and WebSocket as uvicorn speaks them, with deadlines for a slow client, and no log that a client can fill."""

import asyncio
from contextlib import suppress
from typing import Any, Protocol, final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

NO_TEXT = 1007

MOST_HEADER_BYTES = 64 << 10


class Admission(Protocol):
    """What limits the number of connections."""

    @property
    def max_connections(self) -> int:
        """How many connections may be open at once."""

    def reject_connection(self) -> bytes:
        """Return the 503 response for one connection too many, and count it."""


@final
class HttpConnection(HttpToolsProtocol):
    """One connection. It is closed where headers are too long or not whole within `header_seconds`.

    A body that is read has its deadline in `request_body`; one that is not, because it was answered before, has
    `header_seconds` too.
    """

    def __init__(self, admission: Admission, header_seconds: float, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._admission, self._header_seconds = admission, header_seconds
        self._deadline: asyncio.TimerHandle | None = None
        self._header_bytes = 0
        self._in_body = False

    def connection_made(self, transport: Any) -> None:
        """Begin, if there may be one more."""
        super().connection_made(transport)
        if len(self.connections) > self._admission.max_connections:
            transport.write(self._admission.reject_connection())
            transport.close()
            return
        self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        self._clear_deadline()
        self._unset_keepalive_if_required()  # else a connection that was reset is kept until it would be idle
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; the first byte after an answer sets the deadline of the next request's headers."""
        if self._is_answered and self._deadline is None:
            self._set_deadline()
        if self._deadline is not None and not self._in_body:
            self._header_bytes += len(data)
            if self._header_bytes > MOST_HEADER_BYTES and len(data) < MOST_HEADER_BYTES:
                self.transport.close()
                return
        super().data_received(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; a chunked body may have more of them after it, without end, which are dropped."""
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Leave the deadline of the body to the code that reads it."""
        self._clear_deadline()
        self._in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Know that a request was read whole."""
        self._in_body = False
        super().on_message_complete()
        if self.cycle is not None and self._is_answered and not self.parser.should_upgrade():
            self._clear_deadline()  # it was answered before it was read
            self._wait_for_next()

    @property
    def _is_answered(self) -> bool:
        return self.cycle is None or bool(self.cycle.response_complete)

    def _wait_for_next(self) -> None:
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _set_deadline(self) -> None:
        self._header_bytes = 0
        self._deadline = self.loop.call_later(self._header_seconds, self.transport.close)

    def _clear_deadline(self) -> None:
        self._header_bytes = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


@final
class WebSocketConnection(WebSocketsSansIOProtocol):
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
