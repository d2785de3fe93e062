"""HTTP as uvicorn speaks it, and a limit to how long a client may take to say what it wants."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

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
