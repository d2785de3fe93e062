"""Rows of a table brought onto one grid of time: sorted, repeated ones found, gaps bounded, joined where asked."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from statewise.data.series.frequency import Frequency, Times, infer_frequency, usual_gap
from statewise.data.tables.clocks import Clock
from statewise.data.tables.row_numbers import RowNumbers
from statewise.errors import DataError

Ints = NDArray[np.int64]
Rule = Literal["sum", "mean", "last"]

FAR = 30
FARTHER = 10
FEW = 0.01
"Rows are lonely that are no more than this share, after a gap of more than FAR steps and FARTHER times any other."
MOST_PLACES = 30
FREE_PLACES = 100_000
"So many places of the grid are made for a row, and so many besides."


@dataclass(frozen=True)
class TimedRows:
    """Rows that say when, of which series, and the cells; `at` is where in the table each stands."""

    title: str
    series: Sequence[str]
    targets: tuple[str, ...]
    when: Times
    codes: Ints
    cells: dict[str, NDArray[Any]]
    at: Ints
    numbers: RowNumbers
    clock: Clock

    def __len__(self) -> int:
        return len(self.when)

    def take(self, which: Ints) -> "TimedRows":
        """Return some of the rows, in this order."""
        cells = {name: column[which] for name, column in self.cells.items()}
        return replace(self, when=self.when[which], codes=self.codes[which], cells=cells, at=self.at[which])

    def named(self, which: Iterable[int]) -> str:
        """Name some rows by their numbers in the table."""
        return self.numbers.named(np.sort(self.at[np.fromiter(which, np.int64)]))

    def shown(self, row: int) -> str:
        """Return the time of a row as text."""
        return ("step " if self.clock.is_steps else "") + self.clock.shown(self.when[row])

    @property
    def edges(self) -> Ints:
        """Where each series begins, and the end of the last, in rows that are sorted."""
        return np.flatnonzero(np.diff(self.codes, prepend=-1, append=-1))

    def stretches(self) -> Iterator[tuple[str, int, int]]:
        """Yield what each series is called in a message, and from where to where its rows lie."""
        for begin, end in itertools.pairwise(self.edges.tolist()):
            name = self.series[self.codes[begin]]
            yield (f"{self.title}, series '{name}'" if name else self.title), begin, end


def sorted_rows(rows: TimedRows) -> TimedRows:
    """Return rows by series, and each series by time."""
    order = np.lexsort((rows.when, rows.codes))
    return rows if bool((np.diff(order) == 1).all()) else rows.take(order)


def without_repeats(rows: TimedRows) -> tuple[TimedRows, int]:
    """Return sorted rows of which equal ones of one time count once, and how many were left out.

    Raises `DataError` where they differ, and says so where it is the night in which clocks are put back.
    """
    again = np.flatnonzero((np.diff(rows.codes) == 0) & (rows.when[1:] == rows.when[:-1])) + 1
    if not len(again):
        return rows, 0
    for name in rows.targets:
        values = rows.cells[name]
        are_equal = values[again] == values[again - 1]
        differ = again[~(are_equal | (np.isnan(values[again]) & np.isnan(values[again - 1])))]
        if len(differ):
            raise DataError(_repeated(rows, name, again, differ))
    return rows.take(np.delete(np.arange(len(rows)), again)), len(again)


def _repeated(rows: TimedRows, name: str, again: Ints, differ: Ints) -> str:
    where, at = f"{rows.title} row {rows.named(differ)}", rows.shown(int(differ[0]))
    if rows.clock.zone is None and not rows.clock.is_steps and _are_nights_of_change(rows.when[again]):
        return (
            f"{where}: {at} comes twice, as in the night in which clocks are put back: say whose clocks they are with "
            "--time-zone, as Europe/Berlin"
        )
    advice = "keep one of them, or say how to join them with --aggregate sum, mean or last"
    if len(rows.series) == 1 and not rows.series[0]:
        advice += " (or name the column that tells series apart with --series)"
    return f"{where}: '{name}' has another value at {at} already: {advice}"


def _are_nights_of_change(when: Times) -> bool:
    """Tell times that all lie in the first hours of Sundays in the months in which clocks are put back."""
    days = when.astype("datetime64[D]")
    hours = (when - days).astype("timedelta64[h]").astype(np.int64)
    months = days.astype("datetime64[M]").astype(np.int64) % 12 + 1
    are_sundays = (days.astype(np.int64) + 3) % 7 == 6  # 1970 began on a Thursday
    return bool((are_sundays & (hours < 4) & np.isin(months, (3, 4, 9, 10, 11))).all())


def common_frequency(rows: TimedRows) -> Frequency:
    """Return the frequency of all series. Raises `DataError` where they have several."""
    found: Frequency | None = None
    whose = ""
    for title, begin, end in rows.stretches():

        def named(places: Iterable[int], begin: int = begin) -> str:
            return rows.named(begin + int(place) for place in places)

        own = infer_frequency(rows.when[begin:end], title, named, is_steps=rows.clock.is_steps)
        name = rows.series[rows.codes[begin]]
        if found is not None and own != found:
            raise DataError(
                f"{rows.title}: series '{whose}' has a value every {found} and '{name}' every {own}: "
                "bring them to one frequency with --frequency and --aggregate, or forecast them apart"
            )
        found, whose = own, whose or name
    assert found is not None
    return found


def places_of(rows: TimedRows, frequency: Frequency, origin: np.datetime64) -> Ints:
    """Return the place on the grid of each sorted row.

    Raises `DataError` for rows far from all others, a grid that would be next to empty, rows that share a place, and
    times that lie between two.
    """
    places = frequency.places(rows.when, origin)
    for title, begin, end in rows.stretches():
        _refuse_lonely(rows, title, frequency, places[begin:end], begin)
    _refuse_emptiness(rows, frequency, places)
    _refuse_sharing(rows, frequency, places)
    _refuse_off_grid(rows, frequency, places, origin)
    return places


def _refuse_lonely(rows: TimedRows, title: str, frequency: Frequency, places: Ints, begin: int) -> None:
    """Refuse the first or last rows of a series where a gap as no other lies between them and the rest."""
    gaps = np.diff(places)
    if len(gaps) < 2:
        return
    widest = int(gaps.argmax())
    others = np.delete(gaps, widest)
    before, after = widest + 1, len(gaps) - widest
    is_few = min(before, after) <= max(1, FEW * len(places))
    if is_few and gaps[widest] > max(FAR, FARTHER * int(others.max())):
        lonely = range(begin, begin + before) if before <= after else range(begin + before, begin + len(places))
        raise DataError(
            f"{title} row {rows.named(lonely)}: {rows.shown(lonely[0])} lies {gaps[widest]:,} steps of {frequency} "
            "from all other times: mend it if it is mistyped, or leave it out"
        )


def _refuse_emptiness(rows: TimedRows, frequency: Frequency, places: Ints) -> None:
    """Refuse a grid of far more places than there are rows, before any of it is made."""
    edges = rows.edges
    counts = places[edges[1:] - 1] - places[edges[:-1]] + 1
    needed = max(int(counts.sum()), int(places.max() - places.min()) + 1)
    if needed <= MOST_PLACES * len(rows) + FREE_PLACES:
        return
    order = np.argsort(places, kind="stable")
    widest = int(np.diff(places[order]).argmax()) if counts.sum() < needed else -1
    if widest < 0:
        order, widest = np.arange(len(places)), int(np.where(np.diff(rows.codes) == 0, np.diff(places), 0).argmax())
    one, other = int(order[widest]), int(order[widest + 1])
    raise DataError(
        f"{rows.title}: {len(rows):,} rows would lie on {needed:,} steps of {frequency}; nothing lies between row "
        f"{rows.named([one])} ({rows.shown(one)}) and row {rows.named([other])} ({rows.shown(other)}): mend times that "
        "are mistyped, or give a longer --frequency"
    )


def _refuse_sharing(rows: TimedRows, frequency: Frequency, places: Ints) -> None:
    if frequency.unit == "b":
        weekend = np.flatnonzero(~np.is_busday(rows.when.astype("datetime64[D]")))
        if len(weekend):
            raise DataError(
                f"{rows.title} row {rows.named(weekend)}: {rows.shown(int(weekend[0]))} is a weekend, but values come "
                "from Monday to Friday: give --frequency 1d"
            )
    shared = np.flatnonzero((np.diff(rows.codes) == 0) & (np.diff(places) == 0))
    if len(shared):
        one = int(shared[0])
        raise DataError(
            f"{rows.title}: {len(shared):,} of {len(rows):,} rows share a step of {frequency} with the one before, as "
            f"rows {rows.named([one])} ({rows.shown(one)}) and {rows.named([one + 1])} ({rows.shown(one + 1)}): say "
            "how to join them with --aggregate sum, mean or last"
        )


def _refuse_off_grid(rows: TimedRows, frequency: Frequency, places: Ints, origin: np.datetime64) -> None:
    if frequency.unit == "mo":
        return
    distinct, inverse = np.unique(places, return_inverse=True)
    low = int(distinct[0])
    meant = frequency.times(origin, low, int(distinct[-1]) - low + 1)[distinct - low][inverse]
    off = np.flatnonzero(meant != rows.when)
    if len(off):
        raise DataError(
            f"{rows.title} row {rows.named(off)}: {rows.shown(int(off[0]))} is not on the grid of every {frequency} "
            f"from {rows.clock.shown(origin)}: bring the times to one frequency, or join them with --aggregate"
        )


def joined(rows: TimedRows, frequency: Frequency, rule: Rule, numeric: Sequence[str]) -> TimedRows:
    """Return sorted rows with all of one step as one, by a rule; covariates are means, or the last.

    A target's first and last step are left out where rows are missing from it: half a month is not a month.
    """
    begins = frequency.floor(rows.when)
    moves = np.diff(begins, prepend=begins[:1]).astype(np.int64)
    starts = np.flatnonzero((np.diff(rows.codes, prepend=-1) != 0) | (moves != 0))
    cells = {}
    for name, column in rows.cells.items():
        if name not in numeric:
            cells[name] = column[starts]
            continue
        how: Rule = "mean" if rule == "sum" and name not in rows.targets else rule
        cells[name] = _by_rule(column, starts, how)
        if name in rows.targets:
            _leave_out_parts(cells[name], column, rows, frequency, starts)
    return replace(rows, when=begins[starts], codes=rows.codes[starts], cells=cells, at=rows.at[starts])


def _by_rule(column: NDArray[Any], starts: Ints, rule: Rule) -> NDArray[Any]:
    there = ~np.isnan(column)
    counts = np.add.reduceat(there.astype(np.int64), starts)
    if rule == "last":
        last = np.maximum.reduceat(np.where(there, np.arange(len(column)), -1), starts)
        return np.where(counts > 0, column[last], np.nan)
    sums = np.add.reduceat(np.where(there, column, 0.0), starts)
    return np.where(counts > 0, sums / np.where(rule == "mean", np.maximum(counts, 1), 1), np.nan)


def _leave_out_parts(
    joined_column: NDArray[Any], column: NDArray[Any], rows: TimedRows, frequency: Frequency, starts: Ints
) -> None:
    """Empty the first and the last step of each series that have a value where rows of them are missing."""
    for _, begin, end in rows.stretches():
        seen, distinct = begin + np.flatnonzero(~np.isnan(column[begin:end])), np.unique(rows.when[begin:end])
        if not len(seen) or len(distinct) < 2:
            continue
        own = np.timedelta64(usual_gap(distinct), "s")
        first, last = rows.when[seen[0]], rows.when[seen[-1]]
        next_begin = frequency.times(frequency.floor(np.array([last]))[0], 1, 1)[0]
        inside = np.searchsorted(starts, [seen[0], seen[-1]], side="right") - 1
        if first - frequency.floor(np.array([first]))[0] >= own:
            joined_column[inside[0]] = np.nan
        if next_begin - last > own:
            joined_column[inside[1]] = np.nan
