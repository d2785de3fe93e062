"""Clocks of a time zone: from what they show to UTC and back, through the nights in which they are changed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.datetime64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SECOND, DAY = np.timedelta64(1, "s"), np.timedelta64(1, "D")
EPOCH = datetime(1970, 1, 1)
FIRST_DAY, LAST_DAY = ((datetime(year, 6, 1) - EPOCH).days for year in (1, 9999))
"Days before and after are taken to be like these: a datetime has no farther ones."


@final
@dataclass(frozen=True)
class Clock:
    """How the times of a grid are shown: by the clocks of a zone, as they are, or as the numbers of steps.

    `day_first` says whether the day came before the month where they were read, None where that was not a question.

    >>> Clock("Europe/Berlin").shown(np.datetime64("2026-10-25T01:00", "s"))
    '2026-10-25T02:00:00+01:00'
    >>> Clock(is_steps=True).shown(np.datetime64(7, "s"))
    '7'
    """

    zone: str | None = None
    is_steps: bool = False
    day_first: bool | None = None

    def values(self, times: Times) -> Times | Ints:
        """Return times as they are given to a user: in UTC where there is a zone, steps as integers."""
        return times.astype("datetime64[s]").astype(np.int64) if self.is_steps else times

    def shown(self, time: np.datetime64 | np.int64) -> str:
        """Return one time as text."""
        if self.is_steps:
            return str(int(np.asarray(time).astype("datetime64[s]").astype(np.int64)))
        if self.zone is None:
            return str(time)
        seconds = int(offsets_of(np.array([time]), self.zone)[0])
        hours, minutes = divmod(abs(seconds) // 60, 60)
        return f"{time + seconds * SECOND}{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}"

    def local(self, times: Times) -> Times:
        """Return times as clocks show them."""
        return times if self.zone is None else on_clocks(times, self.zone)


class OnClocks(NamedTuple):
    """Times that clocks showed, in UTC; and which of them clocks showed twice, or never."""

    utc: Times
    twice: Bools
    never: Bools


def from_clocks(shown: Times, zone: str, later: Bools) -> OnClocks:
    """Return what clocks of a zone showed, in UTC; of what they showed twice the second time where `later` is true.

    >>> night = np.array(["2026-10-25T02:30", "2026-10-25T02:30", "2026-03-29T02:30"], "datetime64[s]")
    >>> found = from_clocks(night, "Europe/Berlin", np.array([False, True, False]))
    >>> found.utc[:2].astype(str).tolist(), found.twice.tolist(), found.never.tolist()
    (['2026-10-25T00:30:00', '2026-10-25T01:30:00'], [True, True, False], [False, False, True])
    """
    days, which = np.unique(shown.astype("datetime64[D]"), return_inverse=True)
    steady = np.array([_steady_offset(int(day), zone) for day in days.astype(np.int64)], dtype=np.float64)[which]
    changing = np.flatnonzero(np.isnan(steady))
    offsets = np.nan_to_num(steady).astype(np.int64)
    twice, never = (np.zeros(len(shown), np.bool_) for _ in range(2))
    for i in changing.tolist():
        clock = EPOCH + timedelta(seconds=int(shown[i].astype("datetime64[s]").astype(np.int64)))
        first, second = (_offset(clock.replace(fold=fold), zone) for fold in (0, 1))
        twice[i], never[i] = first > second, first < second
        offsets[i] = second if later[i] else first
    return OnClocks(shown - offsets * SECOND, twice, never)


def on_clocks(utc: Times, zone: str) -> Times:
    """Return what clocks of a zone show at times in UTC.

    >>> on_clocks(np.array(["2026-07-01T12:00"], "datetime64[s]"), "Europe/Berlin").astype(str).tolist()
    ['2026-07-01T14:00:00']
    """
    return utc + offsets_of(utc, zone) * SECOND


def offsets_of(utc: Times, zone: str) -> Ints:
    """Return how many seconds clocks of a zone are ahead of UTC at some times."""
    days, which = np.unique(utc.astype("datetime64[D]"), return_inverse=True)
    steady = np.array([_steady_offset(int(day), zone) for day in days.astype(np.int64)], dtype=np.float64)[which]
    changing = np.flatnonzero(np.isnan(steady))
    offsets = np.nan_to_num(steady).astype(np.int64)
    offsets[changing] = [_offset_at(int(second), zone) for second in utc[changing].astype("datetime64[s]").astype("i8")]
    return offsets


@lru_cache(maxsize=1 << 12)
def _offset_at(seconds: int, zone: str) -> int:
    moment = EPOCH.replace(tzinfo=UTC) + timedelta(seconds=seconds)
    offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
    return int(offset.total_seconds()) if offset else 0


@lru_cache(maxsize=1 << 16)
def _steady_offset(day: int, zone: str) -> float:
    """Return the offset of a whole day, in seconds, NaN where clocks are changed in it or within hours of it."""
    begin = EPOCH + timedelta(days=min(max(day, FIRST_DAY), LAST_DAY))
    found = {_offset(begin + timedelta(hours=hours), zone) for hours in (-16, 0, 12, 24, 40)}
    return found.pop() if len(found) == 1 else float("nan")


def _offset(clock: datetime, zone: str) -> int:
    offset = clock.replace(tzinfo=ZoneInfo(zone)).utcoffset()
    return int(offset.total_seconds()) if offset else 0
