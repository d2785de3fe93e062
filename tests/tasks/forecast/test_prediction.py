"""Forecasts as tables: times that are written alike in all rows."""

import numpy as np
import pytest

from statewise.tasks.forecast.metrics import LEVELS
from statewise.tasks.forecast.prediction import SHOWN, SeriesForecast


def forecast(begin: str, hours: int) -> SeriesForecast:
    times = np.datetime64(begin, "s") + np.arange(3) * np.timedelta64(3600 * hours, "s")
    return SeriesForecast("load", times, np.ones((3, len(LEVELS))), np.ones((2, 3)), times[:0], np.ones(0))


@pytest.mark.parametrize(
    ("begin", "hours", "written"),
    [
        ("2026-11-25T23:00", 1, ["2026-11-25 23:00", "2026-11-26 00:00", "2026-11-26 01:00"]),
        ("2026-11-25T00:00", 24, ["2026-11-25", "2026-11-26", "2026-11-27"]),
        ("2026-11-25T23:59:59", 1, ["2026-11-25 23:59:59", "2026-11-26 00:59:59", "2026-11-26 01:59:59"]),
    ],
)
def test_all_times_of_a_forecast_have_one_form(begin: str, hours: int, written: list[str]) -> None:
    ahead = forecast(begin, hours)
    assert [row[0] for row in ahead.rows()] == written
    assert {len(row) for row in ahead.rows()} == {1 + len(SHOWN)}
    lines = str(ahead).splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == written
