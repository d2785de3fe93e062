"""A panel: many series on one grid of time, each a stretch of the same long arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.series.frequency import Frequency, Times
from statewise.data.series.grid import (
    Rule,
    TimedRows,
    common_frequency,
    joined,
    places_of,
    sorted_rows,
    without_repeats,
)
from statewise.data.series.series_columns import ROW, SeriesColumns
from statewise.data.series.series_rows import at_clocks, read_rows
from statewise.data.tables.clocks import Clock
from statewise.data.tables.columns import PLAIN
from statewise.data.tables.table_format import TableFormat
from statewise.data.tables.tables import Source
from statewise.errors import DataError, UsageError

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@final
@dataclass(frozen=True)
class Panel:
    """Series as stretches of long arrays: series `i` has its values from `begins[i]` to `begins[i + 1]`.

    `places` is where on the grid each begins, `origin` the time of place 0. A value that is missing is NaN, and so are
    values ahead of which only the known covariates are given.
    Shapes: `values` `[N]`, `known` `[N, K]`, `past` `[N, P]`, `static` `[series, columns]` of words.
    """

    columns: SeriesColumns
    frequency: Frequency
    origin: np.datetime64
    names: tuple[str, ...]
    begins: Ints
    places: Ints
    values: Floats
    known: Floats
    past: Floats
    static: NDArray[Any]
    clock: Clock = field(default=Clock())
    notices: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.names)

    def length(self, series: int) -> int:
        """Return how many places a series has."""
        return int(self.begins[series + 1] - self.begins[series])

    def part(self, series: int) -> slice:
        """Return where the values of a series lie."""
        return slice(int(self.begins[series]), int(self.begins[series + 1]))

    @property
    def lengths(self) -> Ints:
        """How many places each series has."""
        return np.diff(self.begins)

    @property
    def end(self) -> int:
        """The place on the grid after the last of all series."""
        return int((self.places + self.lengths).max())

    def times(self, place: int, count: int) -> Times:
        """Return the times of some places on the grid."""
        return self.frequency.times(self.origin, place, count)

    def holes(self) -> tuple[int, int | None]:
        """Return how many values are missing before the last of each series, and the earliest place of one."""
        ends = self.observed()
        empty = [np.flatnonzero(np.isnan(self.values[self.part(i)][: ends[i]])) for i in range(len(self))]
        first = [int(self.places[i] + found[0]) for i, found in enumerate(empty) if len(found)]
        return sum(map(len, empty)), min(first, default=None)

    def observed(self) -> Ints:
        """Return for each series how many places it has up to the last that is not NaN."""
        return np.array([_last_number(self.values[self.part(i)]) for i in range(len(self))], dtype=np.int64)

    def count(self, ends: Ints) -> int:
        """Return how many values there are, that are not NaN, before a place within each series."""
        return sum(int((~np.isnan(self.values[self.part(i)][:end])).sum()) for i, end in enumerate(ends.clip(0)))


def read_panel(
    source: Source,
    columns: SeriesColumns,
    frequency: Frequency | None = None,
    how: TableFormat = PLAIN,
    aggregate: Rule | None = None,
    day_first: bool | None = None,
) -> Panel:
    """Read a table, long or wide, as a panel.

    Rows come in any order. Equal rows of one time count once, unequal ones are refused, as are infinite and huge
    values, times off the grid or far from all others, and series without a number. Places that are missing become NaN.
    With `aggregate` all rows of one step are joined. `day_first` settles what may be a day or a month.
    Raises `DataError` with the rows in question, `UsageError` for columns that are not there.
    """
    rows, notices = read_rows(source, columns, how, day_first), []
    rows = sorted_rows(at_clocks(rows, frequency, how))
    if aggregate:
        count, every = len(rows), frequency or common_frequency(_distinct(rows))
        rows = joined(rows, every, aggregate, [*columns.targets, *columns.known, *columns.past])
        notices += [f"{count:,} rows are joined into {len(rows):,} of {every}: the {aggregate} of each"]
        frequency = every
    else:
        rows, repeated = without_repeats(rows)
        notices += [f"{repeated} repeated rows count once"] if repeated else []
    if columns.time == ROW and rows.clock.is_steps:
        notices += ["without times each row is a step"]
    if frequency and (frequency.unit == "step") != rows.clock.is_steps:
        has = "steps, not times" if rows.clock.is_steps else "times, not steps"
        raise UsageError(f"{rows.title} has {has}, where a value was said to come every {frequency}: give one like it")
    return _on_grid(rows, columns, frequency or common_frequency(rows), tuple(notices))


def _distinct(rows: TimedRows) -> TimedRows:
    again = (np.diff(rows.codes, prepend=-1) == 0) & (np.diff(rows.when, prepend=rows.when[:1]).astype(np.int64) == 0)
    return rows.take(np.flatnonzero(~again))


def _on_grid(rows: TimedRows, columns: SeriesColumns, frequency: Frequency, notices: tuple[str, ...]) -> Panel:
    origin, edges = rows.when.min(), rows.edges
    spots = places_of(rows, frequency, origin)
    first = spots[edges[:-1]]
    counts = spots[edges[1:] - 1] - first + 1
    targets, total = columns.targets, int(counts.sum())
    begins = np.concatenate([[0], np.cumsum(counts)])
    at = np.repeat(begins[:-1], np.diff(edges)) + spots - np.repeat(first, np.diff(edges))

    def laid(names: Sequence[str]) -> Floats:
        grid = np.full((total, len(names)), np.nan, np.float32)
        for i, name in enumerate(names):
            grid[at, i] = rows.cells[name]
        return grid

    held = [rows.series[rows.codes[edge]] for edge in edges[:-1]]
    label = "{target}" if held == [""] else "{series} {target}" if len(targets) > 1 else "{series}"
    titles = tuple(label.format(series=series, target=target) for target in targets for series in held)
    statics = np.array([[str(rows.cells[n][edge]) for n in columns.static] for edge in edges[:-1]])
    copies = len(targets)
    known, past = laid(columns.known), laid(columns.past)
    panel = Panel(
        columns,
        frequency,
        origin,
        titles,
        np.concatenate([begins[:-1] + i * total for i in range(copies)] + [[copies * total]]),
        np.tile(first, copies),
        laid(targets).T.reshape(-1).copy(),
        np.tile(known, (copies, 1)) if copies > 1 else known,
        np.tile(past, (copies, 1)) if copies > 1 else past,
        np.tile(statics.reshape(len(held), -1), (copies, 1)),
        rows.clock,
        notices,
    )
    _refuse_nothing(panel, rows.title)
    return panel


def _refuse_nothing(panel: Panel, title: str) -> None:
    missing = np.isnan(panel.values)
    empty = [panel.names[i] for i in range(len(panel)) if missing[panel.part(i)].all()]
    if empty:
        shown = ", ".join(f"'{name}'" for name in empty[:3]) + (" and more" if len(empty) > 3 else "")
        raise DataError(f"{title}: series {shown} holds no number: leave it out")


def _last_number(values: Floats) -> int:
    found = np.flatnonzero(~np.isnan(values))
    return int(found[-1]) + 1 if len(found) else 0
