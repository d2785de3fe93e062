"""Sessions in one file, which several processes on one machine share and which survives them all."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import final

from statewise.store.keys import read_keys
from statewise.store.record import KEEP_SECONDS, Change, Record, Store, StoreError

FORMAT = 1
WAIT_SECONDS = 10.0
TABLE = """
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, model TEXT NOT NULL, steps INTEGER NOT NULL, state BLOB NOT NULL,
    key TEXT NOT NULL, answer BLOB NOT NULL, used REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS sessions_used ON sessions (used);
"""
COLUMNS = "owner, model, steps, state, key, answer"


@final
class SQLiteStore(Store):
    """Sessions in a SQLite file, written ahead (WAL), many changes in one transaction.

    What was answered survives the end of any process, however it ends. A loss of power may cost the last moments,
    unless `durable` makes every transaction wait for the disk. The file must lie on a disk of this machine.
    Raises `StoreError` where the file cannot be used.
    """

    def __init__(
        self,
        path: Path,
        keep_seconds: float = KEEP_SECONDS,
        *,
        durable: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.keep_seconds, self._path, self._clock, self._lock = keep_seconds, path, clock, Lock()
        with self._answering():
            self._file = sqlite3.connect(path, WAIT_SECONDS, isolation_level=None, check_same_thread=False)
            self._file.execute("PRAGMA journal_mode=WAL")
            self._file.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            (version,) = self._file.execute("PRAGMA user_version").fetchone()
            if version not in (0, FORMAT):
                raise StoreError(f"{path} has format {version}, not {FORMAT}: give another file")
            self._file.executescript(TABLE)
            self._file.execute(f"PRAGMA user_version={FORMAT}")

    def create(self, id: str, record: Record) -> None:
        """Keep a new session."""
        with self._writing() as file:
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
            oldest = self._oldest()
            file.execute("DELETE FROM sessions WHERE used < ?", (oldest - self.keep_seconds,))
            empty = "UPDATE sessions SET state = x'', answer = x'' WHERE used < ? AND state != x''"
            return file.execute(empty, (oldest,)).rowcount

    def count(self) -> int:
        """Return how many sessions there are."""
        with self._lock, self._answering():
            (found,) = self._file.execute(
                "SELECT count(*) FROM sessions WHERE used >= ? AND state != x''", (self._oldest(),)
            ).fetchone()
        return int(found)

    def keys(self) -> list[bytes]:
        """Return the keys in a file beside this one, which has its name and `.key`."""
        return read_keys(self._path.with_name(f"{self._path.name}.key"))

    def close(self) -> None:
        """Bring what was written ahead into the file, and close it."""
        with self._lock, self._answering():
            self._file.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._file.close()

    def _oldest(self) -> float:
        return self._clock() - self.keep_seconds

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
