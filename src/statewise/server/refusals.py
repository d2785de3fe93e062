"""What a client is told where something cannot be done: a status, a code and one line, and nothing of the inside."""

import json
from http import HTTPStatus
from typing import Any, NamedTuple

RETRY_SECONDS = 1


class Refusal(NamedTuple):
    """One way of saying no."""

    status: int
    code: str


BAD_REQUEST = Refusal(400, "bad_request")
NO_TOKEN = Refusal(401, "no_token")
BAD_ORIGIN = Refusal(403, "bad_origin")
NOT_FOUND = Refusal(404, "not_found")
BAD_METHOD = Refusal(405, "bad_method")
CONFLICT = Refusal(409, "conflict")
GONE = Refusal(410, "gone")
TOO_LARGE = Refusal(413, "too_large")
UNREADABLE = Refusal(422, "unreadable")
TOO_MANY = Refusal(429, "too_many")
BUSY = Refusal(503, "busy")
FAILED = Refusal(500, "failed")
FULL = Refusal(507, "full")


class Refused(Exception):
    """A request that cannot be granted, and what its sender should know."""

    def __init__(self, refusal: Refusal, message: str, **more: Any) -> None:
        super().__init__(message)
        self.refusal, self.message, self.more = refusal, message, more

    @property
    def headers(self) -> dict[str, str]:
        """What goes with it: when to come again, or how to say who one is."""
        if self.refusal in (TOO_MANY, BUSY):
            return {"Retry-After": str(RETRY_SECONDS)}
        return {"WWW-Authenticate": "Bearer"} if self.refusal is NO_TOKEN else {}

    def as_json(self) -> dict[str, Any]:
        """Return the body of the answer."""
        return {"error": {"code": self.refusal.code, "message": self.message, **self.more}}

    def as_http(self, *, close: bool = False) -> bytes:
        """Return a whole answer, as it goes over a connection.

        >>> Refused(BUSY, "try again").as_http().splitlines()[:2]
        [b'HTTP/1.1 503 Service Unavailable', b'content-type: application/json']
        """
        body = json.dumps(self.as_json()).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **self.headers}
        headers |= {"Connection": "close"} if close else {}
        lines = [f"{name.lower()}: {value}" for name, value in headers.items()]
        status = f"HTTP/1.1 {self.refusal.status} {HTTPStatus(self.refusal.status).phrase}"
        return "\r\n".join([status, *lines, "", ""]).encode() + body
