"""What a client sends: a method, a path and a body, wherever it is sent to."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

STATE_TYPE = "application/vnd.safetensors"


@dataclass(frozen=True)
class Request:
    """One call of the server's API."""

    method: str
    path: str
    body: Any = None
    data: bytes | None = None
    data_type: str = STATE_TYPE

    @property
    def content(self) -> bytes:
        """The bytes of its body."""
        return self.data if self.data is not None else b"" if self.body is None else json.dumps(self.body).encode()

    @property
    def headers(self) -> dict[str, str]:
        """The type of its body, where it has one."""
        kind = self.data_type if self.data is not None else "application/json"
        return {"Content-Type": kind} if self.content else {}

    def to(self, address: str) -> dict[str, Any]:
        """Return what the HTTP library is called with, to send it to a server."""
        return {"method": self.method, "url": address + self.path, "content": self.content, "headers": self.headers}


def create_request(model: str | None, live: bool | None) -> Request:
    """Return the request that begins a session."""
    return Request("POST", "/v1/sessions", {"model": model, "live": live})


def session_request(id: str) -> Request:
    """Return the request that asks where a session is."""
    return Request("GET", f"/v1/sessions/{id}")


def table_request(table: bytes, model: str | None, arguments: dict[str, Any]) -> Request:
    """Return the request that asks for the answer to a table in CSV."""
    named = {"model": model} if model else {}
    query = urlencode({**named, **{name: json.dumps(value) for name, value in arguments.items()}})
    return Request("POST", f"/v1/predict/table{'?' * bool(query)}{query}", data=table, data_type="text/csv")


def restore_request(data: bytes, model: str | None, *, live: bool | None = None) -> Request:
    """Return the request that begins a session where a snapshot is."""
    said = {"model": model, "live": None if live is None else str(live).lower()}
    query = urlencode({name: value for name, value in said.items() if value})
    return Request("POST", f"/v1/sessions/restore{'?' * bool(query)}{query}", data=data)
