"""What the calendar says of a time: waves through the day, the week and the year, and which days are holidays."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.data.series.frequency import DAY, Frequency, Times
from statewise.errors import MissingExtra, UsageError

DAILY, WEEKLY, YEARLY = (1, 2, 3, 4), (1, 2, 3), (1, 2)
YEAR_DAYS = 365.25


def calendar_features(
    frequency: Frequency, times: Times, *, yearly: bool, holidays: str | None = None
) -> NDArray[np.float32]:
    """Return waves `[times, features]`: through the day below a day, the week below a week, and where asked the year.

    With the `holidays` of a country also whether a day is one, and whether the next or the last one is.

    >>> hours = np.array(["2026-11-25T00", "2026-11-25T06"], dtype="datetime64[s]")
    >>> calendar_features(Frequency("s", 3600), hours, yearly=False)[:, :2].round(3)
    array([[0., 1.],
           [1., 0.]], dtype=float32)
    """
    days = times.astype("datetime64[D]")
    turns: list[NDArray[np.float64]] = []
    if frequency.unit == "s" and frequency.count < DAY:
        turns += _waves((times - days.astype("datetime64[s]")).astype(np.int64) / DAY, DAILY)
    if frequency.unit == "b" or (frequency.unit == "s" and frequency.count < 7 * DAY):
        turns += _waves((days.astype(np.int64) + 3) % 7 / 7, WEEKLY)  # 1970 began on a Thursday
    within = (days - days.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64) / YEAR_DAYS
    turns += _waves(within, YEARLY) if yearly else []
    turns += _holidays(holidays, days) if holidays else []
    return np.stack([*turns, np.ones(len(times))], axis=-1).astype(np.float32)


def _waves(turns: NDArray[np.float64], harmonics: tuple[int, ...]) -> list[NDArray[np.float64]]:
    angles = [2 * np.pi * harmonic * turns for harmonic in harmonics]
    return [wave for angle in angles for wave in (np.sin(angle), np.cos(angle))]


def check_holidays(country: str, frequency: Frequency) -> None:
    """Refuse what is not a country, and a frequency that does not tell days apart.

    Raises `UsageError`, and `MissingExtra` where the package holidays is not installed.
    """
    _calendar_of(country)
    if frequency.unit in ("mo", "step") or (frequency.unit == "s" and frequency.count > DAY):
        raise UsageError(f"a holiday is a day, but a value comes every {frequency}: leave --holidays away, or empty")


def _holidays(country: str, days: NDArray[np.datetime64]) -> list[NDArray[np.float64]]:
    known = _calendar_of(country)
    unlike, which = np.unique(days, return_inverse=True)
    is_one = [np.array([day in known for day in (unlike + step).tolist()], np.float64) for step in (0, 1, -1)]
    return [column[which] for column in is_one]


@cache
def _calendar_of(country: str) -> Any:
    try:
        import holidays
    except ImportError:
        raise MissingExtra(f"the holidays of {country} need a package: pip install 'statewise[holidays]'") from None
    name, _, part = country.partition("-")
    try:
        return holidays.country_holidays(name, subdiv=part or None)
    except NotImplementedError:
        raise UsageError(
            f"the holidays of '{country}' are not known: give a country as US, or a part of one as US-MN"
        ) from None
