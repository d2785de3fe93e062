"""Sessions at rest: numbered bytes in this process, in a file or in Redis, changed by compare-and-set alone."""

from statewise.store.in_memory import MemoryStore
from statewise.store.keys import read_keys
from statewise.store.opening import open_store
from statewise.store.record import Change, Record, SessionLimits, Store, StoreError, StoreFull, new_id

__all__ = [
    "Change",
    "MemoryStore",
    "Record",
    "SessionLimits",
    "Store",
    "StoreError",
    "StoreFull",
    "new_id",
    "open_store",
    "read_keys",
]
