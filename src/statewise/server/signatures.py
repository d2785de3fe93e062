"""Which snapshots a server takes back: those that a server of its store has signed."""

import asyncio
import time
from collections.abc import Callable
from typing import final

from statewise.errors import DataError
from statewise.state import SigningKey, UnknownKey, check_signature, sign

WHAT = "the snapshot"
FOREIGN = "the snapshot was not made by a server of this store: restore one that it gave"
READ_AGAIN_SECONDS = 1.0
"Keys are read again no more often than this, when a snapshot names one that is not known."


@final
class Signatures:
    """Signs what leaves, and looks at the signature of what comes; keys that were added since are read then.

    `read` returns the keys, of which the first signs. With `accept_foreign`, a snapshot needs no signature.
    """

    def __init__(self, read: Callable[[], list[bytes]], *, accept_foreign: bool = False) -> None:
        self._read, self._accept_foreign = read, accept_foreign
        self._keys, self._read_at = self._found(), time.monotonic()

    def sign(self, state: bytes) -> bytes:
        """Return a state with the signature of this server."""
        return sign(state, self._keys[0])

    async def check(self, snapshot: bytes) -> None:
        """Raise `DataError` where no server of this store has signed a snapshot, unless foreign ones are welcome."""
        if self._accept_foreign:
            return
        try:
            check_signature(snapshot, self._keys, WHAT)
        except UnknownKey:
            if time.monotonic() - self._read_at >= READ_AGAIN_SECONDS:
                self._read_at = time.monotonic()
                self._keys = await asyncio.to_thread(self._found)
            try:
                check_signature(snapshot, self._keys, WHAT)
            except UnknownKey:
                raise DataError(FOREIGN) from None

    def _found(self) -> list[SigningKey]:
        return [SigningKey(secret) for secret in self._read()]
