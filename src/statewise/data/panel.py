"""A panel: many series on one grid of time, each a stretch of the same long arrays."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.frequency import Frequency, Times, infer_frequency
from statewise.data.tables import Source, column_names, numbers, read_columns, rows_of, times, title_of, words
from statewise.errors import DataError, UsageError

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@final
@dataclass(frozen=True)
class Columns:
    """What the columns of a table are: the time, one or more targets, and what may be known of each series besides.

    With several targets each is a series of its own, named after its column. `known` are known ahead of time, `past`
    only once they have been seen; `static` are the same throughout a series.
    """

    time: str
    targets: tuple[str, ...]
    series: str | None = None
    known: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    static: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the roles as plain values."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in vars(self).items()}

    @classmethod
    def read(cls, written: Mapping[str, Any]) -> "Columns":
        """Return roles that were written down."""
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in written.items()}
        return cls(**values)


@final
@dataclass(frozen=True)
class Panel:
    """Series as stretches of long arrays: series `i` has its values from `begins[i]` to `begins[i + 1]`.

    `places` is where on the grid each begins, `origin` the time of place 0. A value that is missing is NaN, and so are
    values ahead of which only the known covariates are given.
    Shapes: `values` `[N]`, `known` `[N, K]`, `past` `[N, P]`, `static` `[series, columns]` of words.
    """

    columns: Columns
    frequency: Frequency
    origin: np.datetime64
    names: tuple[str, ...]
    begins: Ints
    places: Ints
    values: Floats
    known: Floats
    past: Floats
    static: NDArray[Any]
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
        """The place on the grid behind the last of all series."""
        return int((self.places + self.lengths).max())

    def times(self, place: int, count: int) -> Times:
        """Return the times of some places on the grid."""
        return self.frequency.times(self.origin, place, count)

    def observed(self) -> Ints:
        """Return for each series how many places it has up to the last that is no NaN."""
        return np.array([_last_number(self.values[self.part(i)]) for i in range(len(self))], dtype=np.int64)

    def count(self, ends: Ints) -> int:
        """Return how many values there are, that are no NaN, before a place within each series."""
        return sum(int((~np.isnan(self.values[self.part(i)][:end])).sum()) for i, end in enumerate(ends.clip(0)))


def guess_columns(source: Source, columns: Mapping[str, Any]) -> Columns:
    """Return the roles of the columns, where not all of them were given: the time is called so, or comes first.

    Raises `UsageError` where the target cannot be guessed.
    """
    names = column_names(source)
    time = columns.get("time") or next((n for n in names if n.lower() in TIME_NAMES), names[0])
    given = {key: tuple(columns.get(key) or ()) for key in ("known", "past", "static")}
    taken = {time, columns.get("series"), *(name for group in given.values() for name in group)}
    targets = tuple(columns.get("targets") or ())
    if not targets:
        left = [name for name in names if name not in taken and name]
        if not left or (columns.get("series") and len(left) > 1):
            raise UsageError(f"{title_of(source)} has columns {', '.join(names)}: name the target, as in --target NAME")
        targets = tuple(left)
    twice = [name for name in targets if name in taken]
    if twice:
        raise UsageError(f"column '{twice[0]}' is given both as a target and as something else: give one of them")
    return Columns(time, targets, columns.get("series"), **given)


TIME_NAMES = {"time", "date", "datetime", "timestamp", "ds", "date_time", "datetime_gmt", "month", "day", "year"}


def read_panel(source: Source, columns: Columns, frequency: Frequency | None = None) -> Panel:
    """Read a table, long or wide, as a panel.

    Rows come in any order. Equal rows of one time count once, unequal ones are refused, as are infinite values, times
    off the grid, and series without a number. Places that are missing become NaN.
    Raises `DataError` with the rows in question, `UsageError` for columns that are not there.
    """
    title = title_of(source)
    numeric = [*columns.targets, *columns.known, *columns.past]
    wanted: dict[str, Any] = {columns.time: times, **dict.fromkeys(numeric, numbers)}
    wanted |= dict.fromkeys([*([columns.series] if columns.series else []), *columns.static], words)
    read = read_columns(source, wanted)
    when = read.pop(columns.time)
    if not len(when):
        raise DataError(f"{title} has no rows: give a table with some")
    for name in numeric:
        endless = np.flatnonzero(np.isinf(read[name]))
        if len(endless):
            raise DataError(f"{title} row {rows_of(endless)}: column '{name}' is infinite: leave the cell empty")
    codes, names = _codes(read.pop(columns.series)) if columns.series else (np.zeros(len(when), np.int64), [""])
    return _on_grid(_Rows(title, columns, when, codes, names, read), frequency)


@dataclass(frozen=True)
class _Rows:
    title: str
    columns: Columns
    when: Times
    codes: Ints
    names: Sequence[str]
    cells: dict[str, NDArray[Any]]


def _on_grid(rows: _Rows, frequency: Frequency | None) -> Panel:
    order = np.lexsort((rows.when, rows.codes))
    if len(order) > 1 and (np.diff(order) == 1).all():
        order = np.arange(len(order))
    when, codes = rows.when[order], rows.codes[order]
    order, repeated = _without_repeats(rows, order, when, codes)
    when, codes = rows.when[order], rows.codes[order]
    edges = np.flatnonzero(np.diff(codes, prepend=-1, append=-1))
    frequency = frequency or _common_frequency(rows, when, edges, order)
    origin = when.min()
    spots = frequency.places(when, origin)
    _check_grid(rows, frequency, when, spots, origin, order)
    first = spots[edges[:-1]]
    counts = spots[edges[1:] - 1] - first + 1
    targets, total = rows.columns.targets, int(counts.sum())
    begins = np.concatenate([[0], np.cumsum(counts)])
    at = np.repeat(begins[:-1], np.diff(edges)) + spots - np.repeat(first, np.diff(edges))

    def laid(names: Sequence[str]) -> Floats:
        grid = np.full((total, len(names)), np.nan, np.float32)
        for i, name in enumerate(names):
            grid[at, i] = rows.cells[name][order]
        return grid

    held = [rows.names[codes[edge]] for edge in edges[:-1]]
    label = "{target}" if held == [""] else "{series} {target}" if len(targets) > 1 else "{series}"
    titles = tuple(label.format(series=series, target=target) for target in targets for series in held)
    statics = np.array([[str(rows.cells[n][order[edge]]) for n in rows.columns.static] for edge in edges[:-1]])
    copies = len(targets)
    known, past = laid(rows.columns.known), laid(rows.columns.past)
    panel = Panel(
        rows.columns,
        frequency,
        origin,
        titles,
        np.concatenate([begins[:-1] + i * total for i in range(copies)] + [[copies * total]]),
        np.tile(first, copies),
        laid(targets).T.reshape(-1).copy(),
        np.tile(known, (copies, 1)) if copies > 1 else known,
        np.tile(past, (copies, 1)) if copies > 1 else past,
        np.tile(statics.reshape(len(held), -1), (copies, 1)),
        ((f"{repeated} repeated rows count once",) if repeated else ()),
    )
    _refuse_nothing(panel, rows.title)
    return panel


def _refuse_nothing(panel: Panel, title: str) -> None:
    missing = np.isnan(panel.values)
    empty = [panel.names[i] for i in range(len(panel)) if missing[panel.part(i)].all()]
    if empty:
        shown = ", ".join(f"'{name}'" for name in empty[:3]) + (" and more" if len(empty) > 3 else "")
        raise DataError(f"{title}: series {shown} holds no number: leave it out")


def _without_repeats(rows: _Rows, order: Ints, when: Times, codes: Ints) -> tuple[Ints, int]:
    again = np.flatnonzero((np.diff(codes) == 0) & (when[1:] == when[:-1])) + 1
    if not len(again):
        return order, 0
    for name in rows.columns.targets:
        values = rows.cells[name][order]
        differ = again[
            ~((values[again] == values[again - 1]) | (np.isnan(values[again]) & np.isnan(values[again - 1])))
        ]
        if len(differ):
            where, at = rows_of(np.sort(order[differ])), when[differ[0]]
            named = " (name the column that tells series apart with --series)" if rows.columns.series is None else ""
            raise DataError(
                f"{rows.title} row {where}: '{name}' has another value at {at} already: keep one of them{named}"
            )
    return np.delete(order, again), len(again)


def _common_frequency(rows: _Rows, when: Times, edges: Ints, order: Ints) -> Frequency:
    found: Frequency | None = None
    whose = ""
    for begin, end in itertools.pairwise(edges):
        name = rows.names[rows.codes[order[begin]]]
        title = f"{rows.title}, series '{name}'" if name else rows.title
        own = infer_frequency(when[begin:end], title)
        if found is not None and own != found:
            raise DataError(
                f"{rows.title}: series '{whose}' has a value every {found} and '{name}' every {own}: "
                "bring them to one frequency, or forecast them apart"
            )
        found, whose = own, whose or name
    assert found is not None
    return found


def _check_grid(
    rows: _Rows, frequency: Frequency, when: Times, spots: Ints, origin: np.datetime64, order: Ints
) -> None:
    if frequency.unit == "mo":
        return
    distinct, inverse = np.unique(spots, return_inverse=True)
    low = int(distinct[0])
    meant = frequency.times(origin, low, int(distinct[-1]) - low + 1)[distinct - low][inverse]
    off = np.flatnonzero(meant != when)
    if len(off):
        raise DataError(
            f"{rows.title} row {rows_of(np.sort(order[off]))}: {when[off[0]]} is not on the grid of every {frequency} "
            f"from {origin}: bring the times to one frequency"
        )


def _codes(labels: NDArray[Any]) -> tuple[Ints, list[str]]:
    """Return each label's number, in order of first appearance, and the labels."""
    known: dict[str, int] = {}
    codes = np.fromiter((known.setdefault(label, len(known)) for label in labels), np.int64, len(labels))
    return codes, list(known)


def _last_number(values: Floats) -> int:
    found = np.flatnonzero(~np.isnan(values))
    return int(found[-1]) + 1 if len(found) else 0
