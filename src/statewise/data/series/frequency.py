"""How often a series is observed: found from its times, and counted in."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from statewise.errors import DataError, UsageError

Times = NDArray[np.datetime64]

SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}
MONTHS = {"mo": 1, "q": 3, "y": 12}
DAY, WEEK = SECONDS["d"], SECONDS["w"]
MOST_YEARS = 100
YEARS = {
    **{unit: seconds / (365 * DAY) for unit, seconds in SECONDS.items()},
    **{unit: months / 12 for unit, months in MONTHS.items()},
    "b": 1 / 260,
    "step": 1 / (365 * DAY),
}
"About how much of a year a unit is."
NAMES = {1: "s", 60: "min", 3600: "h", 86400: "d", 604800: "w"}
MONDAY = np.datetime64("1970-01-05", "s")
"Weeks, and what is not part of a day, are counted from a Monday."


@final
@dataclass(frozen=True)
class Frequency:
    """Every `count` units: seconds `s`, business days `b` (Monday to Friday), months `mo`, or `step`s without times.

    Step n stands as the time n seconds after 1970.

    >>> str(Frequency("s", 3600)), str(Frequency("mo", 3)), str(Frequency("b", 1))
    ('1 h', '3 mo', '1 b')
    """

    unit: str
    count: int

    @classmethod
    def read(cls, text: str) -> "Frequency":
        """Return a frequency as `str` writes it: `1 h`, `30min`, `1 b`.

        Raises `UsageError` for what is none, and for a value in more than a hundred years.
        """
        count, unit = _amount(text)
        if count * YEARS[unit] > MOST_YEARS:
            raise UsageError(
                f"a value every {text.strip()} is less than one in {MOST_YEARS} years: give a shorter time"
            )
        if unit in ("b", "step"):
            return cls(unit, count)
        return cls("mo", count * MONTHS[unit]) if unit in MONTHS else cls("s", count * SECONDS[unit])

    def __str__(self) -> str:
        if self.unit != "s":
            return f"{self.count} {self.unit}"
        size = max(size for size in NAMES if self.count % size == 0)
        return f"{self.count // size} {NAMES[size]}"

    def places(self, times: Times, origin: np.datetime64) -> NDArray[np.int64]:
        """Return how many steps each time lies after an origin, which is a time of the series itself."""
        if self.unit == "mo":
            months = times.astype("datetime64[M]") - origin.astype("datetime64[M]")
            return np.asarray(months.astype(np.int64) // self.count)
        if self.unit == "b":
            days, first = times.astype("datetime64[D]"), origin.astype("datetime64[D]")
            return np.asarray(np.busday_count(first, days), dtype=np.int64) // self.count
        return (times - origin).astype(np.int64) // self.count

    def times(self, origin: np.datetime64, begin: int, count: int) -> Times:
        """Return `count` times, the first `begin` steps after an origin."""
        steps = np.arange(begin, begin + count)
        if self.unit == "mo":
            return _in_months(origin, origin.astype("datetime64[M]") + steps * self.count)
        if self.unit == "b":
            days = np.busday_offset(origin.astype("datetime64[D]"), steps * self.count, roll="forward")
            return np.asarray(days.astype("datetime64[s]") + (origin - origin.astype("datetime64[D]")))
        return origin + (steps * self.count).astype("timedelta64[s]")

    def steps(self, amount: str | int) -> int:
        """Return how many steps an amount of time is: `24h`, `7d`, or a plain number of steps.

        Raises `UsageError` where it is not an amount, or no whole number of steps.

        >>> Frequency("s", 3600).steps("7d"), Frequency("b", 1).steps("2w"), Frequency("mo", 1).steps("1y")
        (168, 10, 12)
        """
        text = str(amount)
        if re.fullmatch(r"\s*\d{1,9}\s*", text):
            return max(1, int(text))
        count, unit = _amount(text)
        if "step" in (self.unit, unit):
            whole, step = (count, 1) if unit == "step" else (0, 1)
        elif self.unit == "b":
            days = {"b": 1, "d": 1, "w": 5, "mo": 21, "q": 63, "y": 252}.get(unit)
            whole, step = (count * days, self.count) if days else (0, 1)
        elif self.unit == "mo":
            whole, step = count * MONTHS.get(unit, 0), self.count
        else:
            seconds = SECONDS.get(unit) or {"b": DAY, "mo": 30 * DAY, "q": 91 * DAY, "y": 365 * DAY}[unit]
            whole, step = count * seconds, self.count
        if not whole or (whole % step and unit not in ("mo", "q", "y")):
            raise UsageError(f"{text!r} is not a whole number of steps of {self}: give one, or a plain number of steps")
        return max(1, whole // step)

    def floor(self, times: Times) -> Times:
        """Return the beginning of the stretch of one step in which each time lies: of the hour, the week, the month.

        >>> Frequency("mo", 3).floor(np.array(["2026-11-25"], "datetime64[s]"))
        array(['2026-10-01T00:00:00'], dtype='datetime64[s]')
        """
        if self.unit == "mo":
            months = times.astype("datetime64[M]").astype(np.int64)
            return (months - months % self.count).astype("datetime64[M]").astype("datetime64[s]")
        if self.unit == "b":
            return times.astype("datetime64[D]").astype("datetime64[s]")
        first = MONDAY if self.unit == "s" else np.datetime64(0, "s")
        return np.asarray(times - (times - first).astype(np.int64) % self.count * np.timedelta64(1, "s"))

    @property
    def is_daily(self) -> bool:
        """Whether a value comes once a day or more rarely, so that the clock does not matter."""
        return self.unit in ("b", "mo") or (self.unit == "s" and self.count % DAY == 0)

    @property
    def seasons(self) -> tuple[int, ...]:
        """How many steps the usual seasons have, the shortest first: the day, the week, the year."""
        if self.unit == "step":
            return (1,)
        if self.unit == "b":
            return (5,)
        if self.unit == "mo":
            return (max(1, 12 // self.count),)
        lengths = [DAY // self.count, WEEK // self.count] if self.count < DAY else [WEEK // self.count]
        if self.count >= WEEK:
            lengths = [round(365.25 * DAY / self.count)]
        return tuple(length for length in lengths if length > 1) or (1,)


def infer_frequency(times: Times, title: str, named: Callable[[Iterable[int]], str], *, is_steps: bool) -> Frequency:
    """Return the frequency of rising times, of which some may be missing; `named` calls rows by their numbers.

    Raises `DataError` where there are fewer than three, or they do not lie on one grid, with the rows that do not.

    >>> days = np.array(["2026-01-01", "2026-02-01", "2026-04-01"], dtype="datetime64[s]")
    >>> infer_frequency(days, "x", str, is_steps=False)
    Frequency(unit='mo', count=1)
    """
    if len(times) < 3:
        raise DataError(f"{title} has {len(times)} time{'s'[: len(times) != 1]}: give at least 3 in each series")
    gaps = np.diff(times).astype(np.int64)
    if not is_steps and (months := _months(times)) is not None:
        return Frequency("mo", months)
    usual = usual_gap(times)
    if not is_steps and usual == DAY and _is_weekdays(times):
        return Frequency("b", 1)
    found = Frequency("step" if is_steps else "s", usual)
    odd = np.flatnonzero(gaps % usual)
    if len(odd):
        gap = Frequency(found.unit, int(gaps[odd[0]]))
        at = times[odd[0] + 1].astype(np.int64) if is_steps else times[odd[0] + 1]
        raise DataError(
            f"{title}: times are not {found} apart or a multiple of it, such as {at}, {gap} after the one before "
            f"(row {named(odd + 1)}): bring them to one frequency, or join them by --frequency and --aggregate"
        )
    return found


def usual_gap(times: Times) -> int:
    """Return the most frequent gap between rising times, in seconds or steps."""
    sizes, counts = np.unique(np.diff(times).astype(np.int64), return_counts=True)
    return int(sizes[counts.argmax()])


def _in_months(origin: np.datetime64, months: Times) -> Times:
    """Return the moment of each month that the origin is of its own; the last day stays the last."""
    begins, ends = (m.astype("datetime64[D]") for m in (months, months + 1))
    own = origin.astype("datetime64[M]")
    day = (origin.astype("datetime64[D]") - own.astype("datetime64[D]")).astype(np.int64)
    is_last = origin.astype("datetime64[D]") + 1 == (own + 1).astype("datetime64[D]")
    lengths = (ends - begins).astype(np.int64)
    days = begins + (lengths - 1 if is_last else np.minimum(day, lengths - 1))
    return np.asarray(days.astype("datetime64[s]") + (origin - origin.astype("datetime64[D]")))


def _months(times: Times) -> int | None:
    """Return the months between times of which each is the same moment of a month, or the last day of it."""
    month = times.astype("datetime64[M]")
    within = times - month.astype("datetime64[s]")
    ends = (month + 1).astype("datetime64[s]") - times
    if not ((within == within[0]).all() or (ends == ends[0]).all()):
        return None
    gaps = np.diff(month).astype(np.int64)
    return int(np.gcd.reduce(gaps)) if (gaps > 0).all() else None


def _is_weekdays(times: Times) -> bool:
    days = times.astype("datetime64[D]")
    return len(days) >= 10 and bool(np.is_busday(days).all())


def _amount(text: str) -> tuple[int, str]:
    found = re.fullmatch(r"\s*(\d{0,9})\s*([a-zA-Z]+)\s*", text)
    stem = (found[2].lower().removesuffix("s") or "s") if found else ""
    unit = {"m": "min", "t": "min", "hour": "h", "day": "d", "week": "w", "month": "mo", "quarter": "q", "year": "y"}
    named = unit.get(stem, stem)
    if not found or named not in {"s", "b", "step", *SECONDS, *MONTHS} or not int(found[1] or 1):
        raise UsageError(
            f"{text[:40]!r} is not an amount of time: give a number with s, min, h, d, b, w, mo, q or y, as in 24h"
        )
    return int(found[1] or 1), named
