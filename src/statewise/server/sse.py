"""Server-sent events whose source is closed with them, so that nothing is held for a client that has gone."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, final

from fastapi.responses import StreamingResponse

EVENT_STREAM = "text/event-stream"


@final
class EventResponse(StreamingResponse):
    """An answer in pieces."""

    def __init__(self, events: AsyncGenerator[bytes, None]) -> None:
        super().__init__(events, media_type=EVENT_STREAM)
        self._events = events

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send the events, and close what they come from."""
        async with aclosing(self._events):
            await super().__call__(scope, receive, send)
