"""Every store keeps what it was given, lets one of two changes win, and forgets in time."""

import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from statewise.errors import UsageError
from statewise.store import (
    Change,
    MemoryStore,
    Record,
    SessionLimits,
    Store,
    StoreError,
    StoreFull,
    new_id,
    open_store,
    read_keys,
)
from statewise.store.redis import RedisStore
from statewise.store.sqlite import TABLES, SQLiteStore

FIRST = Record("me", "model", 0, b"\x00state", "", b"")
NEXT = Record("me", "model", 3, b"next\xff", "0:key", b'{"told": 1}')


class Clock:
    """A time that a test moves."""

    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        return self.now


def made(name: Any, clock: Clock, ttl_seconds: float = 10.0) -> Store:
    if not isinstance(name, str):
        return RedisStore(name, ttl_seconds, clock)
    if name == "memory":
        return MemoryStore(ttl_seconds, clock=clock)
    if name.startswith("sqlite:"):
        return SQLiteStore(Path(name.removeprefix("sqlite:")), ttl_seconds, clock=clock)
    import redis

    return RedisStore(redis.Redis.from_url(name), ttl_seconds, clock)


@pytest.fixture(params=["memory", "sqlite", "redis", "pretended redis"])
def name(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """What `open_store` is given, or a client that pretends."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'sessions.db'}"
    if request.param == "redis":
        return request.getfixturevalue("redis_url")
    if request.param == "pretended redis":
        return pytest.importorskip("fakeredis").FakeRedis()
    return "memory"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(name: Any, clock: Clock) -> Iterator[Store]:
    store = made(name, clock)
    yield store
    store.close()


def test_what_is_kept_is_read_back_byte_for_byte(store: Store) -> None:
    id, other = new_id(), new_id()
    before = store.count()
    store.create(id, FIRST)
    store.create(other, NEXT)
    assert store.read(id) == FIRST
    assert store.read(other) == NEXT
    assert store.read(new_id()) is None
    assert store.count() == before + 2


def test_a_change_is_kept_only_where_the_session_stands_where_it_says(store: Store) -> None:
    id, other = new_id(), new_id()
    store.create(id, FIRST)
    store.create(other, FIRST)
    changes = [Change(id, 1, NEXT), Change(other, 0, NEXT), Change(other, 0, FIRST), Change(new_id(), 0, NEXT)]
    assert store.swap(changes) == [False, True, False, False]
    assert (store.read(id), store.read(other)) == (FIRST, NEXT)
    assert store.swap([]) == []


def test_what_was_deleted_is_gone_and_not_unknown(store: Store) -> None:
    id = new_id()
    store.create(id, NEXT)
    store.delete(id)
    store.delete(id)
    store.delete(new_id())
    found = store.read(id)
    assert found is not None
    assert found.gone
    assert (found.owner, found.answer) == ("me", b"")
    assert store.swap([Change(id, NEXT.steps, FIRST)]) == [False]


def test_a_session_that_is_not_stepped_expires_and_cannot_be_stepped_again(store: Store, clock: Clock) -> None:
    idle, used = new_id(), new_id()
    store.create(idle, FIRST)
    store.create(used, FIRST)
    clock.now += 6
    assert store.swap([Change(used, 0, NEXT)]) == [True]
    clock.now += 6
    assert store.swap([Change(idle, 0, NEXT)]) == [False]
    found = store.read(idle)
    assert found is not None
    assert found.gone
    assert store.read(used) == NEXT
    store.sweep()
    found = store.read(idle)
    assert found is not None
    assert found.gone
    assert store.read(used) == NEXT


def test_of_changes_that_race_one_wins(name: Any, clock: Clock) -> None:
    stores = [made(name, clock)]
    stores += [stores[0] if name == "memory" or not isinstance(name, str) else made(name, clock)]
    id, gate = new_id(), Barrier(2)
    stores[0].create(id, FIRST)
    won: list[tuple[int, int]] = []

    def race(racer: int) -> None:
        for steps in range(50):
            gate.wait()
            record = Record("me", "model", steps + 1, b"%d" % racer)
            if stores[racer].swap([Change(id, steps, record)])[0]:
                won.append((steps, racer))

    threads = [Thread(target=race, args=(racer,)) for racer in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(steps for steps, _ in won) == list(range(50))
    for each in {*stores}:
        each.close()


def test_no_more_sessions_are_kept_than_the_limits_allow_and_what_ended_does_not_count(
    store: Store, clock: Clock
) -> None:
    owner = new_id()  # one that other tests have not
    mine, limits = FIRST._replace(owner=owner), SessionLimits(per_owner=3)
    ids = [new_id() for _ in range(3)]
    for id in ids:
        store.create(id, mine, limits)
    with pytest.raises(StoreFull, match="you have 3 sessions, which is the most: delete one first"):
        store.create(new_id(), mine, limits)
    store.create(new_id(), FIRST._replace(owner=new_id()), limits)
    assert store.swap([Change(ids[0], 0, mine._replace(steps=1))]) == [True]
    with pytest.raises(StoreFull):
        store.create(new_id(), mine, limits)
    store.delete(ids[1])
    store.delete(ids[1])
    store.create(new_id(), mine, limits)
    with pytest.raises(StoreFull):
        store.create(new_id(), mine, limits)
    with pytest.raises(StoreFull, match="the store holds as many sessions as it may"):
        store.create(new_id(), mine, SessionLimits(total=store.count()))
    clock.now += 6
    store.swap([Change(ids[0], 1, mine._replace(steps=2))])
    clock.now += 6  # all but that one have expired, whether or not they were swept
    for _ in range(2):
        store.create(new_id(), mine, limits)
    with pytest.raises(StoreFull):
        store.create(new_id(), mine, limits)


def test_sessions_that_are_begun_at_once_stay_within_the_limits(name: Any, clock: Clock) -> None:
    stores = [made(name, clock)]
    stores += [stores[0] if name == "memory" or not isinstance(name, str) else made(name, clock)]
    owner, gate, kept = new_id(), Barrier(2), list[int]()

    def begin(which: int) -> None:
        gate.wait()
        for _ in range(20):
            with suppress(StoreFull):
                stores[which].create(new_id(), FIRST._replace(owner=owner), SessionLimits(per_owner=15))
                kept.append(which)

    threads = [Thread(target=begin, args=(which,)) for which in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) == 15
    for each in {*stores}:
        each.close()


def test_a_file_of_the_older_format_is_taken_over_with_its_sessions(tmp_path: Path) -> None:
    path, clock = tmp_path / "sessions.db", Clock()
    with sqlite3.connect(path) as file:
        file.execute(TABLES[0])
        for id, state in (("a", b"state"), ("b", b"state"), ("gone", b"")):
            file.execute("INSERT INTO sessions VALUES (?, 'me', 'model', 0, ?, '', x'', ?)", (id, state, clock.now))
        file.execute("PRAGMA user_version=1")
    file.close()
    for _ in range(2):
        store = SQLiteStore(path, 10.0, clock=clock)
        assert store.count() == 2
        assert store.read("a") == FIRST._replace(state=b"state")
        with pytest.raises(StoreFull):
            store.create("c", FIRST, SessionLimits(per_owner=2))
        store.close()


def replaced(path: Path) -> None:
    """Put another store in the place of one that is open."""
    SQLiteStore(path.with_suffix(".other")).close()
    path.with_suffix(".other").rename(path)


@pytest.mark.parametrize("happens", [Path.unlink, lambda path: path.rename(path.with_suffix(".moved")), replaced])
def test_a_file_that_was_removed_or_replaced_while_it_is_open_is_an_error(
    tmp_path: Path, happens: Callable[[Path], Any]
) -> None:
    store = SQLiteStore(tmp_path / "sessions.db")
    store.create("a", FIRST)
    store.check()
    happens(tmp_path / "sessions.db")
    asks: list[Callable[[], Any]] = [
        store.check,
        store.count,
        store.sweep,
        lambda: store.read("a"),
        lambda: store.create("b", FIRST),
        lambda: store.swap([Change("a", 0, NEXT)]),
        lambda: store.delete("a"),
        store.close,
    ]
    for ask in asks:
        with pytest.raises(StoreError, match="was removed or replaced: bring it back"):
            ask()


def test_the_clock_of_redis_decides_and_not_that_of_a_server(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here, behind = open_store(redis_url, 10.0), open_store(redis_url, 10.0)
    id, now = new_id(), time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now() - 3600)  # a server whose clock is an hour behind
        behind.create(id, FIRST)
        assert behind.swap([Change(id, 0, NEXT)]) == [True]
    assert here.read(id) == NEXT
    assert here.swap([Change(id, NEXT.steps, FIRST)]) == [True]
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now() + 3600)
        assert behind.read(id) == FIRST
    for store in (here, behind):
        store.close()


def test_a_redis_that_evicts_is_said(redis_url: str) -> None:
    import redis

    store, client = open_store(redis_url), redis.Redis.from_url(redis_url)
    assert store.warnings() == []
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        (warning,) = store.warnings()
    finally:
        client.config_set("maxmemory-policy", "noeviction")
        client.close()
    assert "maxmemory-policy allkeys-lru" in warning
    assert "set maxmemory-policy noeviction" in warning
    store.close()


def test_a_dictionary_holds_no_more_than_it_may() -> None:
    store = MemoryStore(most_bytes=30)
    for id in "abcd":
        store.create(id, FIRST._replace(state=b"x" * 10))
    store.swap([Change("b", 0, FIRST._replace(state=b"y" * 10))])
    store.create("e", FIRST._replace(state=b"x" * 10))
    assert [bool(record and record.state) for record in map(store.read, "abcde")] == [False, True, False, True, True]
    assert store.count() == 3


def test_a_file_forgets_after_a_while_that_there_was_a_session(tmp_path: Path) -> None:
    clock = Clock()
    store = SQLiteStore(tmp_path / "sessions.db", 10.0, clock=clock)
    store.create("a", FIRST)
    clock.now += 11
    assert (store.sweep(), store.sweep(), store.count()) == (1, 0, 0)
    clock.now += 10
    store.sweep()
    assert store.read("a") is None
    store.close()


def test_a_file_of_another_kind_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("It was the best of times" * 100)
    with pytest.raises(StoreError, match=r"book.txt does not answer \(file is not a database\)"):
        open_store(f"sqlite:{tmp_path / 'book.txt'}")
    with pytest.raises(StoreError, match="unable to open"):
        open_store(f"sqlite:{tmp_path / 'missing' / 'sessions.db'}")
    store = SQLiteStore(tmp_path / "later.db")
    store._file.execute("PRAGMA user_version=7")
    store.close()
    with pytest.raises(StoreError, match="has format 7, not 2"):
        open_store(f"sqlite:{tmp_path / 'later.db'}")


def test_an_unknown_or_missing_store_is_refused() -> None:
    for name in ("", "sqlite:", "postgres://here", "redis"):
        with pytest.raises(UsageError, match="give memory, sqlite:PATH or redis"):
            open_store(name)
    with pytest.raises(UsageError, match="kept for 0 seconds"):
        open_store("memory", ttl_seconds=0)
    pytest.importorskip("redis")
    with pytest.raises(StoreError, match="does not answer"):
        open_store("redis://127.0.0.1:1/0")


def test_stores_of_one_kind_have_one_key_and_a_new_one_in_front_signs(name: Any, clock: Clock) -> None:
    if name == "memory":
        store = made(name, clock)
        assert store.keys() == store.keys() != made(name, clock).keys()
        return
    stores = [made(name, clock) for _ in range(2)]
    before = stores[0].keys()
    assert stores[1].keys() == before
    assert {len(key) for key in before} == {32}
    add_key(name, bytes(range(32)))
    assert stores[1].keys() == stores[0].keys() == [bytes(range(32)), *before]
    for store in stores:
        store.close()


def add_key(name: Any, key: bytes) -> None:
    """Put a key in front, as an operator does."""
    if isinstance(name, str) and name.startswith("sqlite:"):
        file = Path(f"{name.removeprefix('sqlite:')}.key")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        file.write_text(f"{key.hex()}\n{file.read_text()}")
        return
    import redis

    client = redis.Redis.from_url(name) if isinstance(name, str) else name
    client.lpush("statewise:keys", key.hex())
    client.close()


def test_processes_that_make_a_key_at_once_are_given_the_same(tmp_path: Path) -> None:
    for number in range(20):
        gate, read = Barrier(4), list[bytes]()

        def begin(path: Path, gate: Barrier = gate, read: list[bytes] = read) -> None:
            gate.wait()
            read.extend(read_keys(path))

        threads = [Thread(target=begin, args=(tmp_path / f"{number}.key",)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(read) == 4
        assert len(set(read)) == 1
    assert len(list(tmp_path.iterdir())) == 20


def test_a_file_of_keys_is_to_be_whole_and_hidden(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# new\n{'a' * 64}\n\n{'b' * 64}\n")
    file.chmod(0o600)
    assert read_keys(file) == [bytes.fromhex("a" * 64), bytes.fromhex("b" * 64)]
    for text, words in (
        ("short", "line 1"),
        ("a" * 63 + "g", "line 1"),
        ("# none\n", "there is no key"),
        ("\n", "no key"),
    ):
        file.write_text(text)
        with pytest.raises(UsageError, match=words):
            read_keys(file)
    file.write_bytes(b"\xff" * 64)
    with pytest.raises(UsageError, match="it is not text"):
        read_keys(file)
    file.chmod(0o640)
    with pytest.raises(UsageError, match=f"chmod 600 {file}"):
        read_keys(file)
    with pytest.raises(UsageError, match="cannot read keys"):
        read_keys(tmp_path / "nowhere" / "keys")
