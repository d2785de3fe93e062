"""Tables of series as published sets have them, brought to a table with a row for each value, or read as they are.

A wide table has a series in each row (M4: `"V1","V2","V3",...`, a name and then its values). JSON lines have one in
each line (GluonTS: `{"start": ..., "target": [...], "item_id": ...}`). Numbers with decimal commas between semicolons
(the electricity set, LD2011_2014) are noticed.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from statewise.data.naming import path_of
from statewise.data.series.frequency import Frequency
from statewise.data.series.series_columns import ROW
from statewise.data.series.series_rows import LARGEST
from statewise.data.tables.columns import Unreadable, is_nothing, is_number, numbers, plain_id, words
from statewise.data.tables.moments import is_time
from statewise.data.tables.table_format import TableFormat
from statewise.data.tables.tables import (
    Source,
    column_names,
    first_cells,
    first_lines,
    read_lines,
    read_table,
    title_of,
)
from statewise.data.tables.times import TimeReader
from statewise.disk.reading import read_file
from statewise.errors import DataError, UsageError
from statewise.plain.strict_json import read_json

SERIES, TIME, VALUE = "series", "time", "value"
LOOKED_AT = 200
FEWEST_WIDE = 3
OF_LINES = re.compile(r'\s*\{.*"target"\s*:\s*\[', re.DOTALL)
METADATA = ("metadata.json", "metadata/metadata.json")
"Where GluonTS says how often a value comes: in the folder of a file of lines, or the one above."
LARGEST_METADATA = 1 << 20
FIRST_YEAR, LAST_YEAR = 1970, 9998
"That from which NumPy counts, and the last that a table may say."
PANDAS = re.compile(r"(\d*)([A-Za-z]+)(?:-[A-Z]{3})?")
"A frequency as pandas writes it, such as 1H, 15min, W-SUN or QE."
UNITS = {
    **{unit: unit for unit in ("s", "min", "h", "d", "w", "b")},
    **{"t": "min", "m": "mo", "ms": "mo", "me": "mo", "q": "q", "qs": "q", "qe": "q"},
    **dict.fromkeys(("a", "as", "y", "ys", "ye"), "y"),
}


class LongTable(np.ndarray[Any, Any]):
    """A table with a row for each value of each series, and the name of what it was made of."""

    title: str

    @classmethod
    def of(cls, columns: Mapping[str, NDArray[Any]], title: str) -> Self:
        """Return columns of one length as a table."""
        kinds = [(name, column.dtype) for name, column in columns.items()]
        table = np.empty(len(next(iter(columns.values()))), np.dtype(kinds)).view(cls)
        for name, column in columns.items():
            table[name] = column
        table.title = title
        return table

    def __array_finalize__(self, other: Any) -> None:
        self.title = getattr(other, "title", "the table")


class ReadAs(NamedTuple):
    """A table, how it is written, and what follows from its layout: roles of columns, a frequency, a note."""

    source: Source
    how: TableFormat
    roles: dict[str, Any]
    frequency: Frequency | None = None
    notice: str = ""


def by_layout(source: Source, how: TableFormat, frequency: Frequency | None = None) -> ReadAs:
    """Return a table as it is read, by its layout; one of no special layout as it is.

    Raises `DataError` for a table that is nearly of such a layout, with the row.
    """
    lines = first_lines(source, LOOKED_AT)
    if lines and OF_LINES.match(lines[0]):
        return _of_json_lines(source, how, frequency)
    if lines and _has_decimal_commas(lines, how):
        how = replace(how, decimal=",")
        return ReadAs(source, how, {}, frequency, "numbers are read with decimal commas")
    if lines and not how.names and re.search(r"\bV3\b", lines[0]) and _is_wide(source, how):
        return _of_wide(source, how, frequency)
    return ReadAs(source, how, {}, frequency)


def _has_decimal_commas(lines: list[str], how: TableFormat) -> bool:
    """Tell a table whose cells lie between semicolons, and whose numbers can have decimal commas only."""
    if not how.is_plain or ";" not in lines[0]:
        return False
    cells = [cell.strip().strip('"') for line in lines[1:] for cell in line.split(";")]
    if any(re.fullmatch(r"[+-]?\d+\.\d+", cell) for cell in cells):
        return False
    fractions = [cell for cell in cells if re.fullmatch(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?", cell)]
    return any(not re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", cell) for cell in fractions)


def _is_wide(source: Source, how: TableFormat) -> bool:
    """Tell a table with a series in each row: V1, V2 and so on in its head, a name before the numbers of each row."""
    names = column_names(source, how)
    wanted = {tuple(f"V{i}" for i in range(first, first + len(names) - 1)) for first in (1, 2)}
    if len(names) < FEWEST_WIDE or tuple(names[1:]) not in wanted:
        return False
    cells = first_cells(source, how)
    named = [str(cell).strip() for cell in cells[names[0]]]
    return bool(named) and not any(is_number(cell) or is_time(cell) for cell in named)


def _of_wide(source: Source, how: TableFormat, frequency: Frequency | None) -> ReadAs:
    title, names = title_of(source), column_names(source, how)
    convert: dict[str, Any] = {names[0]: words, **dict.fromkeys(names[1:], lambda cells: numbers(cells, how=how))}
    read, rows = read_table(source, convert, how)
    labels = [plain_id(label) for label in read.pop(names[0])]
    values = np.stack(list(read.values()), axis=1)
    lengths = np.where(np.isnan(values), 0, np.arange(1, values.shape[1] + 1)).max(axis=1, initial=0)
    for number, (label, length) in enumerate(zip(labels, lengths, strict=True)):
        if not label or not length:
            raise DataError(f"{title} row {rows(number)} has no {'values' if label else 'name'}: leave it out")
    _refuse_twice(labels, lambda number: f"{title} row {rows(number)}")
    _refuse_beyond(labels, values, lambda number: f"{title} row {rows(number)}")
    table = _long(labels, [row[:length] for row, length in zip(values, lengths, strict=True)], title)
    told = f"a series in each row: {len(labels):,} of up to {int(lengths.max()):,} values"
    return ReadAs(table, how, {SERIES: SERIES, "targets": (VALUE,), TIME: ROW}, frequency, told)


def _of_json_lines(source: Source, how: TableFormat, frequency: Frequency | None) -> ReadAs:
    title, read = title_of(source), TimeReader(how)
    labels, values, begins = list[str](), list[NDArray[np.float64]](), list[np.datetime64]()
    numbers_of: list[int] = []

    def row(place: int) -> str:
        return f"{title} row {numbers_of[place]}"

    for number, told in _objects(source, title):
        where = f"{title} row {number}"
        target = told.get("target")
        if not isinstance(target, list) or not target or not all(map(_is_value, target)):
            raise DataError(f"{where} has no target that is a list of numbers: give one series in each line")
        try:
            begins.append(read([told.get("start")])[0])
        except Unreadable as bad:
            raise DataError(f"{where}: start {bad.words}") from None
        if read.kind == "numbers":
            raise DataError(f"{where}: start {told.get('start')!r} is not a time: write it as 2026-11-25 15:00")
        values.append(np.array([math.nan if _is_missing(one) else one for one in target], np.float64))
        name = told.get("item_id")
        labels.append(str(number if name is None else name))
        numbers_of.append(number)
    _refuse_twice(labels, row)
    _refuse_beyond(labels, values, row)
    every = frequency or _told_frequency(source)
    if every is None or every.unit == "step":
        raise UsageError(f"{title} says when its series begin, not how often a value comes: give --frequency, as 1h")
    when = [every.times(begin.astype("datetime64[s]"), 0, len(own)) for begin, own in zip(begins, values, strict=True)]
    for place, times in enumerate(when):
        if (year := times[-1].astype("datetime64[Y]").astype(int) + FIRST_YEAR) > LAST_YEAR:
            raise DataError(f"{row(place)}: its values end in {year}, and years go to {LAST_YEAR}: mend its start")
    table = _long(labels, values, title, np.concatenate(when).astype("datetime64[us]"))
    told_of = f"a series in each line, a value every {every}: {len(labels):,} series"
    return ReadAs(table, how, {SERIES: SERIES, "targets": (VALUE,), TIME: TIME}, every, told_of)


def _long(
    labels: list[str], values: list[NDArray[np.float64]], title: str, when: NDArray[Any] | None = None
) -> LongTable:
    named = np.empty(len(labels), object)
    named[:] = labels
    columns = {SERIES: np.repeat(named, [len(own) for own in values])}
    columns |= {} if when is None else {TIME: when}
    return LongTable.of({**columns, VALUE: np.concatenate(values)}, title)


def _objects(source: Source, title: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(read_lines(source), start=1):
        if not line.strip():
            continue
        try:
            told = read_json(line.encode(), any_number=True)
        except ValueError as error:
            raise DataError(f"{title} row {number} is not JSON ({error}): give an object in each line") from None
        if not isinstance(told, dict):
            raise DataError(f"{title} row {number} is not an object: give one in each line, with start and target")
        yield number, told


def _is_value(told: Any) -> bool:
    return type(told) in (int, float) or _is_missing(told)


def _is_missing(told: Any) -> bool:
    return told is None or (isinstance(told, str) and is_nothing(told))


def _refuse_twice(labels: list[str], where: Any) -> None:
    seen: set[str] = set()
    for number, label in enumerate(labels):
        if label in seen:
            raise DataError(f"{where(number)}: series '{label[:40]}' is there twice: leave one out")
        seen.add(label)


def _refuse_beyond(labels: list[str], values: Iterable[NDArray[np.float64]], where: Any) -> None:
    for number, (label, own) in enumerate(zip(labels, values, strict=True)):
        if (huge := np.abs(own) > LARGEST).any():
            raise DataError(
                f"{where(number)}: series '{label[:40]}' holds {own[huge][0]:g}, beyond {LARGEST:g}: give it in a "
                "larger unit, or leave the cell empty"
            )


def _told_frequency(source: Source) -> Frequency | None:
    """Return how often a value comes, as the metadata next to a set of GluonTS say; None where nothing is said."""
    path = path_of(source)
    for folder in (path.parent, path.parent.parent):
        for name in METADATA:
            told = folder / name
            if told.is_file():
                return _frequency_in(told)
    return None


def _frequency_in(path: Path) -> Frequency | None:
    try:
        told = read_json(read_file(path, LARGEST_METADATA, DataError))
    except ValueError:
        return None
    text = told.get("freq") if isinstance(told, dict) else None
    found = PANDAS.fullmatch(text) if isinstance(text, str) else None
    unit = UNITS.get(found[2].lower()) if found else None
    return Frequency.read(f"{(found[1] if found else '') or 1} {unit}") if unit else None
