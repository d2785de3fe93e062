"""What a client is told where something cannot be done: a status, a code and one line, and nothing of the inside."""

import json
import re
from http import HTTPStatus
from typing import Any, NamedTuple

from statewise.batcher import Busy
from statewise.errors import DataError, MissingExtra, RunError, TrainingError, UsageError
from statewise.store import StoreError, StoreFull

RETRY_SECONDS = 1
FOLDERS = re.compile(r"(?<![\w.~/])/(?:[^\s/'\"]+/)+")
"Where a file lies, which is nothing to a client."


class ErrorKind(NamedTuple):
    """One way of saying no."""

    status: int
    code: str


BAD_REQUEST = ErrorKind(400, "bad_request")
NO_TOKEN = ErrorKind(401, "no_token")
BAD_ORIGIN = ErrorKind(403, "bad_origin")
NOT_FOUND = ErrorKind(404, "not_found")
BAD_METHOD = ErrorKind(405, "bad_method")
CONFLICT = ErrorKind(409, "conflict")
GONE = ErrorKind(410, "gone")
TOO_LARGE = ErrorKind(413, "too_large")
UNREADABLE = ErrorKind(422, "unreadable")
TOO_MANY = ErrorKind(429, "too_many")
BUSY = ErrorKind(503, "busy")
FAILED = ErrorKind(500, "failed")
FULL = ErrorKind(507, "full")


class ApiError(Exception):
    """A request that cannot be granted, and what its sender should know."""

    def __init__(self, kind: ErrorKind, message: str, **more: Any) -> None:
        super().__init__(message)
        self.kind, self.message, self.more = kind, message, more

    @property
    def headers(self) -> dict[str, str]:
        """What goes with it: when to come again, or how to authenticate."""
        if self.kind in (TOO_MANY, BUSY):
            return {"Retry-After": str(RETRY_SECONDS)}
        return {"WWW-Authenticate": "Bearer"} if self.kind is NO_TOKEN else {}

    def as_json(self) -> dict[str, Any]:
        """Return the body of the answer."""
        return {"error": {"code": self.kind.code, "message": self.message, **self.more}}

    def as_http(self, *, close: bool = False) -> bytes:
        """Return a whole answer, as it goes over a connection.

        >>> ApiError(BUSY, "try again").as_http().splitlines()[:2]
        [b'HTTP/1.1 503 Service Unavailable', b'content-type: application/json']
        """
        body = json.dumps(self.as_json()).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **self.headers}
        headers |= {"Connection": "close"} if close else {}
        lines = [f"{name.lower()}: {value}" for name, value in headers.items()]
        status = f"HTTP/1.1 {self.kind.status} {HTTPStatus(self.kind.status).phrase}"
        return "\r\n".join([status, *lines, "", ""]).encode() + body


def as_api_error(error: BaseException) -> ApiError | None:
    """Return what a client is told of an error; None for one that is the server's own fault."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, Busy):
        return ApiError(BUSY, "too much is waiting: try again in a moment")
    if isinstance(error, StoreFull):
        return ApiError(FULL, str(error))
    if isinstance(error, StoreError):
        return ApiError(BUSY, "the store does not answer: try again in a moment, with the same steps and key")
    if isinstance(error, TimeoutError):
        return ApiError(BUSY, "this took too long: try again, with the same steps and key")
    if isinstance(error, RunError):
        return ApiError(CONFLICT, FOLDERS.sub("", str(error)))
    if isinstance(error, TrainingError):  # a disk that takes no more
        return ApiError(FULL, FOLDERS.sub("", str(error)))
    if isinstance(error, UsageError | DataError | MissingExtra):
        return ApiError(UNREADABLE, FOLDERS.sub("", str(error)))
    return None
