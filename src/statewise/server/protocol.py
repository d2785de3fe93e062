"""HTTP and WebSocket as uvicorn speaks them, with a limit to a client's time, and no log that it can fill."""

import asyncio
from contextlib import suppress
from typing import Any, final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

NO_TEXT = 1007

MOST_HEADER_BYTES = 64 << 10


def patient(header_seconds: float) -> type[HttpToolsProtocol]:
    """Return a protocol that hangs up on a client whose headers are not complete in time, or too long."""

    class Patient(HttpToolsProtocol):
        """One connection."""

        _late: asyncio.TimerHandle | None = None
        _begun: int = 0

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._heard()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            between = self._late is None and (self.cycle is None or self.cycle.response_complete)
            if between:
                self._wait()
            if self._late is not None:
                self._begun += len(data)
                if self._begun > MOST_HEADER_BYTES and len(data) < MOST_HEADER_BYTES:
                    self.transport.close()
                    return
            super().data_received(data)

        def on_headers_complete(self) -> None:
            self._heard()
            super().on_headers_complete()

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
