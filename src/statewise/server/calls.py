"""What one call to a session is: by what it is known again, what it reads, and a piece of its answer."""

import hashlib
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple


class CallKey(NamedTuple):
    """How a call is known: what it believes the session has read, and a key that tells it from others' calls."""

    steps: int | None = None
    key: str = ""

    def name(self, asked: object) -> str:
        """Return what is kept to know a repeated call by; without a key, it is known by what it asks."""
        if self.steps is None:
            return ""
        return f"{self.steps}:{self.key or hashlib.sha256(repr(asked).encode()).hexdigest()}"


class ReadRequest(NamedTuple):
    """What one call reads, how it is told, by what name a repeated call is known, and where it believes the session."""

    inputs: Sequence[Any]
    how: Hashable
    each: bool
    name: str
    steps: int | None


class TextPiece(NamedTuple):
    """A piece of an answer, or, last, the record of what came of it all."""

    text: str
    answer: bytes = b""
