"""Tables: CSV and TSV (also gzipped or zipped), Parquet, frames of pandas and polars, read column by column.

A file is gone through once, some rows at a time, and of each only the wanted columns are kept, as numbers, words or
times; so a table of ten million rows takes the memory of its arrays. Rows are counted by the lines of the file.
"""

import csv
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from statewise.data.frames import columns_of, is_kept
from statewise.data.naming import path_of
from statewise.data.tables.columns import PLAIN, Column, Convert, Unreadable
from statewise.data.tables.row_numbers import OpenTable, RowNumbers
from statewise.data.tables.separated import CELLS, separated
from statewise.data.tables.table_format import TableFormat
from statewise.data.tables.times import InUTC
from statewise.errors import DataError, MissingExtra, UsageError
from statewise.registry import unknown

Source = Any
"A path, a frame of pandas or polars, or a NumPy array."

LONGEST_LINE = 1 << 24
"Bytes of one line: a file without lines is not read into memory."
PIECE = 1 << 16
MOST_LOOKED_AT = 1 << 22
"So many bytes of the first lines are looked at, and the rest of a line."
GZIP, ZIP, PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"PAR1"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
MARKED = "\xef\xbb\xbf"
"A byte order mark of UTF-8, read as Latin-1."
WORKBOOKS = ("xl/workbook.xml", "content.xml")
"What lies in a zip that is a workbook of Excel or LibreOffice."
BROKEN = (OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)


class TablePiece(NamedTuple):
    """Columns of a table, or of some of its rows, and the number of each row by its place in the table."""

    columns: dict[str, Column]
    rows: RowNumbers


def column_names(source: Source, how: TableFormat = PLAIN) -> list[str]:
    """Return the names of a table's columns. Raises `DataError` where it has none or cannot be read."""
    with _opened(source, how) as table:
        return table.names


def first_cells(source: Source, how: TableFormat = PLAIN) -> dict[str, Sequence[Any]]:
    """Return the cells of the first rows of a table, as they are."""
    with _opened(source, how) as table:
        names = list(dict.fromkeys(table.names))
        return next(table.chunks(names), {name: [] for name in names})


def first_lines(source: Source, count: int) -> list[str]:
    """Return the first lines of a file of text, its bytes read as Latin-1, without a byte order mark.

    There are none of any other table.
    """
    if not isinstance(source, str | Path):
        return []
    path, found = path_of(source), list[str]()
    try:
        with path.open("rb") as file:
            beginning = file.read(4)
        if not path.is_file() or beginning == PARQUET or beginning[:2] in UTF_16:
            return []
        with _text(path, beginning, "latin-1") as lines:
            for line in islice(lines, count):
                found.append(line if found else line.removeprefix(MARKED))
                if sum(map(len, found)) > MOST_LOOKED_AT:
                    break
    except (*BROKEN, DataError):
        return []  # what reads it says why
    return found


def read_lines(source: Source) -> Iterator[str]:
    """Yield the lines of a file of text in UTF-8, also gzipped or zipped. Raises `DataError` where it is none."""
    path = path_of(source)
    with _readable(path), path.open("rb") as file:
        beginning = file.read(4)
        with _text(path, beginning) as lines:
            yield from lines


def read_columns(source: Source, wanted: Mapping[str, Convert], how: TableFormat = PLAIN) -> dict[str, Column]:
    """Return the wanted columns of a table.

    Raises `UsageError` for a column that is not there, naming the nearest; `DataError` for a cell that cannot be read,
    with its row.

    >>> from tempfile import TemporaryDirectory
    >>> from statewise.data.tables.columns import numbers
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "table.csv")
    ...     _ = path.write_text("day,count\\n2026-11-25,3\\n2026-11-26,\\n")
    ...     read_columns(path, {"count": numbers})
    {'count': array([ 3., nan])}
    """
    return read_table(source, wanted, how).columns


def read_table(source: Source, wanted: Mapping[str, Convert], how: TableFormat = PLAIN) -> TablePiece:
    """Return the wanted columns of a table and the number of each row; raises what `read_columns` does."""
    parts: dict[str, list[Column]] = {name: [] for name in wanted}
    rows = RowNumbers()
    for chunk in read_chunks(source, wanted, how):
        rows = chunk.rows
        for name, column in chunk.columns.items():
            parts[name].append(column)
    joined = {name: np.concatenate(found) if found else wanted[name]([]) for name, found in parts.items()}
    return TablePiece(joined, rows)


def read_chunks(source: Source, wanted: Mapping[str, Convert], how: TableFormat = PLAIN) -> Iterator[TablePiece]:
    """Yield the wanted columns of a table, some rows at a time; raises what `read_columns` does."""
    with _opened(source, how) as table:
        for name in wanted:
            if name not in table.names:
                raise UsageError(f"{table.title}: {unknown('column', name, table.names)}")
            if table.names.count(name) > 1:
                raise DataError(f"{table.title}: {table.names.count(name)} columns are called '{name}': rename them")
        done = 0
        for cells in table.chunks(list(wanted)):
            found = {name: _converted(convert, cells[name], name, table, done) for name, convert in wanted.items()}
            yield TablePiece(found, table.rows)
            done += len(next(iter(cells.values()), ()))


def title_of(source: Source) -> str:
    """Say what a table is called in a message."""
    if not isinstance(source, str | Path):
        told = f"the {type(source).__name__}"
        return str(getattr(source, "title", told)) if isinstance(source, np.ndarray) else told
    return f"the table in memory ({source})" if is_kept(Path(source)) else str(source)


def _converted(convert: Convert, cells: Sequence[Any], name: str, table: OpenTable, done: int) -> Column:
    try:
        return convert(cells)
    except Unreadable as bad:
        raise DataError(f"{table.title} row {table.rows(done + bad.index)}: column '{name}' {bad.words}") from None


@contextmanager
def _opened(source: Source, how: TableFormat) -> Iterator[OpenTable]:
    if not isinstance(source, str | Path):
        columns = columns_of(source)
        yield _of_arrays(title_of(source), list(columns), lambda _: iter([columns]))
        return
    path = path_of(source)
    with _readable(path):
        with path.open("rb") as file:
            beginning = file.read(4)
        if beginning == PARQUET:
            yield _parquet(path)
            return
        with _text(path, beginning, how.encoding) as lines:
            yield separated(lines, title_of(path), how)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raise `DataError`, in one line, for a file that is not a table."""
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"cannot read {path} (it is not a regular file): give a CSV, TSV or Parquet file")
        yield
    except UnicodeError as error:
        place = f" (byte {error.start})" if isinstance(error, UnicodeDecodeError) else ""
        raise DataError(f"{path} is not UTF-8 text{place}: save the table as CSV in UTF-8") from None
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as a table ({error}): save it as CSV in UTF-8") from None
    except BROKEN as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read {path} ({reason}): give a CSV, TSV or Parquet file") from None


@contextmanager
def _text(path: Path, beginning: bytes, encoding: str = "") -> Iterator[Iterator[str]]:
    """Give the lines of a file, out of gzip or zip where it is one."""
    with path.open("rb") as raw:
        content: Any = raw
        if beginning[:2] == GZIP:
            content = gzip.GzipFile(fileobj=raw)
        elif beginning == ZIP:
            archive = zipfile.ZipFile(raw)
            content = _member(archive, path)
        buffered = io.BufferedReader(_Bounded(content, path), PIECE)
        encoding = encoding or ("utf-16" if buffered.peek(2)[:2] in UTF_16 else "utf-8-sig")
        yield io.TextIOWrapper(buffered, encoding=encoding, newline="")


def _member(archive: zipfile.ZipFile, path: Path) -> IO[bytes]:
    """Open the one file in a zip."""
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if any(name in WORKBOOKS for name in names):
        raise DataError(f"{path} is a workbook: save the sheet as CSV in UTF-8")
    if len(names) != 1:
        raise DataError(f"{path} holds {len(names)} files: give a zip of one table, or the table itself")
    try:
        return archive.open(names[0])
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or of a method that Python does not know
        raise DataError(f"cannot read {path} ({error}): give the table itself") from None


class _Bounded(io.RawIOBase):
    """Bytes of a file whose lines are not longer than a bound."""

    def __init__(self, content: Any, path: Path) -> None:
        self._content, self._path, self._since = content, path, 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read on, and refuse a line that is too long."""
        found: bytes = self._content.read(len(buffer))
        buffer[: len(found)] = found
        last = max(found.rfind(b"\n"), found.rfind(b"\r"))
        self._since = len(found) - last - 1 if last >= 0 else self._since + len(found)
        if self._since > LONGEST_LINE:
            raise DataError(f"{self._path} has a line of more than {LONGEST_LINE:,} bytes: save the table as CSV")
        return len(found)


def _of_arrays(title: str, names: list[str], pieces: Callable[[list[str]], Iterator[Mapping[str, Any]]]) -> OpenTable:
    def chunks(wanted: list[str]) -> Iterator[dict[str, Sequence[Any]]]:
        for piece in pieces(wanted):
            yield {name: piece[name] for name in wanted}

    return OpenTable(title, names, chunks, RowNumbers())


def _parquet(path: Path) -> OpenTable:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise MissingExtra(f"{path} is Parquet, which needs pyarrow: pip install 'statewise[parquet]'") from None

    def pieces(wanted: list[str]) -> Iterator[Mapping[str, Any]]:
        in_utc = {name for name in wanted if getattr(file.schema_arrow.field(name).type, "tz", None)}
        for batch in file.iter_batches(batch_size=CELLS // len(wanted) + 1, columns=wanted):
            found = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in wanted}
            yield {name: column.view(InUTC) if name in in_utc else column for name, column in found.items()}

    try:
        file = parquet.ParquetFile(path)
        return _of_arrays(str(path), list(file.schema_arrow.names), pieces)
    except ArrowException as error:
        raise DataError(
            f"cannot read {path} ({str(error).rstrip('.')}): the file is damaged or was cut short"
        ) from None
