"""Sessions in Redis, which servers on many machines share."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, final

from statewise.errors import MissingExtra
from statewise.store.keys import new_key
from statewise.store.record import LIMITS, TTL_SECONDS, Change, Record, SessionLimits, Store, StoreError

PREFIX, OWNER_PREFIX = "statewise:session:", "statewise:owner:"
ALL_NAME, KEYS_NAME = "statewise:sessions", "statewise:keys"
WAIT_SECONDS = 5.0
NO_EVICTION = "noeviction"

NOW = """
local now = tonumber(ARGV[1])
if not now then local time = redis.call('TIME'); now = time[1] + time[2] / 1000000 end
local oldest = now - tonumber(ARGV[2])
"""
"The time by the clock of Redis, which all servers share, unless a test gives another; and the oldest use that holds."

CREATE = f"""{NOW}
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('(%.6f', oldest))
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', string.format('(%.6f', oldest))
local all, own = redis.call('ZCARD', KEYS[2]), redis.call('ZCARD', KEYS[3])
if all >= tonumber(ARGV[11]) or own >= tonumber(ARGV[12]) then return {{all, own}} end
"""
"Counts the sessions that there are, and of one owner, and says both where one more is too many."

COMPARE = f"""{NOW}
local kept = redis.call('HMGET', KEYS[1], 'steps', 'used', 'state')
if kept[1] ~= ARGV[4] or kept[3] == '' or tonumber(kept[2]) < oldest then return 0 end
"""
"Goes on only where the session stands at these steps."

PUT = """
local used = string.format('%.6f', now)
redis.call('HSET', KEYS[1], 'owner', ARGV[5], 'model', ARGV[6], 'steps', ARGV[7], 'state', ARGV[8],
  'key', ARGV[9], 'answer', ARGV[10], 'used', used)
redis.call('ZADD', KEYS[2], used, KEYS[1])
redis.call('ZADD', KEYS[3], used, KEYS[1])
for _, name in ipairs(KEYS) do redis.call('PEXPIRE', name, ARGV[3]) end
return 1
"""
"Keeps a session, and when it was used, for all sessions and for those of its owner."

READ = f"""{NOW}
local kept = redis.call('HMGET', KEYS[1], 'owner', 'model', 'steps', 'state', 'key', 'answer', 'used')
if not kept[1] then return nil end
if tonumber(kept[7]) < oldest then kept[4] = ''; kept[6] = '' end
kept[7] = nil
return kept
"""

DELETE = f"""
local owner = redis.call('HGET', KEYS[1], 'owner')
if not owner then return end
redis.call('HSET', KEYS[1], 'state', '', 'answer', '')
redis.call('ZREM', KEYS[2], KEYS[1])
redis.call('ZREM', '{OWNER_PREFIX}' .. owner, KEYS[1])
"""

COUNT = f"{NOW} return redis.call('ZCOUNT', KEYS[1], string.format('%.6f', oldest), '+inf')"

KEYS = """
if redis.call('LLEN', KEYS[1]) == 0 then redis.call('RPUSH', KEYS[1], ARGV[1]) end
return redis.call('LRANGE', KEYS[1], 0, -1)
"""
"The keys of the servers, in hexadecimal digits; of two servers that begin at once, both are given the same."


@final
class RedisStore(Store):
    """Sessions as hashes in Redis, changed by scripts that Redis runs as one, by its own clock.

    What was answered is as durable as Redis was told to make it (`appendonly`). `client` is a `redis.Redis`; a `clock`
    stands in for that of Redis.
    """

    def __init__(self, client: Any, ttl_seconds: float = TTL_SECONDS, clock: Callable[[], float] | None = None) -> None:
        self.ttl_seconds, self._client, self._clock = ttl_seconds, client, clock
        self._create, self._swap = client.register_script(CREATE + PUT), client.register_script(COMPARE + PUT)
        self._read, self._delete = client.register_script(READ), client.register_script(DELETE)
        self._count, self._keys = client.register_script(COUNT), client.register_script(KEYS)
        self.check()

    @classmethod
    def at(cls, url: str, ttl_seconds: float = TTL_SECONDS) -> "RedisStore":
        """Return the store of a URL such as `redis://127.0.0.1:6379/0`.

        Raises `MissingExtra` without the redis package, `StoreError` where nothing answers there.
        """
        try:
            redis = import_module("redis")
        except ModuleNotFoundError:
            raise MissingExtra("a store in Redis needs redis: pip install 'statewise[redis]'") from None
        seconds = {"socket_timeout": WAIT_SECONDS, "socket_connect_timeout": WAIT_SECONDS}
        try:
            client = redis.Redis.from_url(url, **seconds)
        except ValueError as error:
            raise StoreError(f"{url} is not an address of Redis ({error}): give redis://HOST:PORT/NUMBER") from None
        return cls(client, ttl_seconds)

    def create(self, id: str, record: Record, limits: SessionLimits = LIMITS) -> None:
        """Keep a new session. Raises `StoreFull` where there are too many."""
        with self._answering():
            answer = self._create(
                keys=_names(id, record), args=[*self._arguments("", record), limits.total, limits.per_owner]
            )
        if isinstance(answer, list):
            limits.check(*map(int, answer))

    def read(self, id: str) -> Record | None:
        """Return a session."""
        with self._answering():
            found = self._read(keys=[PREFIX + id], args=self._time())
        if found is None:
            return None
        owner, model, steps, state, key, answer = found
        return Record(owner.decode(), model.decode(), int(steps), state, key.decode(), answer)

    def swap(self, changes: Sequence[Change]) -> list[bool]:
        """Keep each record whose session stands where the change says, all of them in one message."""
        with self._answering():
            pipeline = self._client.pipeline(transaction=False)
            for change in changes:
                arguments = self._arguments(change.steps, change.record)
                self._swap(keys=_names(change.id, change.record), args=arguments, client=pipeline)
            return [bool(kept) for kept in pipeline.execute()]

    def delete(self, id: str) -> None:
        """Forget a session's state."""
        with self._answering():
            self._delete(keys=[PREFIX + id, ALL_NAME])

    def sweep(self) -> int:
        """Do nothing: Redis forgets by itself."""
        return 0

    def count(self) -> int:
        """Return how many sessions there are."""
        with self._answering():
            return int(self._count(keys=[ALL_NAME], args=self._time()))

    def check(self) -> None:
        """Raise `StoreError` where Redis does not answer."""
        with self._answering():
            self._client.ping()

    def warnings(self) -> list[str]:
        """Say that Redis throws sessions away where it is full, as far as it tells its policy."""
        policy = ""
        with suppress(Exception):  # it may keep that to itself; nothing is known then
            policy = str(self._client.info("memory").get("maxmemory_policy", ""))
        if policy in ("", NO_EVICTION):
            return []
        return [
            f"this Redis evicts sessions when it is full (maxmemory-policy {policy}): "
            f"set maxmemory-policy {NO_EVICTION}, or they are lost"
        ]

    def keys(self) -> list[bytes]:
        """Return the keys in the list `statewise:keys`."""
        with self._answering():
            found = self._keys(keys=[KEYS_NAME], args=[new_key().hex()])
        try:
            return [bytes.fromhex(key.decode("ascii")) for key in found]
        except ValueError:
            raise StoreError(f"the list {KEYS_NAME} holds what is not a key: give 64 hex digits") from None

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _time(self) -> list[Any]:
        return ["" if self._clock is None else self._clock(), self.ttl_seconds]

    def _arguments(self, steps: int | str, record: Record) -> list[Any]:
        return [*self._time(), int(2000 * self.ttl_seconds), steps, *record]

    @contextmanager
    def _answering(self) -> Iterator[None]:
        errors = import_module("redis.exceptions")
        try:
            yield
        except errors.RedisError as error:
            raise StoreError(f"the store in Redis does not answer ({error}): see that it runs") from error


def _names(id: str, record: Record) -> list[str]:
    return [PREFIX + id, ALL_NAME, OWNER_PREFIX + record.owner]
