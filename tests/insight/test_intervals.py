"""Intervals hold what they say, from rows of probes that are alike and from trainings that differ."""

import math
import re

import numpy as np
import pytest

from statewise.errors import UsageError
from statewise.insight.intervals import FEWEST_ROWS, Interval, band_of, over_trainings, t_interval, t_quantile


def covered(rows: int, probes: int, alike: float, trials: int = 200) -> float:
    """Return how often a band of a skewed mean of 1 holds it, where the probes of a row share a part of their size."""
    dice, held = np.random.default_rng(0), 0
    for seed in range(trials):
        shared, own = dice.exponential(size=(2, rows, probes))
        values = np.where(dice.random((rows, probes)) < alike, shared[:, :1], own).reshape(-1, 1)
        found = band_of(values, np.repeat(np.arange(rows), probes), seed).at(0)
        held += found.low <= 1 <= found.high
    return held / trials


def test_a_band_holds_the_mean_of_skewed_values_as_often_as_it_says() -> None:
    assert 0.92 <= covered(rows=60, probes=1, alike=0.0) <= 0.98


def test_a_band_holds_it_where_the_probes_of_a_row_are_alike() -> None:
    assert 0.92 <= covered(rows=60, probes=5, alike=0.9) <= 0.98


def test_probes_that_repeat_each_other_in_a_row_make_no_band_narrower() -> None:
    values = np.random.default_rng(0).exponential(size=(40, 1))
    once, thrice = band_of(values, np.arange(40)), band_of(np.tile(values, (3, 1)), np.tile(np.arange(40), 3))
    assert thrice.at(0) == pytest.approx(once.at(0))
    assert band_of(np.tile(values, (3, 1)), np.arange(120)).at(0).low > once.at(0).low


def test_what_is_not_known_counts_nowhere() -> None:
    values = np.array([[1.0, math.nan], [3.0, 5.0]] * 10)
    assert band_of(values, np.arange(20)).means.tolist() == [2.0, 5.0]


def test_few_rows_have_no_interval_and_say_so() -> None:
    values = np.arange(30.0).reshape(-1, 1)
    few = band_of(values, np.arange(30) % (FEWEST_ROWS - 1)).at(0)
    assert few.words() == "14.5 (no interval)"
    assert math.isfinite(band_of(values, np.arange(30) % FEWEST_ROWS).at(0).low)


def test_values_that_are_all_alike_have_a_band_of_no_width() -> None:
    assert band_of(np.full((20, 1), 0.7), np.arange(20)).at(0) == pytest.approx((0.7, 0.7, 0.7))


@pytest.mark.parametrize(("freedom", "quantile"), [(1, 12.706), (4, 2.776), (7, 2.365), (30, 2.042)])
def test_quantiles_of_student_are_those_of_the_tables(freedom: int, quantile: float) -> None:
    assert t_quantile(freedom) == pytest.approx(quantile, abs=5e-4)


def test_one_value_has_no_interval_and_an_infinite_mean_is_its_own() -> None:
    assert t_interval([2.0]).words() == "2.0 (no interval)"
    assert t_interval([-math.inf, -1.0]) == Interval(-math.inf, -math.inf, -math.inf)


def test_nothing_is_said_of_a_cell_from_fewer_than_five_trainings() -> None:
    with pytest.raises(UsageError, match=re.escape("4 trainings say nothing about a cell: train it from 5 seeds")):
        over_trainings([1.0, 2.0, 3.0, 4.0])


def test_an_interval_is_beyond_another_only_without_overlap() -> None:
    assert Interval(9, 8, 10).is_beyond(Interval(6, 5, 7))
    assert not Interval(9, 6, 10).is_beyond(Interval(6, 5, 7))
    assert not Interval(9, math.nan, math.nan).is_beyond(Interval(6, 5, 7))
