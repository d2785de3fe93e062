"""What is kept of a session, and what any store has to do with it."""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from statewise.errors import StatewiseError

ID_BYTES = 16
TTL_SECONDS = 24 * 3600.0


class StoreError(StatewiseError):
    """The store does not answer; what was asked of it may or may not have been done."""

    exit_code = 1


class StoreFull(StatewiseError):
    """There are as many sessions as there may be; nothing was kept."""

    exit_code = 1


class SessionLimits(NamedTuple):
    """The most sessions that there may be: in the whole store, and of one owner."""

    total: int = 1_000_000
    per_owner: int = 1_000_000

    def check(self, total: int, of_owner: int) -> None:
        """Raise `StoreFull` where there are so many that one more is too many.

        >>> SessionLimits(10, per_owner=2).check(total=7, of_owner=2)
        Traceback (most recent call last):
        statewise.store.record.StoreFull: you have 2 sessions, which is the most: delete one first
        """
        if of_owner >= self.per_owner:
            raise StoreFull(f"you have {of_owner:,} sessions, which is the most: delete one first")
        if total >= self.total:
            raise StoreFull("the store holds as many sessions as it may: try again later")


LIMITS = SessionLimits()


class Record(NamedTuple):
    """One session at rest.

    `steps` inputs have been read so far; `key` names the call that read the last ones, and `answer` is what that call
    was told, so that it can be told again. A session that was deleted or has expired has no `state` left.
    """

    owner: str
    model: str
    steps: int
    state: bytes
    key: str = ""
    answer: bytes = b""

    @property
    def gone(self) -> bool:
        """Whether it was deleted or has expired."""
        return not self.state

    @property
    def bytes(self) -> int:
        """How much there is to keep."""
        return len(self.state) + len(self.answer)


class Change(NamedTuple):
    """A session's next record, to be kept if it still stands at `steps`."""

    id: str
    steps: int
    record: Record


class Store(ABC):
    """Where sessions are stored. A session is deleted `ttl_seconds` after its last step, by the clock of the store.

    Every method may block, and raises `StoreError` where the store does not answer.
    """

    ttl_seconds: float

    @abstractmethod
    def create(self, id: str, record: Record, limits: SessionLimits = LIMITS) -> None:
        """Keep a new session. Raises `StoreFull` where there are as many already as the limits allow."""

    @abstractmethod
    def read(self, id: str) -> Record | None:
        """Return a session; None where there never was one, or too long ago to be remembered."""

    @abstractmethod
    def swap(self, changes: Sequence[Change]) -> list[bool]:
        """Keep each record whose session stands where the change says; of two that race, one is kept."""

    @abstractmethod
    def delete(self, id: str) -> None:
        """Forget a session's state; that there was one is remembered for a while."""

    @abstractmethod
    def sweep(self) -> int:
        """Forget what has expired, and return how many sessions that were."""

    @abstractmethod
    def count(self) -> int:
        """Return how many sessions there are; those that expired since the last `sweep` may be among them."""

    @abstractmethod
    def check(self) -> None:
        """Raise `StoreError` where the store does not answer, or is not the one that was opened."""

    def warnings(self) -> list[str]:
        """Return what an operator should know of the store, a line each."""
        return []

    @abstractmethod
    def keys(self) -> list[bytes]:
        """Return the keys of every server of this store, which are made where there are none; the first one signs."""

    @abstractmethod
    def close(self) -> None:
        """Make all that was kept durable, and let go."""


def new_id() -> str:
    """Return an id that cannot be guessed: 128 random bits.

    >>> len(new_id()), new_id() == new_id()
    (22, False)
    """
    return secrets.token_urlsafe(ID_BYTES)
