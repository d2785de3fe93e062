"""Sessions in Redis, which servers on many machines share."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, final

from statewise.errors import MissingExtra
from statewise.store.keys import new_key
from statewise.store.record import KEEP_SECONDS, Change, Record, Store, StoreError

PREFIX, KEYS_NAME = "statewise:session:", "statewise:keys"
WAIT_SECONDS = 5.0
FIELDS = ("owner", "model", "steps", "state", "key", "answer", "used")

PUT = """
if ARGV[1] ~= '' then
  local now = redis.call('HMGET', KEYS[1], 'steps', 'used', 'state')
  if now[1] ~= ARGV[1] or now[3] == '' or tonumber(now[2]) < tonumber(ARGV[2]) then return 0 end
end
redis.call('HSET', KEYS[1], 'owner', ARGV[4], 'model', ARGV[5], 'steps', ARGV[6], 'state', ARGV[7],
  'key', ARGV[8], 'answer', ARGV[9], 'used', ARGV[10])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""
"Compares and sets as one: given the steps to stand at ('' for a new one), the oldest use that holds, the time to keep."

DELETE = "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'state', '', 'answer', '') end"

KEYS = """
if redis.call('LLEN', KEYS[1]) == 0 then redis.call('RPUSH', KEYS[1], ARGV[1]) end
return redis.call('LRANGE', KEYS[1], 0, -1)
"""
"The keys of the servers, in hexadecimal digits; of two servers that begin at once, both are given the same."


@final
class RedisStore(Store):
    """Sessions as hashes in Redis, changed by a script that Redis runs as one.

    What was answered is as durable as Redis was told to make it (`appendonly`). `client` is a `redis.Redis`.
    """

    def __init__(self, client: Any, keep_seconds: float = KEEP_SECONDS, clock: Callable[[], float] = time.time) -> None:
        self.keep_seconds, self._client, self._clock = keep_seconds, client, clock
        self._put, self._delete = client.register_script(PUT), client.register_script(DELETE)
        self._keys = client.register_script(KEYS)
        with self._answering():
            client.ping()

    @classmethod
    def at(cls, url: str, keep_seconds: float = KEEP_SECONDS) -> "RedisStore":
        """Return the store of a URL such as `redis://127.0.0.1:6379/0`.

        Raises `MissingExtra` without the redis package, `StoreError` where nobody answers there.
        """
        try:
            redis = import_module("redis")
        except ModuleNotFoundError:
            raise MissingExtra("a store in Redis needs redis: pip install 'statewise[redis]'") from None
        seconds = {"socket_timeout": WAIT_SECONDS, "socket_connect_timeout": WAIT_SECONDS}
        try:
            client = redis.Redis.from_url(url, **seconds)
        except ValueError as error:
            raise StoreError(f"{url} is no address of Redis ({error}): give redis://HOST:PORT/NUMBER") from None
        return cls(client, keep_seconds)

    def create(self, id: str, record: Record) -> None:
        """Keep a new session."""
        with self._answering():
            self._put(keys=[PREFIX + id], args=self._arguments("", record))

    def read(self, id: str) -> Record | None:
        """Return a session."""
        with self._answering():
            owner, model, steps, state, key, answer, used = self._client.hmget(PREFIX + id, FIELDS)
        if owner is None:
            return None
        record = Record(owner.decode(), model.decode(), int(steps), state, key.decode(), answer)
        return record._replace(state=b"", answer=b"") if float(used) < self._oldest() else record

    def swap(self, changes: Sequence[Change]) -> list[bool]:
        """Keep each record whose session stands where the change says, all of them in one message."""
        with self._answering():
            pipeline = self._client.pipeline(transaction=False)
            for change in changes:
                self._put(keys=[PREFIX + change.id], args=self._arguments(change.steps, change.record), client=pipeline)
            return [bool(kept) for kept in pipeline.execute()]

    def delete(self, id: str) -> None:
        """Forget a session's state."""
        with self._answering():
            self._delete(keys=[PREFIX + id])

    def sweep(self) -> int:
        """Do nothing: Redis forgets by itself."""
        return 0

    def count(self) -> int:
        """Return how many keys there are, of sessions that were deleted a while ago too."""
        with self._answering():
            return int(self._client.dbsize())

    def keys(self) -> list[bytes]:
        """Return the keys in the list `statewise:keys`."""
        with self._answering():
            found = self._keys(keys=[KEYS_NAME], args=[new_key().hex()])
        try:
            return [bytes.fromhex(key.decode("ascii")) for key in found]
        except ValueError:
            raise StoreError(f"the list {KEYS_NAME} holds what is no key: give 64 hex digits") from None

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _oldest(self) -> float:
        return self._clock() - self.keep_seconds

    def _arguments(self, steps: int | str, record: Record) -> list[Any]:
        milliseconds = int(2000 * self.keep_seconds)
        return [steps, self._oldest(), milliseconds, *record, self._clock()]

    @contextmanager
    def _answering(self) -> Iterator[None]:
        errors = import_module("redis.exceptions")
        try:
            yield
        except errors.RedisError as error:
            raise StoreError(f"the store in Redis does not answer ({error}): see that it runs") from error
