"""statsforecast's methods, asked for quantiles: of a series that comes back to its mean they forecast that it does."""

import numpy as np
import pytest

from statewise.tasks.forecast.statistical_forecasts import Name, statistical_quantiles

LEVELS = np.array([0.025, 0.1, 0.5, 0.9, 0.975])


@pytest.mark.parametrize("name", ["auto_arima", "auto_ets", "auto_theta"])
def test_a_statistical_method_gives_quantiles_in_order_at_every_origin(name: Name) -> None:
    pytest.importorskip("statsforecast")
    dice, values = np.random.default_rng(0), np.zeros(130)
    for t in range(1, len(values)):
        values[t] = 0.6 * values[t - 1] + dice.normal()
    values[118:120] = 4.0
    found = statistical_quantiles(name, values + 50, np.array([110, 120]), 9, LEVELS, season=1)
    assert found.shape == (2, 9, len(LEVELS))
    assert (np.diff(found, axis=-1) > 0).all()
    assert np.abs(found - 50).max() < 10
    if name == "auto_arima":
        assert found[1, 0, 2] - found[1, -1, 2] > 1  # it goes back to where it came from


@pytest.mark.parametrize("name", ["auto_arima", "auto_ets", "auto_theta"])
def test_of_a_few_values_no_model_is_fitted(name: Name) -> None:
    pytest.importorskip("statsforecast")
    found = statistical_quantiles(name, np.array([1.0, 3.0, 2.0, 6.0]), np.array([1, 3]), 2, LEVELS, season=1)
    assert found[:, :, 2].tolist() == [[1, 1], [2, 2]]
    assert np.ptp(found[1, 0]) == pytest.approx(2 * 1.959964 * 1.5)  # moves of 2 and 1 before
    assert np.ptp(found[1, 1]) == pytest.approx(np.sqrt(2) * np.ptp(found[1, 0]))
