"""Sessions in one file, which several processes on one machine share and which survives them all."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import final

from statewise.store.keys import read_keys
from statewise.store.record import LIMITS, TTL_SECONDS, Change, Record, SessionLimits, Store, StoreError, StoreFull

FORMAT, OLDEST_FORMAT = 2, 1
WAIT_SECONDS = 10.0
ONE_LESS = """
UPDATE owners SET sessions = sessions - 1 WHERE owner = OLD.owner;
DELETE FROM owners WHERE owner = OLD.owner AND sessions < 1;
"""
TABLES = (
    """CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, model TEXT NOT NULL, steps INTEGER NOT NULL, state BLOB NOT NULL,
    key TEXT NOT NULL, answer BLOB NOT NULL, used REAL NOT NULL
)""",
    "CREATE INDEX IF NOT EXISTS sessions_used ON sessions (used)",
    "CREATE TABLE owners (owner TEXT PRIMARY KEY, sessions INTEGER NOT NULL)",
    "INSERT INTO owners SELECT owner, count(*) FROM sessions WHERE length(state) GROUP BY owner",
    """CREATE TRIGGER session_begun AFTER INSERT ON sessions WHEN length(NEW.state) BEGIN
    INSERT INTO owners VALUES (NEW.owner, 1) ON CONFLICT (owner) DO UPDATE SET sessions = sessions + 1; END""",
    f"""CREATE TRIGGER session_ended AFTER UPDATE OF state ON sessions
    WHEN length(OLD.state) AND NOT length(NEW.state) BEGIN {ONE_LESS} END""",
    f"CREATE TRIGGER session_forgotten AFTER DELETE ON sessions WHEN length(OLD.state) BEGIN {ONE_LESS} END",
)
"What makes a file of an older format, or an empty one, one of this; how many sessions an owner has is counted along."
COLUMNS = "owner, model, steps, state, key, answer"


@final
class SQLiteStore(Store):
    """Sessions in a SQLite file, written ahead (WAL), many changes in one transaction.

    What was answered survives the end of any process, however it ends. A loss of power may cost the last moments,
    unless `durable` makes every transaction wait for the disk. The file must lie on a disk of this machine.
    Raises `StoreError` where the file cannot be used.
    """

    _opened: tuple[int, int] | None = None
    "Which file it is, once it is open."

    def __init__(
        self,
        path: Path,
        ttl_seconds: float = TTL_SECONDS,
        *,
        durable: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.ttl_seconds, self._path, self._clock, self._lock = ttl_seconds, path.absolute(), clock, Lock()
        with self._answering():
            self._file = sqlite3.connect(self._path, WAIT_SECONDS, isolation_level=None, check_same_thread=False)
            self._file.execute("PRAGMA journal_mode=WAL")
            self._file.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        with self._writing() as file:
            (version,) = file.execute("PRAGMA user_version").fetchone()
            if version not in (0, OLDEST_FORMAT, FORMAT):
                raise StoreError(f"{path} has format {version}, not {FORMAT}: give another file")
            for statement in TABLES if version != FORMAT else ():
                file.execute(statement)
            file.execute(f"PRAGMA user_version={FORMAT}")
        self._opened = _identity(self._path)

    def create(self, id: str, record: Record, limits: SessionLimits = LIMITS) -> None:
        """Keep a new session. Raises `StoreFull` where there are too many."""
        with self._writing() as file:
            try:
                limits.check(*_counts(file, record.owner))
            except StoreFull:
                self._sweep(file)
                limits.check(*_counts(file, record.owner))
            file.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (id, *record, self._clock()))

    def read(self, id: str) -> Record | None:
        """Return a session."""
        with self._lock, self._answering():
            row = self._file.execute(f"SELECT {COLUMNS}, used FROM sessions WHERE id = ?", (id,)).fetchone()
        if row is None:
            return None
        record, used = Record(*row[:-1]), row[-1]
        return record._replace(state=b"", answer=b"") if used < self._oldest() else record

    def swap(self, changes: Sequence[Change]) -> list[bool]:
        """Keep each record whose session stands where the change says, all of them in one transaction."""
        set_all = ", ".join(f"{name} = ?" for name in (*COLUMNS.split(", "), "used"))
        update = f"UPDATE sessions SET {set_all} WHERE id = ? AND steps = ? AND used >= ? AND state != x''"
        with self._writing() as file:
            now, oldest = self._clock(), self._oldest()
            return [
                file.execute(update, (*change.record, now, change.id, change.steps, oldest)).rowcount == 1
                for change in changes
            ]

    def delete(self, id: str) -> None:
        """Forget a session's state."""
        with self._writing() as file:
            file.execute("UPDATE sessions SET state = x'', answer = x'' WHERE id = ?", (id,))

    def sweep(self) -> int:
        """Forget what has expired; that there was something, once it has been gone as long again."""
        with self._writing() as file:
            return self._sweep(file)

    def count(self) -> int:
        """Return how many sessions there are."""
        with self._lock, self._answering():
            return _counts(self._file, "")[0]

    def check(self) -> None:
        """Raise `StoreError` where the file cannot be read, or is gone or another one."""
        with self._lock, self._answering():
            self._file.execute("SELECT 1 FROM sessions LIMIT 1").fetchone()

    def keys(self) -> list[bytes]:
        """Return the keys in a file of the same folder, whose name is that of this file with `.key`."""
        return read_keys(self._path.with_name(f"{self._path.name}.key"))

    def close(self) -> None:
        """Bring what was written ahead into the file, and close it."""
        with self._lock, self._answering(), closing(self._file):
            self._file.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _sweep(self, file: sqlite3.Connection) -> int:
        oldest = self._oldest()
        file.execute("DELETE FROM sessions WHERE used < ?", (oldest - self.ttl_seconds,))
        empty = "UPDATE sessions SET state = x'', answer = x'' WHERE used < ? AND state != x''"
        return file.execute(empty, (oldest,)).rowcount

    def _oldest(self) -> float:
        return self._clock() - self.ttl_seconds

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._answering():
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield self._file
            except BaseException:
                self._file.execute("ROLLBACK")
                raise
            self._file.execute("COMMIT")

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"the store {self._path} does not answer ({error}): look at its disk") from error
        if self._opened is not None and _identity(self._path) != self._opened:
            # SQLite would go on in a file without a name, and all of it would be lost with the process
            raise StoreError(
                f"the store {self._path} was removed or replaced: bring it back and start the server again"
            )


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from any other of its name; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _counts(file: sqlite3.Connection, owner: str) -> tuple[int, int]:
    """Return how many sessions there are, and how many of an owner."""
    counted = "SELECT coalesce(sum(sessions), 0), coalesce(sum(sessions) FILTER (WHERE owner = ?), 0) FROM owners"
    total, own = file.execute(counted, (owner,)).fetchone()
    return int(total), int(own)
