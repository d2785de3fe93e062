"""Spreads that follow how far the last forecasts of a series were off."""

import numpy as np
import pytest
from numpy.typing import NDArray

from statewise.tasks.forecast.recent import CERTAIN, LEAST_FACTOR, MOST_FACTOR, recent_factors
from statewise.tasks.forecast.simple_methods import METHODS, memory_of

Floats = NDArray[np.float64]

H, W = 6, memory_of((1,))
EXPECTED = np.sqrt(np.arange(1.0, H + 1))
LAST_VALUE = np.eye(len(METHODS))[METHODS.index("last value")]


def walks(rows: int, last_step: float = 1.0) -> Floats:
    """Return random walks whose steps are larger, or smaller, in the last horizon."""
    steps = np.random.default_rng(3).normal(0, 1, (rows, W))
    steps[:, -H:] *= last_step
    return steps.cumsum(axis=1)


def factors(history: Floats) -> Floats:
    return recent_factors(history, LAST_VALUE, EXPECTED, (1,), 0.1)


def test_a_series_that_moves_more_than_it_did_is_given_a_larger_spread() -> None:
    usual, wild, calm = (np.median(factors(walks(50, step))) for step in (1.0, 4.0, 0.1))
    assert wild > 1.5 * usual
    assert calm < 0.7 * usual


def test_no_spread_follows_further_than_its_bounds() -> None:
    most, least = (bound ** (1 / (1 + CERTAIN)) for bound in (MOST_FACTOR, LEAST_FACTOR))
    assert factors(walks(5, 1e6)) == pytest.approx(most)
    assert factors(walks(5, 0.0)) == pytest.approx(least, abs=0.1)


def test_a_series_too_short_to_have_been_forecast_keeps_its_spread() -> None:
    history = walks(2)
    history[:, :-3] = np.nan
    assert factors(history).tolist() == [1.0, 1.0]
    assert recent_factors(walks(2)[:, :1], LAST_VALUE, EXPECTED, (1,), 0.1).tolist() == [1.0, 1.0]


def test_a_gap_at_the_end_leaves_less_to_follow() -> None:
    history = walks(40, 1e6)
    gone = history.copy()
    gone[:, -H + 2 :] = np.nan
    assert (factors(gone) > 1).all()
    assert (factors(gone) < factors(history)).all()


def test_neither_the_unit_nor_the_other_series_change_what_a_series_follows() -> None:
    history = walks(7, 2.0)
    together = factors(history)
    np.testing.assert_allclose(factors(1000 * history), together, rtol=1e-6)
    for row in range(7):
        np.testing.assert_allclose(factors(history[row : row + 1])[0], together[row], rtol=1e-6)
