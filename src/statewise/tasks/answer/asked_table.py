"""A table that can be asked: its columns and values, held in memory by SQLite, which only reads."""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any, Literal

import numpy as np

from statewise.data.naming import path_of
from statewise.data.tables.tables import column_names, read_table
from statewise.errors import DataError, UsageError

Kind = Literal["number", "text", "date"]
Value = str | float | int | None

MOST_ROWS, MOST_COLUMNS = 1_000_000, 200
MOST_STEPS = 200_000_000
"A query that takes more steps of SQLite's machine is stopped."
WORDS = re.compile(r"[A-Za-z][a-z]+|[A-Z]+(?![a-z])|[^\W\d_]+|\d+")
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION}
"What a query may do; whatever else a statement asks for, SQLite refuses."


def name_words(name: str) -> list[str]:
    """Return the words of a name in small letters.

    >>> name_words("orderDate_2")
    ['order', 'date', '2']
    """
    return [word.lower() for word in WORDS.findall(name)]


@dataclass(frozen=True)
class AskedColumn:
    """A column: its name as the table has it, what its cells are, and the cells."""

    name: str
    kind: Kind
    cells: Sequence[Value]

    @property
    def words(self) -> list[str]:
        """The words of its name in small letters.

        >>> AskedColumn("orderDate_2", "text", []).words
        ['order', 'date', '2']
        """
        return name_words(self.name)


@dataclass(frozen=True, eq=False)
class AskedTable:
    """Columns of as many cells, which SQLite has as `c0`, `c1` and so on: no name of a table's becomes part of SQL."""

    title: str
    columns: Sequence[AskedColumn]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return len(self.columns[0].cells)

    @cached_property
    def key(self) -> int | None:
        """The column that names a row: the first of texts that all differ, or else the first of texts."""
        texts = [place for place, column in enumerate(self.columns) if column.kind == "text"]
        differ = (place for place in texts if len(set(self.columns[place].cells)) == self.rows)
        return next(differ, texts[0] if texts else None)

    @cached_property
    def dates(self) -> int | None:
        """The first column of dates."""
        return next((place for place, column in enumerate(self.columns) if column.kind == "date"), None)

    @cached_property
    def database(self) -> sqlite3.Connection:
        """The table in SQLite, which from then on refuses everything but to read."""
        made = sqlite3.connect(":memory:", check_same_thread=False)
        names = [f"c{place}" for place in range(len(self.columns))]
        made.execute(f"CREATE TABLE t ({', '.join(names)})")
        cells = zip(*(column.cells for column in self.columns), strict=True)
        made.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(names))})", cells)
        made.commit()
        made.execute("PRAGMA query_only = ON")
        made.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in READS else sqlite3.SQLITE_DENY)
        return made

    def run(self, statement: str, values: Sequence[Value]) -> list[tuple[Value, ...]]:
        """Return the rows of a query. Raises `UsageError` where SQLite refuses it, or it takes too long."""
        budget = iter(range(MOST_STEPS // 100_000))
        self.database.set_progress_handler(lambda: 0 if next(budget, None) is not None else 1, 100_000)
        try:
            return self.database.execute(statement, list(values)).fetchall()
        except sqlite3.Error as error:
            raise UsageError(f"the query was refused ({error}): ask for less of the table") from None


def read_asked_table(source: str) -> AskedTable:
    """Read a table. Raises `DataError` for columns without a name or of one name, and where it has no row."""
    names = column_names(source)
    shown = str(path_of(source))
    for place, name in enumerate(names, start=1):
        if not WORDS.search(name):
            raise DataError(f"{shown}: column {place} has no name: give it one")
    spelled: dict[str, str] = {}
    for name in names:
        if (other := spelled.setdefault(" ".join(AskedColumn(name, "text", []).words), name)) != name:
            raise DataError(f"{shown}: columns '{other}' and '{name}' have the same name: rename one")
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{shown}: {names.count(double)} columns are called '{double}': rename them")
    if len(names) > MOST_COLUMNS:
        raise DataError(f"{shown} has {len(names):,} columns: give a table of at most {MOST_COLUMNS}")
    found = read_table(source, dict.fromkeys(names, _as_they_are)).columns
    rows = len(found[names[0]])
    if not 0 < rows <= MOST_ROWS:
        raise DataError(f"{shown} has {rows:,} rows: give a table of 1 to {MOST_ROWS:,}")
    return table_of(path_of(source).name, {name: found[name].tolist() for name in names})


def table_of(title: str, columns: Mapping[str, Sequence[Any]]) -> AskedTable:
    """Return a table out of columns of text, each read as numbers or as dates where all of its cells are."""
    return AskedTable(title, [_column(name, [str(cell).strip() for cell in cells]) for name, cells in columns.items()])


def _column(name: str, cells: Sequence[str]) -> AskedColumn:
    filled = [cell for cell in cells if cell]
    if filled and all(NUMBER.fullmatch(cell) for cell in filled):
        return AskedColumn(name, "number", [_number(cell) if cell else None for cell in cells])
    if filled and all(_is_day(cell) for cell in filled):
        return AskedColumn(name, "date", [cell or None for cell in cells])
    return AskedColumn(name, "text", [cell or None for cell in cells])


def _number(cell: str) -> float | int:
    """Return a whole number as such where SQLite can hold it.

    >>> _number("7"), _number("7.5")
    (7, 7.5)
    """
    value = float(cell)
    return int(cell) if re.fullmatch(r"[+-]?\d{1,18}", cell) else value


def _is_day(cell: str) -> bool:
    try:
        return bool(DAY.fullmatch(cell)) and bool(date.fromisoformat(cell))
    except ValueError:
        return False


def _as_they_are(cells: Sequence[Any]) -> Any:
    return np.array(["" if cell is None else str(cell) for cell in cells], dtype=object)
