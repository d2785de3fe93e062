"""Rows of a table of series as they are read: when, of which series, and what each says, or why that cannot be."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.data.series.frequency import Frequency, Times
from statewise.data.series.grid import Ints, TimedRows
from statewise.data.series.series_columns import ROW, SeriesColumns, joined_time
from statewise.data.tables.clocks import Clock, from_clocks, on_clocks
from statewise.data.tables.columns import Unreadable, numbers, words
from statewise.data.tables.row_numbers import RowNumbers
from statewise.data.tables.table_format import TableFormat
from statewise.data.tables.tables import Source, column_names, read_table, title_of
from statewise.data.tables.times import TimeReader
from statewise.errors import DataError

LARGEST = 1e30
"Larger values are refused: 32-bit numbers do not hold their squares, or the numbers themselves."

NAME_TARGETS = "mend it, or name the columns to forecast with --target"


def read_rows(source: Source, columns: SeriesColumns, how: TableFormat, day_first: bool | None = None) -> TimedRows:
    """Read the rows of a table as they are. Raises `DataError` for times and values that cannot be."""
    title, reader = title_of(source), TimeReader(how, day_first=day_first)
    numeric = [*columns.targets, *columns.known, *columns.past]
    by_row = columns.time == ROW and ROW not in column_names(source, how)
    wanted: dict[str, Any] = {} if by_row else {columns.time: reader}
    if columns.together:
        wanted = dict.fromkeys(columns.together, words)
    wanted |= dict.fromkeys(columns.targets, partial(numbers, advice=NAME_TARGETS, how=how))
    wanted |= dict.fromkeys([*columns.known, *columns.past], partial(numbers, how=how))
    wanted |= dict.fromkeys([*([columns.series] if columns.series else []), *columns.static], words)
    read, numbered = read_table(source, wanted, how)
    count = len(next(iter(read.values())))
    if not count:
        raise DataError(f"{title} has no rows: give a table with some")
    for name in numeric:
        _refuse_size(read[name], f"{title} row {{}}: column '{name}'", numbered)
    codes, series = _codes(read.pop(columns.series)) if columns.series else (np.zeros(count, np.int64), [""])
    is_steps = by_row or reader.kind == "numbers"
    if columns.together:
        read[columns.time] = _together(columns, read, reader, title, numbered)
    when = _counted(codes) if by_row else read.pop(columns.time)
    parts = np.flatnonzero(when != when.astype("datetime64[s]"))
    if len(parts):
        what = "a part of a step" if is_steps else f"{when[parts[0]]}, finer than a second"
        raise DataError(
            f"{title} row {numbered(parts[0])}: column '{columns.time}' says {what}: count rows as steps, by --time row"
        )
    zone = how.time_zone if not is_steps else None
    rows = TimedRows(
        title,
        series,
        columns.targets,
        when.astype("datetime64[s]"),
        codes,
        read,
        np.arange(count),
        numbered,
        Clock(zone, is_steps, reader.day_first),
    )
    return rows if zone is None or reader.has_offsets else _from_clocks(rows, zone)


def _refuse_size(column: NDArray[Any], where: str, rows: RowNumbers) -> None:
    endless = np.flatnonzero(np.isinf(column))
    if len(endless):
        raise DataError(f"{where.format(rows.named(endless))} is infinite: leave the cell empty")
    huge = np.flatnonzero(np.abs(column) > LARGEST)
    if len(huge):
        raise DataError(
            f"{where.format(rows.named(huge))} holds {column[huge[0]]:g}, beyond {LARGEST:g}: give it in a larger "
            "unit, or leave the cell empty"
        )


def _together(
    columns: SeriesColumns, read: dict[str, NDArray[Any]], reader: TimeReader, title: str, rows: RowNumbers
) -> NDArray[Any]:
    """Return the times that several columns say together, and take those out of what was read."""
    parts = zip(*(read.pop(name) for name in columns.together), strict=True)
    try:
        return reader([joined_time(columns.together, cells) for cells in parts])
    except Unreadable as bad:
        raise DataError(f"{title} row {rows(bad.index)}: column '{columns.time}' {bad.words}") from None


def _counted(codes: Ints) -> Times:
    """Return how many rows of its series came before each row, as times."""
    order = np.argsort(codes, kind="stable")
    firsts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    counted = np.empty(len(codes), np.int64)
    counted[order] = np.arange(len(codes)) - np.repeat(firsts, np.diff(firsts, append=len(codes)))
    return counted.astype("datetime64[s]")


def _from_clocks(rows: TimedRows, zone: str) -> TimedRows:
    """Bring what clocks showed to UTC: what they showed twice is first the one and then the other, as rows come."""
    position = np.arange(len(rows))
    if (np.diff(rows.when).astype(np.int64) < 0).sum() > len(rows) / 2:
        position = position[::-1]  # the newest row comes first
    order = np.lexsort((position, rows.when, rows.codes))
    later = np.zeros(len(rows), np.bool_)
    later[order[1:]] = (np.diff(rows.codes[order]) == 0) & (rows.when[order[1:]] == rows.when[order[:-1]])
    found = from_clocks(rows.when, zone, later)
    never = np.flatnonzero(found.never)
    if len(never):
        raise DataError(
            f"{rows.title} row {rows.named(never)}: clocks of {zone} never showed {rows.when[never[0]]}, for they were "
            "put forward then: mend it, or give another --time-zone"
        )
    return replace(rows, when=found.utc)


def at_clocks(rows: TimedRows, frequency: Frequency | None, how: TableFormat) -> TimedRows:
    """Return rows whose times are those of clocks where values come daily or more rarely: a day has no offset."""
    zone = rows.clock.zone
    if zone is None:
        return rows
    shown = on_clocks(rows.when, zone)
    of_day = shown - shown.astype("datetime64[D]")
    is_daily = frequency.is_daily if frequency else bool((of_day == of_day[0]).all())
    return replace(rows, when=shown, clock=replace(rows.clock, zone=None)) if is_daily else rows


def _codes(labels: NDArray[Any]) -> tuple[Ints, list[str]]:
    """Return each label's number, in order of first appearance, and the labels."""
    known: dict[str, int] = {}
    codes = np.fromiter((known.setdefault(label, len(known)) for label in labels), np.int64, len(labels))
    return codes, list(known)
