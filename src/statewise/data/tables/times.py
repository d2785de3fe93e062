"""A column of times: however they are written, all are read in one way, and the unit of numbers is found."""

import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from statewise.data.tables.columns import NOTHING, PLAIN, SHOWN, Column, Unreadable, text_of
from statewise.data.tables.moments import SHORT_YEAR, day_and_month, format_of, read_moment
from statewise.data.tables.table_format import TableFormat

Kind = Literal["times", "numbers"]

ADVICE = "write it as 2026-11-25 15:00 or in Unix seconds, or say how times are written by --time-format"
TIME = "datetime64[us]"
SECONDS, MILLISECONDS, MICROSECONDS, NANOSECONDS = 1, 10**3, 10**6, 10**9
UNITS = ((1e11, SECONDS), (1e14, MILLISECONDS), (1e17, MICROSECONDS), (1e20, NANOSECONDS))
"Numbers are in the unit in which they lie between 1970 and a few thousand years later."
NAMES = {SECONDS: "seconds", MILLISECONDS: "milliseconds", MICROSECONDS: "microseconds", NANOSECONDS: "nanoseconds"}
EPOCH = 1e8
"Smaller numbers are not Unix time of a series: they are steps."
COMPACT = {4: (1000, 2999), 6: (1800, 2200), 8: (1800, 2200), 10: (1900, 2100), 12: (1900, 2100), 14: (1900, 2100)}
"Numbers of so many digits are dates without marks where nearly all of them can be, in these years."
MOST_ODD = 0.1
LEAST_PARTS = (1, 1, 0, 0, 0)
"The month, day, hour, minute and second of a date that does not name them."
SHORTEST = 7
"No time with hyphens that NumPy reads has fewer characters; `now` and `today` do."


class InUTC(np.ndarray[Any, Any]):
    """Times of a file that says that they are in UTC."""


class TimeReader:
    """Reads a column of times, some cells at a time, as `datetime64[us]`; what is found at first holds for all of it.

    `kind` becomes `numbers` where they are neither dates nor Unix times, but numbers of something: then number n is n
    seconds after 1970, with `plain_numbers` however large it is. `has_offsets` becomes true where they are in UTC
    since each had an offset or was a Unix time, `day_first` where a day and a month were told apart.
    """

    def __init__(self, how: TableFormat = PLAIN, *, day_first: bool | None = None) -> None:
        self.how, self.day_first = how, day_first
        self.kind: Kind = "times"
        self.has_offsets: bool | None = None
        self._unit: int | None = None
        self._read: Callable[[NDArray[np.float64]], Column] | None = None

    def __call__(self, cells: Any) -> Column:
        """Return cells as times. Raises `Unreadable` for the first that is none, or is written in another way."""
        if not len(cells):
            return np.empty(0, TIME)
        if isinstance(cells[0], np.datetime64):
            return self._given(np.asanyarray(cells))
        if self.how.time_format is not None:
            return self._each(cells, self._as_said)
        numbers = _as_numbers(cells)
        if numbers is not None and self._unit is None and self._read is None and self.has_offsets is None:
            self._settle(numbers)
        if numbers is not None and self._read is not None:
            return self._read(numbers)
        return self._texts(cells)

    def _given(self, given: Column) -> Column:
        found = given.astype(TIME)
        if np.isnat(found).any():
            raise Unreadable(int(np.isnat(found).argmax()), "is empty where a time was wanted")
        years = found.astype("datetime64[Y]").astype(np.int64) + 1970
        if ((years < 1) | (years > 9998)).any():
            raise Unreadable(int(((years < 1) | (years > 9998)).argmax()), "is not a time of years 1 to 9998")
        self._takes_offset(0, isinstance(given, InUTC))
        return np.asarray(found)

    def _settle(self, numbers: NDArray[np.float64]) -> None:
        """Choose how numbers are meant, by all of them that come at first."""
        digits = len(f"{numbers[0]:.0f}")
        if digits in COMPACT and np.isnat(_compact(numbers, digits)).mean() < MOST_ODD:
            self.has_offsets, self._read = False, partial(_from_compact, digits=digits)
        elif float(np.median(np.abs(numbers))) >= EPOCH:
            self.has_offsets, self._read = True, self._unix
        else:
            self.kind, self.has_offsets, self._read = "numbers", True, self._unix

    def _unix(self, numbers: NDArray[np.float64]) -> Column:
        units = np.zeros(len(numbers))
        for largest, unit in reversed(UNITS):
            units[np.abs(numbers) < largest] = unit
        self._unit = self._unit or int(units[0])
        odd = np.flatnonzero((units != self._unit) | (units == 0))
        if len(odd):
            i = int(odd[0])
            found, before = NAMES.get(int(units[i]), "no unit of time"), NAMES.get(self._unit, "no unit of time")
            differ = f"is in {found} where those above are in {before}" if units[i] else "is not a time"
            raise Unreadable(i, f"holds {numbers[i]:.15g}, which {differ}: bring all to one unit")
        return (numbers * (MICROSECONDS / self._unit)).round().astype(np.int64).astype(TIME)

    def _texts(self, cells: Sequence[Any]) -> Column:
        first = str(cells[0]).strip()
        if first[4:5] == "-" and self.has_offsets is not True:
            fast = _fast(cells)
            if fast is not None:
                self.has_offsets = False
                return fast
        numbers = [day_and_month(text_of(cell)) for cell in cells] if day_and_month(first) else []
        if numbers and self.day_first is None:
            self.day_first = _is_day_first(first, numbers)
        return self._each(cells, self._guessed)

    def _each(self, cells: Sequence[Any], read: Callable[[str], datetime]) -> Column:
        known: dict[str, datetime] = {}
        found = []
        for i, cell in enumerate(cells):
            text = text_of(cell).strip()
            if text not in known:
                known[text] = self._one(i, text, read)
            found.append(known[text])
        return np.array(found, dtype=TIME)

    def _one(self, index: int, text: str, read: Callable[[str], datetime]) -> datetime:
        if text.lower() in NOTHING:
            raise Unreadable(index, "is empty where a time was wanted")
        try:
            moment = read(text)
            self._takes_offset(index, moment.tzinfo is not None)
            return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        except (ValueError, OverflowError):
            raise Unreadable(index, f"holds {text[:SHOWN]!r}, which is not a time{self._advice(text)}") from None

    def _takes_offset(self, index: int, has: bool) -> None:
        if self.has_offsets is None:
            self.has_offsets = has
        if self.has_offsets != has:
            has_not = "an offset from UTC, where those above have none" if has else "no offset from UTC, as others have"
            raise Unreadable(index, f"has {has_not}: write all times alike")

    def _as_said(self, text: str) -> datetime:
        assert self.how.time_format is not None
        return datetime.strptime(text, self.how.time_format)

    def _guessed(self, text: str) -> datetime:
        if self.day_first is None and day_and_month(text):  # the first was written in another way
            raise ValueError(text)
        return read_moment(text, day_first=bool(self.day_first))

    def _advice(self, text: str) -> str:
        if self.how.time_format is not None:
            return f" written as --time-format {self.how.time_format!r} says: mend it, or give another"
        if SHORT_YEAR.match(text):
            return ", for its year has two digits: give --time-format, as '%d.%m.%y'"
        if day_and_month(text) and self.day_first is not None:
            order = "the day before the month" if self.day_first else "the month before the day"
            return f" with {order}, as others have it: mend it, or give --time-format"
        return f": {ADVICE}"


def times(cells: Sequence[Any], how: TableFormat = PLAIN) -> Column:
    """Return cells as `datetime64[s]`, in whatever way they are written; those with an offset become UTC.

    >>> times(["2026-11-25T15:00:00+01:00", "2026-11-25T14:00:00Z"])
    array(['2026-11-25T14:00:00', '2026-11-25T14:00:00'],
          dtype='datetime64[s]')
    """
    return TimeReader(how)(cells).astype("datetime64[s]")


def _as_numbers(cells: Sequence[Any]) -> NDArray[np.float64] | None:
    """Return cells as numbers where all of them are plain ones."""
    if not _is_number(cells[0]):
        return None
    try:
        found = np.asarray(cells, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        odd = next(i for i, cell in enumerate(cells) if not _is_number(cell))
        text = text_of(cells[odd]).strip()
        if text.lower() in NOTHING:
            raise Unreadable(odd, "is empty where a time was wanted") from None
        raise Unreadable(
            odd, f"holds {text[:SHOWN]!r}, which is not a number as those above are: mend it, or leave out the row"
        ) from None
    if not np.isfinite(found).all():
        bad = int((~np.isfinite(found)).argmax())
        raise Unreadable(bad, "is empty where a time was wanted" if np.isnan(found[bad]) else "is not a time")
    return found


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError, OverflowError):
        return False
    return str(cell).strip()[:1] in "+-.0123456789"


def _compact(numbers: NDArray[np.float64], digits: int) -> Column:
    """Return dates without marks, as 20261125, where they are such, and NaT where they are not."""
    least, largest = COMPACT[digits]
    is_whole = (numbers == np.round(numbers)) & (numbers > 0) & (numbers < 10**digits)
    left = np.where(is_whole, numbers, 0).astype(np.int64)
    parts: list[NDArray[np.int64]] = []
    for _ in range((digits - 4) // 2):
        left, part = np.divmod(left, 100)
        parts.insert(0, part)
    absent = (np.full_like(left, least_part) for least_part in LEAST_PARTS[len(parts) :])
    fields = [*parts, *absent]
    month, day, hour, minute, second = fields
    good = is_whole & (left >= least) & (left <= largest) & (month >= 1) & (month <= 12)
    months = (np.where(good, left, 1970) - 1970) * 12 + np.where(good, month, 1) - 1
    begin, end = ((months + i).astype("datetime64[M]").astype("datetime64[D]") for i in (0, 1))
    good &= (day >= 1) & (day <= (end - begin).astype(np.int64)) & (hour < 24) & (minute < 60) & (second < 60)
    seconds = (((day - 1) * 24 + hour) * 60 + minute) * 60 + second
    found = begin.astype(TIME) + (seconds * MICROSECONDS).astype("timedelta64[us]")
    return np.where(good, found, np.datetime64("NaT", "us"))


def _from_compact(numbers: NDArray[np.float64], digits: int) -> Column:
    found = _compact(numbers, digits)
    if np.isnat(found).any():
        bad = int(np.isnat(found).argmax())
        raise Unreadable(bad, f"holds '{numbers[bad]:.15g}', which is not a time as those above: mend it")
    return found


def _fast(cells: Sequence[Any]) -> Column | None:
    """Return ISO 8601 without offsets as NumPy reads it, None where it does not read all of it."""
    if not all(isinstance(cell, str) for cell in cells) or min(map(len, cells)) < SHORTEST:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an offset, which numpy would read with a warning
        try:
            found = np.array(cells, dtype=TIME)
        except (TypeError, ValueError, Warning):
            return None
    return None if np.isnat(found).any() else found


def _is_day_first(first: str, numbers: Sequence[tuple[int, int, str] | None]) -> bool:
    """Find out whether the day or the month comes first, by those that can be one of them only."""
    given = [number for number in numbers if number is not None]
    if any(one > 12 for one, _, _ in given):
        return True
    if any(two > 12 for _, two, _ in given):
        return False
    if all(mark == "." for _, _, mark in given):
        return True
    one, two = format_of(first, day_first=True), format_of(first, day_first=False)
    raise Unreadable(
        0,
        f"holds {first[:SHOWN]!r}, where day and month may be either way round: give --time-format '{one}' or '{two}'",
    )
