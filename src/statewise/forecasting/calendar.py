"""What the calendar says of a time: waves through the day, the week and the year."""

import numpy as np
from numpy.typing import NDArray

from statewise.data.frequency import DAY, Frequency, Times

DAILY, WEEKLY, YEARLY = (1, 2, 3, 4), (1, 2, 3), (1, 2)
YEAR_DAYS = 365.25


def calendar_features(frequency: Frequency, times: Times, *, yearly: bool) -> NDArray[np.float32]:
    """Return waves `[times, features]`: through the day below a day, the week below a week, and where asked the year.

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
    return np.stack([*turns, np.ones(len(times))], axis=-1).astype(np.float32)


def _waves(turns: NDArray[np.float64], harmonics: tuple[int, ...]) -> list[NDArray[np.float64]]:
    angles = [2 * np.pi * harmonic * turns for harmonic in harmonics]
    return [wave for angle in angles for wave in (np.sin(angle), np.cos(angle))]
