"""Tables of text: what separates the cells, which line names the columns, which lines are comments.

A line `sep=;` at the beginning says what separates cells. A file whose first line begins with # has comments: all its
lines that begin so are passed over, and the last one before the first row may name the columns. Blank lines, and lines
of nothing but separators, are not rows.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from typing import Any

from statewise.data.tables.columns import NOTHING, is_number
from statewise.data.tables.moments import is_time
from statewise.data.tables.row_numbers import OpenTable, RowNumbers
from statewise.data.tables.table_format import TableFormat
from statewise.errors import DataError

CELLS = 1 << 19
"So many cells of a file are read at once."
MOST_LOOKED_AT = 1000
"So many lines are looked at for the head, and for what separates cells."
MOST_TRIED = 20
MARKS = ("\t", ";", "|", ",")
"What may separate cells; where several do equally well, the first, since numbers may hold commas."
SPACES = " "
BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class FileLayout:
    """How a file is laid out: its columns, what separates cells, and the lines that come before the first row.

    `lines` are those that were looked at and are rows, or come between them; `first` is the number of the first. Cells
    that are `bare` are never quoted.
    """

    names: list[str]
    mark: str
    has_comments: bool
    lines: list[str]
    first: int
    bare: bool = False


def separated(lines: Iterator[str], title: str, how: TableFormat) -> OpenTable:
    """Return a table out of the lines of a file. Raises `DataError` for what is none, with the row."""
    layout = _layout(list(islice(lines, MOST_LOOKED_AT)), title, how)
    rows = RowNumbers()

    def chunks(wanted: list[str]) -> Iterator[dict[str, Sequence[Any]]]:
        places = [layout.names.index(name) for name in wanted]
        for cells in _rows(layout, chain(layout.lines, lines), title, rows):
            yield {name: [row[i] for row in cells] for name, i in zip(wanted, places, strict=True)}

    return OpenTable(title, layout.names, chunks, rows)


def _rows(layout: FileLayout, lines: Iterable[str], title: str, numbers: RowNumbers) -> Iterator[list[list[str]]]:
    """Yield rows of as many cells as there are columns, many at a time."""
    width, reader = len(layout.names), _Reader(lines, layout.mark, bare=layout.bare)
    at_once, done = CELLS // width + 1, 0
    while True:
        line = layout.first + reader.line_number
        rows = list(islice(reader.rows, at_once))
        if not rows:
            return
        is_even = layout.first + reader.line_number - line == len(rows) and set(map(len, rows)) == {width}
        if is_even and any(rows[-1]) and not layout.has_comments:
            numbers.begin(done, line)
        else:
            rows = _tidied(rows, line, done, layout, title, numbers)
        done += len(rows)
        yield rows


def _tidied(
    rows: list[list[str]], line: int, done: int, layout: FileLayout, title: str, numbers: RowNumbers
) -> list[list[str]]:
    """Return rows without blank ones and comments, and tell the line of each; refuse those of another length."""
    kept: list[list[str]] = []
    width = len(layout.names)
    for row in rows:
        if any(row) and not (layout.has_comments and row[0].startswith("#")):
            if len(row) < width or any(cell.strip() for cell in row[width:]):
                count = f"{len(row)} cell{'s'[: len(row) != 1]}"
                raise DataError(f"{title} row {line} has {count}, not {width}: {_advice(row, layout)}")
            numbers.begin(done + len(kept), line)
            kept.append(row[:width])
        line += 1 + sum(len(BREAK.findall(cell)) for cell in row)
    return kept


def _advice(row: Sequence[str], layout: FileLayout) -> str:
    if any(BREAK.search(cell) for cell in row):
        return "a cell of it goes on over several lines, as where a quotation mark is not closed"
    digits = [cell.strip().lstrip("+-").isdigit() for cell in row]
    if layout.mark == "," and any(one and other for one, other in pairwise(digits)):
        return (
            "where commas are decimal or between thousands, separate cells by ; or quote the numbers, and give "
            "--decimal , or --thousands ,"
        )
    if len(layout.names) == 1 < len(row):
        return f"give the names of the columns in the first row, without lines above it such as {layout.names[0]!r}"
    return "mend it"


class _Reader:
    """Rows out of lines, and how many lines they took."""

    def __init__(self, lines: Iterable[str], mark: str, *, bare: bool = False) -> None:
        self._seen, self._mark = 0, None if mark == SPACES else mark
        self._csv = None if bare or mark == SPACES else csv.reader(lines, delimiter=mark)
        self.rows: Iterator[list[str]] = self._split(lines) if self._csv is None else self._csv

    @property
    def line_number(self) -> int:
        """How many lines were read."""
        return self._seen if self._csv is None else self._csv.line_num

    def _split(self, lines: Iterable[str]) -> Iterator[list[str]]:
        for line in lines:
            self._seen += 1
            yield line.split() if self._mark is None else line.rstrip("\r\n").split(self._mark)


def _layout(lines: list[str], title: str, how: TableFormat) -> FileLayout:
    if how.names:
        return FileLayout(list(how.names), how.mark, False, lines, 1, bare=True)
    said, comments, head = "", [], 0
    for head, line in enumerate(lines):
        text = line.strip()
        if text.lower().startswith("sep=") and len(text) == len("sep=;") and not head:
            said = text[-1]
        elif text.startswith("#"):
            comments.append(text)
        elif text:
            break
    else:
        what = f"{title} has no row in its first {MOST_LOOKED_AT} lines" if comments else f"{title} is empty"
        raise DataError(f"{what}: give a table whose first row names the columns")
    _refuse_others(lines[head], title)
    tried = [line for line in lines[head + 1 :] if line.strip() and not line.startswith("#")][:MOST_TRIED]
    mark = said or _mark(lines[head], tried)
    reader = _Reader(lines[head:], mark)
    cells = next(reader.rows)
    rest = _cells(tried, mark)
    names = _names(cells, rest, comments, mark, title, how)
    if names is None or names != _trimmed(cells):
        first, names = head, names or [str(i + 1) for i in range(len(cells))]
    else:
        first = head + reader.line_number
    return FileLayout(names, mark, bool(comments), lines[first:], first + 1)


def _names(
    cells: list[str], rest: list[list[str]], comments: list[str], mark: str, title: str, how: TableFormat
) -> list[str] | None:
    """Return the names of the columns, None where they have none: out of the first row, or the comment before it."""
    if how.header == "no":
        return None
    if how.header == "yes" or not _are_values(cells, rest, how):
        names = _trimmed(cells)
        if not names:
            raise DataError(f"{title} is empty: give a table whose first row names the columns")
        return names
    above = _trimmed(next(_Reader([line.lstrip("#").strip() for line in comments[-1:]], mark).rows, []))
    if len(above) == len(cells) and not _are_values(above, rest, how):
        return above
    shown = ", ".join(cells[:3]) + (", ..." if len(cells) > 3 else "")
    raise DataError(
        f"{title}: the first row ({shown}) holds values, not the names of columns: add a row of names, or give "
        "--header no, and columns are called 1, 2 and so on (--header yes where these are names)"
    )


def _are_values(cells: Sequence[str], rest: Sequence[Sequence[str]], how: TableFormat) -> bool:
    """Tell a first row of values: all are numbers or times, or one is a time that has a time beneath it."""
    filled = [cell for cell in cells if cell.strip().lower() not in NOTHING]
    if filled and all(is_number(cell, how) or is_time(cell) for cell in filled):
        return True
    return bool(rest) and any(is_time(one) and is_time(below) for one, below in zip(cells, rest[0]))


def _trimmed(cells: Sequence[str]) -> list[str]:
    """Return names without spaces around them, and without the empty ones that a separator at the end leaves."""
    names = [" ".join(cell.split()) for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def _mark(head: str, tried: list[str]) -> str:
    """Return what separates cells: what cuts the rows beneath the head into as many as it has, more than one."""
    for mark in MARKS:
        cells, *rows = _cells([head, *tried], mark)
        width = len(_trimmed(cells))
        if width > 1 and all(len(row) >= width and not any(row[width:]) for row in rows):
            return mark
    if not any(mark in head for mark in MARKS):
        widths = {len(line.split()) for line in (head, *tried)}
        return SPACES if len(widths) == 1 and max(widths) > 1 and tried else ","
    return max(MARKS[::-1], key=head.count)


def _cells(lines: Sequence[str], mark: str) -> list[list[str]]:
    return [row for row in _Reader(lines, mark).rows if row]


def _refuse_others(line: str, title: str) -> None:
    """Refuse what begins like something that is often taken for a table."""
    begin = line.lstrip()
    if re.match(r"\{\s*\"|\[\s*([\[{]|$)", begin):
        raise DataError(f"{title} is JSON, not a table: write it as CSV, a row of names and then a row for each object")
    if re.match(r"<(!doctype|html|\?xml|table)", begin, re.IGNORECASE):
        raise DataError(f"{title} is HTML or XML, not a table: save the table as CSV")
