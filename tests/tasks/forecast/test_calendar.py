"""What the calendar says of a time."""

import sys

import numpy as np
import pytest

from statewise.data.series.frequency import Frequency
from statewise.errors import MissingExtra, UsageError
from statewise.tasks.forecast import calendar

HOURLY = Frequency("s", 3600)


def days_off(country: str, *times: str) -> list[list[float]]:
    plain, more = (
        calendar.calendar_features(HOURLY, np.array(times, "datetime64[s]"), yearly=False, holidays=name)
        for name in (None, country)
    )
    assert np.array_equal(np.delete(more, [-4, -3, -2], axis=1), plain)
    found: list[list[float]] = more[:, -4:-1].tolist()
    return found


def test_a_holiday_is_told_with_the_day_before_and_the_day_after() -> None:
    times = ("2018-07-03T23", "2018-07-04T00", "2018-07-04T23", "2018-07-05T12", "2018-07-06T12")
    assert days_off("US", *times) == [[0, 1, 0], [1, 0, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert days_off("DE", *times) == [[0, 0, 0]] * 5
    assert days_off("DE-BY", "2026-01-06") == [[1, 0, 0]] != days_off("DE", "2026-01-06")


@pytest.mark.parametrize("country", ["XX", "US-XX", "", "us"])
def test_what_is_no_country_is_refused(country: str) -> None:
    with pytest.raises(UsageError, match="are not known: give a country as US"):
        calendar.check_holidays(country, HOURLY)


@pytest.mark.parametrize("frequency", [Frequency("s", 7 * 86400), Frequency("mo", 1)])
def test_values_farther_apart_than_days_have_no_holidays(frequency: Frequency) -> None:
    with pytest.raises(UsageError, match="a holiday is a day, but a value comes every 1"):
        calendar.check_holidays("US", frequency)


def test_where_the_package_is_missing_the_line_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    calendar._calendar_of.cache_clear()
    monkeypatch.setitem(sys.modules, "holidays", None)
    with pytest.raises(MissingExtra, match=r"pip install 'statewise\[holidays\]'"):
        calendar.check_holidays("US", HOURLY)
