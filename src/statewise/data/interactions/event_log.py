"""Logs of events in tables: which columns give the session, the item and the time, read some rows at a time."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.data.interactions.log_layouts import format_of_log
from statewise.data.interactions.session_table import LogEvents
from statewise.data.tables.clocks import from_clocks
from statewise.data.tables.columns import PLAIN, Column, Convert, numbers, plain_id, words
from statewise.data.tables.table_format import TableFormat
from statewise.data.tables.tables import TablePiece, column_names, read_chunks
from statewise.data.tables.times import TimeReader
from statewise.errors import DataError, UsageError
from statewise.registry import unknown

KNOWN = {
    "session": ("session", "session_id", "sessionid", "user_session"),
    "user": ("user", "user_id", "userid", "visitor_id", "visitorid", "customer_id"),
    "item": (
        *("item", "item_id", "itemid", "product_id", "productid", "movie_id", "movieid"),
        *("artist_id", "artistid", "artist", "track_id", "article_id"),
    ),
    "time": ("time", "timestamp", "datetime", "date", "event_time", "event_date", "eventdate"),
    "order": ("timeframe",),
    "type": ("type", "event", "event_type"),
    "weight": ("weight", "rating"),
    "title": ("title", "item_title", "movie_title", "name"),
    "year": ("year", "release_year"),
    "features": ("features", "genres", "genre", "class", "categories", "category"),
}
"What columns are commonly called, in lower case and without the type that RecBole writes after a colon."
MEND_WEIGHT = "mend it, or leave out --min-weight, which asks for this column"
MEND_ORDER = "mend it, for it says the order of events"


@dataclass(frozen=True)
class LogColumns:
    """Which columns of a log to read, by name; what is not named is looked for under its usual names.

    Only events of `types`, where some are given, and of at least `min_weight` are read. `order` counts the milliseconds
    since the time that a row says, where that is a date that many rows share. `how` is how the table is written.
    """

    session: str | None = None
    user: str | None = None
    item: str | None = None
    time: str | None = None
    type: str | None = None
    types: tuple[str, ...] = ()
    weight: str | None = None
    min_weight: float | None = None
    order: str | None = None
    how: TableFormat = field(default=PLAIN)

    def of(self, path: Path) -> "LogColumns":
        """Return these columns for one file: where it has no row of names and is of a known layout, with its names."""
        return replace(self, how=format_of_log(path, self.how))


class Names:
    """Items by number, in the order in which they were first seen; where none is to be added, others have number -1."""

    def __init__(self, known: Iterable[str] = (), *, grows: bool = True) -> None:
        self.numbers, self.grows = {name: number for number, name in enumerate(known)}, grows

    def __call__(self, cells: Iterable[Any]) -> NDArray[np.int64]:
        """Return the numbers of some items."""
        plain = map(plain_id, map(str, cells))
        if not self.grows:
            return np.array([self.numbers.get(name, -1) for name in plain], np.int64)
        return np.array([self.numbers.setdefault(name, len(self.numbers)) for name in plain], np.int64)


class Titles(NamedTuple):
    """What a table of items says of each, by its id."""

    titles: dict[str, str]
    features: dict[str, tuple[str, ...]]


def find_column(path: Path, kind: str, given: str | None = None, how: TableFormat = PLAIN) -> str | None:
    """Return the column of a kind, or the one that was given; None where it has no usual name.

    Raises `UsageError`, with the nearest, where a column was given that is not there.
    """
    names = {_plain_name(name): name for name in column_names(path, how)}
    if given is not None:
        if _plain_name(given) not in names:
            raise UsageError(f"{path}: {unknown('column', given, column_names(path, how))}")
        return names[_plain_name(given)]
    return next((names[name] for name in KNOWN[kind] if name in names), None)


def is_log(path: Path, columns: LogColumns) -> bool:
    """Tell a log of events from a table of items: it says when, or has the column that was said to."""
    how = columns.of(path).how
    names = {_plain_name(name) for name in column_names(path, how)}
    if columns.time:
        return _plain_name(columns.time) in names
    return find_column(path, "time", how=how) is not None


def read_events(path: Path, columns: LogColumns, names: Names) -> Iterator[LogEvents]:
    """Yield the events of a log, some at a time; a session is named by a column, or else it is what a user did.

    Raises `DataError` for a row without session, item or time, `UsageError` for a table without such a column.
    """
    how = columns.of(path).how
    owner = find_column(path, "session", columns.session, how) if not columns.user else None
    owner = owner or _wanted(path, "user", columns.user, how, "session or user")
    what, when = _wanted(path, "item", columns.item, how), _wanted(path, "time", columns.time, how)
    converts: dict[str, Convert] = {owner: words, what: words, when: _Seconds(how)}
    kind = weight = None
    if (order := find_column(path, "order", columns.order, how)) is not None:
        converts[order] = partial(numbers, advice=MEND_ORDER, how=how)
    if columns.types:
        kind = _wanted(path, "type", columns.type, how)
        converts[kind] = words
    if columns.min_weight is not None:
        weight = _wanted(path, "weight", columns.weight, how)
        converts[weight] = partial(numbers, advice=MEND_WEIGHT, how=how)
    done = 0
    for piece in read_chunks(path, converts, how):
        _refuse_gaps(path, piece, (owner, what), done)
        found = piece.columns
        kept = np.ones(len(found[owner]), bool)
        if kind:
            kept &= np.array([word in columns.types for word in found[kind]], bool)
        if weight:
            kept &= found[weight] >= columns.min_weight
        times = found[when] if order is None else _in_order(path, piece, found[when], order, done)
        done += len(kept)
        yield LogEvents(_hashes(found[owner][kept]), names(found[what][kept]), times[kept])


def is_cut_by_session(path: Path, columns: LogColumns) -> bool:
    """Say whether a log names its sessions, so that no gap has to cut them."""
    return not columns.user and find_column(path, "session", columns.session, columns.of(path).how) is not None


def read_titles(path: Path, item: str | None, how: TableFormat = PLAIN) -> Titles:
    """Return what a table of items says of each. Raises `DataError` where it names no items or titles."""
    how = format_of_log(path, how)
    is_there = item and _plain_name(item) in map(_plain_name, column_names(path, how))
    what = find_column(path, "item", item if is_there else None, how)
    title, year, kinds = (find_column(path, kind, how=how) for kind in ("title", "year", "features"))
    if what is None or title is None:
        listed = ", ".join(column_names(path, how))
        raise DataError(
            f"{path} is neither a log of events, since no column says the time, nor a table of items with titles: "
            f"it has {listed}"
        )
    found = Titles({}, {})
    for chunk, _ in read_chunks(path, {name: words for name in (what, title, year, kinds) if name}, how):
        ids = [plain_id(name) for name in chunk[what]]
        years = chunk[year] if year else [""] * len(ids)
        for name, said, when in zip(ids, chunk[title], years, strict=True):
            found.titles[name] = _titled(" ".join(said.split()), plain_id(when))
        if kinds:
            found.features.update(zip(ids, map(_kinds, chunk[kinds]), strict=True))
    return found


def moment(seconds: float) -> str:
    """Return a time as a date in UTC, or as the number it is where that is none.

    >>> moment(891455095.0), moment(1e300)
    ('1998-04-01 18:24:55', '1e+300')
    """
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return f"{seconds:g}"


def _wanted(path: Path, kind: str, given: str | None, how: TableFormat, title: str = "") -> str:
    found = find_column(path, kind, given, how)
    if found is None:
        listed = ", ".join(column_names(path, how))
        raise UsageError(f"{path} has no column that says the {title or kind} among {listed}: name it with --{kind}")
    return found


def _in_order(path: Path, piece: TablePiece, times: Column, order: str, done: int) -> Column:
    """Return times, with the milliseconds since each that another column counts."""
    counted = piece.columns[order]
    odd = np.flatnonzero(~(np.isfinite(counted) & (counted >= 0)))
    if len(odd):
        raise DataError(
            f"{path} row {piece.rows(done + int(odd[0]))} has no number from 0 under '{order}', which says the order "
            "of events: mend it, or leave the row out"
        )
    return times + counted / 1000


def _refuse_gaps(path: Path, piece: TablePiece, names: Sequence[str], done: int) -> None:
    for name in names:
        empty = np.array([not word.strip() for word in piece.columns[name]], bool)
        if empty.any():
            row = piece.rows(done + int(np.argmax(empty)))
            raise DataError(f"{path} row {row} has nothing under '{name}': mend it, or leave the row out")


class _Seconds:
    """Reads times in seconds: since 1970 in UTC, or as they are where they are plain numbers."""

    def __init__(self, how: TableFormat) -> None:
        self._zone, self._read = how.time_zone, TimeReader(how)

    def __call__(self, cells: Sequence[Any]) -> Column:
        found = self._read(cells)
        if self._zone is not None and not self._read.has_offsets:
            found = from_clocks(found, self._zone, np.zeros(len(found), np.bool_)).utc
        return found.astype(np.int64) / 1e6


def _hashes(names: NDArray[Any]) -> NDArray[np.uint64]:
    known: dict[str, int] = {}
    for name in names:
        if name not in known:
            known[name] = int.from_bytes(hashlib.blake2b(plain_id(name).encode(), digest_size=8).digest(), "little")
    return np.array([known[name] for name in names], np.uint64)


def _plain_name(name: str) -> str:
    return name.split(":", maxsplit=1)[0].strip().lower()


def _titled(title: str, year: str) -> str:
    return f"{title} ({year})" if year and year not in title else title


def _kinds(text: str) -> tuple[str, ...]:
    parts = re.split(r"[|;,]", text) if re.search(r"[|;,]", text) else text.split()
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))
