"""Hooks: what decides on values, or does what was asked, is called with bounds on where, how long and what it says."""

import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from statewise.data.utterances.bot import Hook
from statewise.disk.reading import read_file
from statewise.errors import StatewiseError, UsageError
from statewise.plain.strict_json import read_json
from statewise.shown import in_line

LARGEST_REPLY = 1 << 16
MOST_REPLY_VALUES = 10_000
LARGEST_KEY = 1 << 12
SHORTEST_KEY = 16
SIGNATURE, MOMENT, REQUEST = "X-Statewise-Signature", "X-Statewise-Timestamp", "X-Statewise-Request"
Function = Callable[[dict[str, Any]], Any]


class HookFailed(StatewiseError):
    """A hook could not be asked, or said what cannot be used."""

    exit_code = 1


@dataclass(frozen=True)
class HookRunner:
    """What hooks may be called: hosts by name, with a port where it is not the usual one, and functions by name.

    A body that is sent is signed where there is a `key`: HMAC-SHA256 over the moment, a dot and the body.
    """

    hosts: frozenset[str] = frozenset()
    key: bytes | None = None
    functions: Mapping[str, Function] = field(default_factory=dict)

    def ask(self, hook: Hook, request: dict[str, Any]) -> Any:
        """Return what a hook replies. Raises `HookFailed` for whatever goes wrong."""
        if hook.kind == "python":
            return self._function(hook, request)
        body = json.dumps(request, sort_keys=True).encode()
        told = ""
        for _ in range(hook.retries + 1):
            try:
                return self._post(hook, body)
            except _MayRepeat as error:
                told = str(error)
        raise HookFailed(f"hook {in_line(hook.target, 80)} failed: {told}")

    def _function(self, hook: Hook, request: dict[str, Any]) -> Any:
        function = self.functions.get(hook.target)
        if function is None:
            raise HookFailed(f"function '{hook.target}' is not known here: give it as live(functions=...)")
        try:
            found = function(request)
        except Exception as error:
            told = in_line(f"{type(error).__name__}: {error}", 120)
            raise HookFailed(f"function '{hook.target}' raised {told}") from error
        return {"messages": [{"content": found}]} if isinstance(found, str) else ({} if found is None else found)

    def _post(self, hook: Hook, body: bytes) -> Any:
        parts = urlsplit(hook.target)
        place = parts.netloc.lower()
        if place not in self.hosts:
            raise HookFailed(f"host {in_line(place, 60)} is not among those that may be called: give it as --hosts")
        found: dict[str, Any] = {}
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        how: dict[str, Any] = {"context": ssl.create_default_context()} if parts.scheme == "https" else {}
        connection = kind(parts.hostname or "", parts.port, timeout=hook.seconds, **how)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        worker = threading.Thread(
            target=_exchange, args=(connection, path, body, self._headers(body), found), daemon=True
        )
        worker.start()
        worker.join(hook.seconds)  # all of it: a server may send a byte now and then for ever
        if worker.is_alive():
            _hang_up(connection)
            raise _MayRepeat(f"it took longer than {hook.seconds:g} seconds")
        if "error" in found:
            raise _MayRepeat(found["error"])
        status, reply = found["status"], found["reply"]
        if status >= 500:
            raise _MayRepeat(f"it answered {status}")
        if status != 200:
            why = "it redirects, which is not followed" if 300 <= status < 400 else f"it answered {status}"
            raise HookFailed(f"hook {in_line(hook.target, 80)} failed: {why}")
        if len(reply) > LARGEST_REPLY:
            raise HookFailed(f"hook {in_line(hook.target, 80)} failed: it answered more than {LARGEST_REPLY:,} bytes")
        try:
            return read_json(reply, most_values=MOST_REPLY_VALUES) if reply.strip() else {}
        except ValueError as error:
            raise HookFailed(
                f"hook {in_line(hook.target, 80)} failed: its answer is not JSON ({in_line(error, 60)})"
            ) from None

    def _headers(self, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json", REQUEST: hashlib.sha256(body).hexdigest()[:32]}
        if self.key is not None:
            moment = str(int(time.time()))
            headers |= {MOMENT: moment, SIGNATURE: f"sha256={signature_of(self.key, moment, body)}"}
        return headers


def signature_of(key: bytes, moment: str, body: bytes) -> str:
    """Return the signature of a body at a moment, in hexadecimal digits.

    >>> signature_of(b"0123456789abcdef", "1", b"{}")[:8]
    '2af693cb'
    """
    return hmac.new(key, moment.encode() + b"." + body, hashlib.sha256).hexdigest()


def read_key(path: str) -> bytes:
    """Return the key that a file holds. Raises `UsageError` for one that is too short."""
    key = read_file(Path(path), LARGEST_KEY, UsageError).strip()
    if len(key) < SHORTEST_KEY:
        raise UsageError(f"{path} holds a key of {len(key)} bytes: give {SHORTEST_KEY} or more")
    return key


def _hang_up(connection: HTTPConnection) -> None:
    """End a connection that another thread reads, which then closes it: to close it here would wait for that thread."""
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


class _MayRepeat(Exception):  # it is not an error yet
    """What may go right at another try."""


def _exchange(
    connection: HTTPConnection, path: str, body: bytes, headers: dict[str, str], found: dict[str, Any]
) -> None:
    try:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        found["reply"] = response.read(LARGEST_REPLY + 1)
        found["status"] = response.status
    except (OSError, HTTPException, ValueError, AttributeError) as error:
        found["error"] = in_line(str(error) or type(error).__name__, 100)
    finally:
        connection.close()
