"""Forecasts as tables: times that are written alike in all rows."""

from pathlib import Path

import numpy as np
import pytest

from statewise.tasks.forecast.chart import draw_chart
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


def test_a_chart_says_from_which_day_to_which_it_goes(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    days = np.datetime64("2023-04-28", "s") + np.arange(7) * np.timedelta64(86_400, "s")
    series = SeriesForecast("load", days[4:], np.ones((3, len(LEVELS))), np.ones((2, 3)), days[:4], np.ones(4))
    draw_chart([series], tmp_path / "fan.svg")
    drawn = (tmp_path / "fan.svg").read_text()
    assert "2023-04-28 to 2023-05-04" in drawn
    assert "2023-May" not in drawn
