"""A client of `statewise serve` whose calls may fail and be repeated without being applied twice."""

from statewise.client.asynchronous import AsyncClient, AsyncSession
from statewise.client.protocol import Answer, Conflict, RefusedByServer, ServerError
from statewise.client.synchronous import Client, Session

__all__ = [
    "Answer",
    "AsyncClient",
    "AsyncSession",
    "Client",
    "Conflict",
    "RefusedByServer",
    "ServerError",
    "Session",
]
