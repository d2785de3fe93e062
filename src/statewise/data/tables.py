"""Tables: CSV and TSV (also gzipped or zipped), Parquet, frames of pandas and polars, read column by column.

A file is gone through once, some rows at a time, and of each only the wanted columns are kept, as numbers, words or
times; so a table of ten million rows takes the memory of its arrays. Rows are counted as a spreadsheet shows them: the
head is row 1.
"""

import csv
import gzip
import io
import re
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.data.frames import columns_of
from statewise.data.naming import path_of
from statewise.errors import DataError, MissingExtra, UsageError
from statewise.registry import unknown

Column = NDArray[Any]
Convert = Callable[[Sequence[Any]], Column]
Source = Any
"A path, a frame of pandas or polars, or a NumPy array."

CELLS = 1 << 19
"So many cells of a file are read at once."

FIRST_ROW = 2
NOTHING = {"", "na", "n/a", "nan", "null", "none", "."}
ADVICE = "leave out the column or mend it"
ZONE = re.compile(r"(Z|[+-]\d\d(:?\d\d)?)$")


class _Unreadable(Exception):
    """Cell number `index` is not what a column should hold."""

    def __init__(self, index: int, words: str) -> None:
        super().__init__(words)
        self.index, self.words = index, words


def numbers(cells: Sequence[Any], advice: str = ADVICE) -> Column:
    """Return cells as float64; what is empty, or says NA, NaN or null, is NaN. `advice` is for what is none.

    >>> numbers(["1.5", "", "2e3"])
    array([1.5e+00,     nan, 2.0e+03])
    """
    try:
        return np.asarray(cells, dtype=np.float64)
    except (TypeError, ValueError):
        return np.array([_number(i, cell, advice) for i, cell in enumerate(cells)], dtype=np.float64)


def words(cells: Sequence[Any]) -> Column:
    """Return cells as strings, equal ones as one object; what is missing is an empty one.

    >>> list(words(["a", 7]))
    ['a', '7']
    """
    known: dict[str, str] = {}
    column = np.empty(len(cells), dtype=object)
    column[:] = [known.setdefault(word, word) for word in map(_text_of, cells)]
    return column


def times(cells: Sequence[Any]) -> Column:
    """Return cells as `datetime64[s]`: ISO 8601, `1991 Jul`, or Unix seconds; those with an offset become UTC.

    >>> times(["2026-11-25 15:00", "2026-11-25T15:00:00+01:00"])
    array(['2026-11-25T15:00:00', '2026-11-25T14:00:00'],
          dtype='datetime64[s]')
    """
    given = np.asarray(cells)
    if given.dtype.kind == "M":
        found = given.astype("datetime64[s]")
        if np.isnat(found).any():
            raise _Unreadable(int(np.isnat(found).argmax()), "is empty where a time was wanted")
        return found
    first = str(cells[0]) if len(cells) else ""
    if "-" in first and not ZONE.search(first[10:]):
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # an offset, which numpy would read with a warning
            try:
                found = np.array(cells, dtype="datetime64[s]")
            except (TypeError, ValueError, Warning):
                found = np.array(["NaT"], dtype="datetime64[s]")
        if not np.isnat(found).any():
            return found
    return np.array([_time(i, cell) for i, cell in enumerate(cells)], dtype="datetime64[s]")


def column_names(source: Source) -> list[str]:
    """Return the names of a table's columns. Raises `DataError` where it has none or cannot be read."""
    with _opened(source) as table:
        return table.names


def read_columns(source: Source, wanted: Mapping[str, Convert]) -> dict[str, Column]:
    """Return the wanted columns of a table.

    Raises `UsageError` for a column that is not there, naming the nearest; `DataError` for a cell that cannot be read,
    with its row.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "table.csv")
    ...     _ = path.write_text("day,count\\n2026-11-25,3\\n2026-11-26,\\n")
    ...     read_columns(path, {"count": numbers})
    {'count': array([ 3., nan])}
    """
    parts: dict[str, list[Column]] = {name: [] for name in wanted}
    for chunk in read_chunks(source, wanted):
        for name, column in chunk.items():
            parts[name].append(column)
    return {name: np.concatenate(found) if found else wanted[name]([]) for name, found in parts.items()}


def read_chunks(source: Source, wanted: Mapping[str, Convert]) -> Iterator[dict[str, Column]]:
    """Yield the wanted columns of a table, some rows at a time; raises what `read_columns` does."""
    with _opened(source) as table:
        for name in wanted:
            if name not in table.names:
                raise UsageError(f"{table.title}: {unknown('column', name, table.names)}")
        done = 0
        for cells in table.chunks(list(wanted)):
            yield {name: _converted(convert, cells[name], name, table.title, done) for name, convert in wanted.items()}
            done += len(next(iter(cells.values()), ()))


def title_of(source: Source) -> str:
    """Say what a table is called in a message."""
    return str(source) if isinstance(source, str | Path) else f"the {type(source).__name__}"


class _Table(NamedTuple):
    title: str
    names: list[str]
    chunks: Callable[[list[str]], Iterator[dict[str, Sequence[Any]]]]


@contextmanager
def _opened(source: Source) -> Iterator[_Table]:
    if not isinstance(source, str | Path):
        columns = columns_of(source)
        yield _Table(title_of(source), list(columns), lambda wanted: iter([{name: columns[name] for name in wanted}]))
        return
    path = path_of(source)
    try:
        with path.open("rb") as file:
            beginning = file.read(4)
        if beginning == b"PAR1":
            yield _parquet(path)
            return
        with _text(path, beginning) as lines:
            yield _separated(lines, str(path))
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start}): save the table as CSV in UTF-8") from None
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as a table ({error}): save it as CSV in UTF-8") from None
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read {path} ({reason}): give a CSV, TSV or Parquet file") from None


@contextmanager
def _text(path: Path, beginning: bytes) -> Iterator[Iterator[str]]:
    """Give the lines of a file, out of gzip or zip where it is one."""
    with path.open("rb") as raw:
        content: Any = raw
        if beginning[:2] == b"\x1f\x8b":
            content = gzip.GzipFile(fileobj=raw)
        elif beginning[:4] == b"PK\x03\x04":
            archive = zipfile.ZipFile(raw)
            content = archive.open(archive.namelist()[0])
        yield io.TextIOWrapper(content, encoding="utf-8-sig", newline="")


def _separated(lines: Iterator[str], title: str) -> _Table:
    head = next(lines, "")
    if not head.strip():
        raise DataError(f"{title} is empty: give a table whose first row names the columns")
    delimiter = max(",;\t|", key=head.count)
    names = [name.strip() for name in next(csv.reader([head], delimiter=delimiter))]
    reader = csv.reader(lines, delimiter=delimiter)

    def chunks(wanted: list[str]) -> Iterator[dict[str, Sequence[Any]]]:
        places, done = [names.index(name) for name in wanted], 0
        while rows := list(islice(reader, CELLS // len(names) + 1)):
            rows = [row for row in rows if row]  # blank lines are nobody's row
            try:
                yield {name: [row[i] for row in rows] for name, i in zip(wanted, places, strict=True)}
            except IndexError:
                short = next(n for n, row in enumerate(rows) if len(row) <= max(places))
                where = f"{title} row {done + short + FIRST_ROW}"
                raise DataError(f"{where} has {len(rows[short])} cells, not {len(names)}: mend it") from None
            done += len(rows)

    return _Table(title, names, chunks)


def _parquet(path: Path) -> _Table:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise MissingExtra(f"{path} is Parquet, which needs pyarrow: pip install 'statewise[parquet]'") from None

    def chunks(wanted: list[str]) -> Iterator[dict[str, Sequence[Any]]]:
        for batch in file.iter_batches(batch_size=CELLS // len(wanted) + 1, columns=wanted):
            yield {name: batch.column(name).to_numpy(zero_copy_only=False) for name in wanted}

    try:
        file = parquet.ParquetFile(path)
        return _Table(str(path), list(file.schema_arrow.names), chunks)
    except ArrowException as error:
        raise DataError(
            f"cannot read {path} ({str(error).rstrip('.')}): the file is damaged or was cut short"
        ) from None


def _converted(convert: Convert, cells: Sequence[Any], name: str, title: str, done: int) -> Column:
    try:
        return convert(cells)
    except _Unreadable as bad:
        raise DataError(f"{title} row {done + bad.index + FIRST_ROW}: column '{name}' {bad.words}") from None


def _number(index: int, cell: Any, advice: str) -> float:
    text = str(cell).strip()
    if cell is None or text.lower() in NOTHING:
        return float("nan")
    try:
        return float(text)
    except ValueError:
        raise _Unreadable(index, f"holds {text[:40]!r}, which is no number: {advice}") from None


def _time(index: int, cell: Any) -> np.datetime64:
    text = _text_of(cell).strip()
    try:
        return np.datetime64(_moment(text).isoformat(), "s")
    except (ValueError, OverflowError, OSError):
        advice = "write it as 2026-11-25 15:00 or in Unix seconds"
        what = f"holds {text[:40]!r}, which is no time" if text else "is empty where a time was wanted"
        raise _Unreadable(index, f"{what}: {advice}") from None


def _text_of(cell: Any) -> str:
    return "" if cell is None else str(cell)


def _moment(text: str) -> datetime:
    if text.isdigit() and len(text) in (10, 13):
        return datetime.fromtimestamp(int(text) / (1 if len(text) == 10 else 1000), UTC).replace(tzinfo=None)
    if re.fullmatch(r"\d{4}", text):
        return datetime(int(text), 1, 1)
    if re.fullmatch(r"\d{4}-\d\d", text):
        return datetime.fromisoformat(f"{text}-01")
    for pattern in ("%Y %b", "%b %Y"):
        if re.fullmatch(r"\d{4} [A-Za-z]{3}|[A-Za-z]{3} \d{4}", text):
            try:
                return datetime.strptime(text, pattern)
            except ValueError:
                continue
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def rows_of(indices: Iterable[int], most: int = 3) -> str:
    """Name a few rows as a spreadsheet counts them.

    >>> rows_of([0, 5, 6, 7])
    '2, 7, 8 and more'
    """
    found = [str(int(i) + FIRST_ROW) for i in islice(indices, most + 1)]
    return ", ".join(found[:most]) + (" and more" if len(found) > most else "")
