"""AutoETS, AutoTheta and AutoARIMA of statsforecast, fitted again at every origin: slow, and often hard to beat."""

import warnings
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from statewise.errors import MissingExtra

Floats = NDArray[np.floating]
Name = Literal["auto_ets", "auto_theta", "auto_arima"]

LEAST_FITTED = 8
"Of fewer values no model is fitted."
MOST_SEASONS = 8
LEAST_HISTORY = 100
"Of a series so many of the last seasons are fitted, or so many values: more takes minutes an origin."


def statistical_quantiles(
    name: Name, values: Floats, origins: NDArray[np.int64], horizon: int, levels: Floats, season: int
) -> Floats:
    """Return quantiles `[origins, horizon, levels]`. Raises `MissingExtra` where statsforecast is not installed.

    Baselines of forecast, traffic:

    - `auto_ets`: exponential smoothing, its form and parameters by AIC
    - `auto_theta`: the Theta method, its form by its errors
    - `auto_arima`: ARIMA with seasons, its orders by AIC
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its many parts, at import and where a fit does not converge
        try:
            from statsforecast.models import AutoARIMA, AutoETS, AutoTheta
        except ImportError:
            raise MissingExtra(f"{name} needs statsforecast: pip install 'statewise[baselines]'") from None
        make = {"auto_ets": AutoETS, "auto_theta": AutoTheta, "auto_arima": AutoARIMA}[name]
        history = max(MOST_SEASONS * season, LEAST_HISTORY)
        return np.stack(
            [
                _quantiles(make(season_length=season), values[max(0, origin - history) : origin], horizon, levels)
                for origin in origins
            ]
        )


def _quantiles(model: Any, values: Floats, horizon: int, levels: Floats) -> Floats:
    if len(values) < LEAST_FITTED:  # which these methods refuse: the last value, and how far values moved
        moved = np.abs(np.diff(values)).mean() if len(values) > 1 else 0.0
        around = np.array([NormalDist().inv_cdf(float(level)) for level in levels])
        steps = np.sqrt(np.arange(1, horizon + 1))
        return np.asarray(values[-1] + moved * steps[:, None] * around)
    percents = sorted({round(abs(2 * level - 1) * 100, 4) for level in levels} - {0.0})
    found = model.forecast(y=values.astype(np.float64), h=horizon, level=percents)
    columns = []
    for level in levels:
        percent = round(abs(2 * level - 1) * 100, 4)
        side = "mean" if not percent else f"{'lo' if level < 0.5 else 'hi'}-{_plain(percent)}"
        columns.append(next(found[key] for key in (side, f"{side}.0") if key in found))
    return np.stack(columns, axis=-1)


def _plain(percent: float) -> str:
    return str(int(percent)) if percent == int(percent) else str(percent)
