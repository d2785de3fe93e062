"""A store by its name, as the command line is given it."""

from pathlib import Path

from statewise.errors import UsageError
from statewise.store.in_memory import MOST_BYTES, MemoryStore
from statewise.store.record import TTL_SECONDS, Store


def open_store(name: str = "memory", ttl_seconds: float = TTL_SECONDS, most_bytes: int = MOST_BYTES) -> Store:
    """Return the store of a name: `memory`, `sqlite:PATH` or `redis://HOST:PORT/NUMBER`.

    Raises `UsageError` for another name, `StoreError` where the store does not answer.

    >>> open_store("memory").count()
    0
    """
    if not ttl_seconds > 0:
        raise UsageError(f"sessions cannot be kept for {ttl_seconds:g} seconds: give more than 0")
    if name == "memory":
        return MemoryStore(ttl_seconds, most_bytes)
    kind, _, rest = name.partition(":")
    if kind == "sqlite" and rest:
        from statewise.store.sqlite import SQLiteStore

        return SQLiteStore(Path(rest), ttl_seconds)
    if kind in ("redis", "rediss", "unix") and rest.startswith("//"):
        from statewise.store.redis import RedisStore

        return RedisStore.at(name, ttl_seconds)
    raise UsageError(f"there is no store '{name}': give memory, sqlite:PATH or redis://HOST:PORT/NUMBER")
