"""The store as the server asks it: without waiting in the event loop, many changes in one call."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, final

from statewise.batcher import Busy, MicroBatcher, call_each
from statewise.server.metrics import Metrics
from statewise.state import check_seal
from statewise.store import Change, MemoryStore, Record, SessionLimits, Store, StoreError

CACHE_BYTES = 64 << 20
CHECK_SECONDS, CHECK_WAIT_SECONDS = 1.0, 2.0
"The store is asked no more often than this whether it answers, and has so long to do so."


@final
class SessionStore:
    """A store, and copies of what this server read or wrote last: a step from a stale copy is refused at the swap."""

    def __init__(self, store: Store, metrics: Metrics, queue: int, limits: SessionLimits) -> None:
        self._store, self._metrics, self._limits = store, metrics, limits
        self._answered, self._looked_at, self._looking = True, -CHECK_SECONDS, asyncio.Lock()
        self._quick = isinstance(store, MemoryStore)
        self._copies = MemoryStore(store.ttl_seconds, CACHE_BYTES)
        self._swaps = MicroBatcher[Change, bool](self._swap_all, most=256, queue=2 * queue)
        self._calls = MicroBatcher[Callable[[], Any], Any](call_each, most=64, queue=2 * queue)

    async def create(self, id: str, record: Record) -> None:
        """Keep a new session. Raises `StoreFull` where there are too many."""
        await self._call(lambda: self._store.create(id, record, self._limits))
        self._note(id, record)

    async def read(self, id: str, *, copy: bool = False) -> Record | None:
        """Return a session, or the copy of it that is here, which may be stale.

        Raises `DataError` where what the store holds is not what was written there.
        """
        found = self._copies.read(id) if copy and not self._quick else None
        if found is None or found.gone:
            found = await self._call(lambda: self._store.read(id))
            if found is not None and not found.gone and not self._quick:
                check_seal(found.state, "the session")
                self._note(id, found)
        return found

    async def swap(self, id: str, steps: int, record: Record) -> bool:
        """Keep a session's next record if it still stands at `steps`."""
        change = Change(id, steps, record)
        kept = self._swap_all([change])[0] if self._quick else await self._swaps.ask(change)
        if kept:
            self._note(id, record)
        else:
            self._copies.delete(id)
        return bool(kept)

    async def delete(self, id: str) -> None:
        """Forget a session."""
        self._copies.delete(id)
        await self._call(lambda: self._store.delete(id))

    async def sweep(self) -> int:
        """Forget what has expired, and return how many sessions there are."""
        self._copies.sweep()
        await self._call(self._store.sweep)
        return int(await self._call(self._store.count))

    async def answers(self) -> bool:
        """Return whether the store answers, as was seen within the last second."""
        async with self._looking:
            if time.monotonic() - self._looked_at >= CHECK_SECONDS:
                self._answered = await self._check()
                self._looked_at = time.monotonic()
            return self._answered

    async def _check(self) -> bool:
        try:
            async with asyncio.timeout(CHECK_WAIT_SECONDS):
                await self._call(self._store.check)
        except (StoreError, Busy, TimeoutError):
            return False
        return True

    async def close(self) -> None:
        """Finish what is under way and close the store."""
        await self._swaps.close()
        await self._calls.close()
        self._store.close()

    def _note(self, id: str, record: Record) -> None:
        if not self._quick:
            self._copies.create(id, record)

    async def _call(self, call: Callable[[], Any]) -> Any:
        if self._quick:
            return call()
        began = time.perf_counter()
        answer = await self._calls.ask(call)
        self._metrics.store_seconds.observe(time.perf_counter() - began)
        return answer

    def _swap_all(self, changes: Sequence[Change]) -> list[bool]:
        began = time.perf_counter()
        kept = self._store.swap(changes)
        self._metrics.store_seconds.observe(time.perf_counter() - began)
        return kept
