"""Simple methods: worked out by hand where that is possible, and held to what they must never do."""

import numpy as np
import pytest

from statewise.tasks.forecast.season_factors import season_of
from statewise.tasks.forecast.simple_methods import METHODS, SimpleForecasts, memory_of, simple_forecasts

YEARS = 10


def months(level: float, slope: float, wave: float, *, times: bool = False) -> np.ndarray:
    """Ten years of months with a season that is added, or multiplies."""
    month = np.arange(12 * YEARS)
    season = np.sin(2 * np.pi * month / 12)
    trend = level + slope * month
    return trend * (1 + wave * season) if times else trend + wave * season


def last_of(values: np.ndarray, width: int = 128) -> np.ndarray:
    return np.concatenate([np.full(max(0, width - len(values)), np.nan), values[-width:]])[None]


def told(found: SimpleForecasts, name: str, row: int = 0) -> np.ndarray:
    return np.asarray(found.points[row, METHODS.index(name)])


def test_repeating_methods_say_what_they_are_named_for() -> None:
    values = np.arange(128.0)
    found = simple_forecasts(values[None], (12,), 3)
    assert told(found, "last value").tolist() == [127, 127, 127]
    assert told(found, "last season").tolist() == [116, 117, 118]
    assert told(found, "mean of seasons").tolist() == [98, 99, 100]  # of 116, 104, 92 and 80, and so on
    two = simple_forecasts(values[None], (3, 12), 4)
    assert told(two, "last season").tolist() == [125, 126, 127, 125]
    assert told(two, "last longest season").tolist() == [116, 117, 118, 119]


@pytest.mark.parametrize("method", ["smoothing", "damped trend", "theta", "autoregression"])
@pytest.mark.parametrize("times", [False, True], ids=["added", "multiplied"])
def test_a_season_is_found_whether_it_is_added_or_multiplies(method: str, times: bool) -> None:
    values = months(100, 0.5, 0.3 if times else 20, times=times)
    found = simple_forecasts(last_of(values[:-12]), (12,), 12)
    season_lost = np.abs(np.diff(values[-12:])).mean()
    slack = 6 if method == "smoothing" else 2  # it goes on without the trend
    assert np.abs(told(found, method) - values[-12:]).mean() < slack < season_lost + slack
    assert np.abs(told(found, "last value") - values[-12:]).mean() > 10


def test_seasons_multiply_only_where_that_fits_better() -> None:
    ahead = np.arange(1, 13)[None]
    growing, steady = (
        season_of(months(20, 2.0, wave, times=times)[None], (12,), ahead)[1]
        for wave, times in ((0.4, True), (9.0, False))
    )
    assert growing.times.max() > 1.3
    assert not growing.added.any()
    assert (steady.times == 1).all()
    assert steady.added.max() == pytest.approx(9, rel=0.1)
    below = season_of(months(-20, 0, 9)[None], (12,), ahead)[1]
    assert (below.times == 1).all()  # a season of negative values never multiplies


def test_chance_is_not_called_a_season() -> None:
    noise = np.random.default_rng(0).normal(50, 5, (20, 120))
    found = season_of(noise, (12,), np.arange(1, 13)[None].repeat(20, 0))[1]
    apart = np.where(found.times != 1, 50 * (found.times - 1), found.added)
    assert np.sqrt((apart**2).mean()) < 1.5  # the means of ten values lie 1.6 apart by luck


def test_an_autoregression_goes_on_with_a_cycle_that_no_calendar_has() -> None:
    rng, values = np.random.default_rng(1), [0.0, 1.0]
    for _ in range(200):
        values.append(1.8 * values[-1] - 0.95 * values[-2] + rng.normal(0, 0.1))
    history, came = np.array(values[-134:-6]), np.array(values[-6:])
    found = simple_forecasts(history[None], (1,), 6)
    off = {name: np.abs(told(found, name) - came).mean() for name in ("autoregression", "last value")}
    assert off["autoregression"] < 0.5 * off["last value"]


@pytest.mark.parametrize("season", [1, 12])
def test_forecasts_move_with_the_unit_of_values(season: int) -> None:
    values = np.random.default_rng(2).gamma(2, 3, (3, 128)) + 5
    one, other = (simple_forecasts(scale * values, (season,), 5) for scale in (1.0, 1000.0))
    np.testing.assert_allclose(other.points, 1000 * one.points, rtol=1e-6)
    np.testing.assert_allclose(other.spread, 1000 * one.spread, rtol=1e-6)


def test_rows_forecast_together_as_they_do_alone() -> None:
    values = np.random.default_rng(3).normal(0, 1, (4, 128)).cumsum(axis=1)
    values[1, :100] = np.nan
    values[2, 120:] = np.nan
    together = simple_forecasts(values, (4,), 3)
    for row in (0, 1, 2, 3):
        if row != 1:  # how many lags are read follows from all rows
            alone = simple_forecasts(values[row : row + 1], (4,), 3)
            np.testing.assert_allclose(together.points[row, :7], alone.points[0, :7], rtol=1e-9)
    assert together.steps[2].tolist() == [9, 10, 11]


def test_a_gap_at_the_end_keeps_the_season_in_its_place() -> None:
    values = months(100, 0, 20)
    gone = last_of(np.concatenate([values[:-8], np.full(8, np.nan)]))
    found = simple_forecasts(gone, (12,), 4)
    wanted = months(100, 0, 20)[:4]  # of the next months: the season begins again
    for method in ("last season", "smoothing", "autoregression"):
        assert np.abs(told(found, method) - wanted).mean() < 2


@pytest.mark.parametrize(
    "values",
    [[], [5.0], [5.0, 5.0], [1.0, np.nan, 3.0], [0.0] * 60, [1e-8] * 40, [1e12, -1e12] * 30],
    ids=["none", "one", "two", "hole", "noughts", "tiny", "wild"],
)
@pytest.mark.parametrize("seasons", [(1,), (12,), (24, 168)])
def test_odd_histories_give_finite_forecasts(values: list[float], seasons: tuple[int, ...]) -> None:
    found = simple_forecasts(last_of(np.array(values), memory_of(seasons)), seasons, 7)
    assert all(np.isfinite(part).all() for part in found)
    assert (found.spread >= 0).all()
