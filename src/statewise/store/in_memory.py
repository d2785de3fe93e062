"""Sessions in this process: the quickest store, and gone with the process."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import final

from statewise.store.keys import new_key
from statewise.store.record import LIMITS, TTL_SECONDS, Change, Record, SessionLimits, Store, StoreFull

MOST_BYTES = 1 << 30
MOST_REMEMBERED = 100_000


@final
class MemoryStore(Store):
    """Sessions in a dictionary. Beyond `most_bytes` those go that were longest not used.

    >>> store = MemoryStore()
    >>> store.create("a", Record("me", "model", 0, b"state"))
    >>> store.swap([Change("a", 0, Record("me", "model", 1, b"next"))] * 2)
    [True, False]
    """

    def __init__(
        self,
        ttl_seconds: float = TTL_SECONDS,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ttl_seconds, self.most_bytes, self._clock = ttl_seconds, most_bytes, clock
        self._kept: OrderedDict[str, tuple[float, Record]] = OrderedDict()
        self._gone: OrderedDict[str, Record] = OrderedDict()
        self._owners: Counter[str] = Counter()
        self._bytes, self._lock, self._keys = 0, Lock(), [new_key()]

    def create(self, id: str, record: Record, limits: SessionLimits = LIMITS) -> None:
        """Keep a new session. Raises `StoreFull` where there are too many."""
        with self._lock:
            try:
                limits.check(len(self._kept), self._owners[record.owner])
            except StoreFull:
                self._sweep()
                limits.check(len(self._kept), self._owners[record.owner])
            self._put(id, record)

    def read(self, id: str) -> Record | None:
        """Return a session."""
        with self._lock:
            return self._found(id) or self._gone.get(id)

    def swap(self, changes: Sequence[Change]) -> list[bool]:
        """Keep each record whose session stands where the change says."""
        with self._lock:
            return [self._swap(change) for change in changes]

    def delete(self, id: str) -> None:
        """Forget a session's state."""
        with self._lock:
            self._forget(id)

    def sweep(self) -> int:
        """Forget what has expired."""
        with self._lock:
            return self._sweep()

    def count(self) -> int:
        """Return how many sessions there are."""
        return len(self._kept)

    def keys(self) -> list[bytes]:
        """Return a key that goes with the sessions."""
        return self._keys

    def check(self) -> None:
        """Do nothing: it is here."""

    def close(self) -> None:
        """Do nothing: nothing lasts here."""

    def _sweep(self) -> int:
        before, oldest = len(self._kept), self._clock() - self.ttl_seconds
        while self._kept and next(iter(self._kept.values()))[0] < oldest:
            self._forget(next(iter(self._kept)))
        return before - len(self._kept)

    def _found(self, id: str) -> Record | None:
        used, record = self._kept.get(id, (0.0, None))
        if record is not None and used < self._clock() - self.ttl_seconds:
            self._forget(id)
            return None
        return record

    def _swap(self, change: Change) -> bool:
        now = self._found(change.id)
        if now is None or now.steps != change.steps:
            return False
        self._put(change.id, change.record)
        return True

    def _put(self, id: str, record: Record) -> None:
        _, before = self._kept.pop(id, (0.0, None))
        self._bytes += record.bytes - (before.bytes if before else 0)
        self._owners[record.owner] += before is None
        self._kept[id] = self._clock(), record
        while self._bytes > self.most_bytes and len(self._kept) > 1:
            self._forget(next(iter(self._kept)))

    def _forget(self, id: str) -> None:
        _, record = self._kept.pop(id, (0.0, None))
        if record is None:
            return
        self._bytes -= record.bytes
        self._owners[record.owner] -= 1
        if not self._owners[record.owner]:
            del self._owners[record.owner]
        self._gone[id] = record._replace(state=b"", answer=b"")
        if len(self._gone) > MOST_REMEMBERED:
            self._gone.popitem(last=False)
