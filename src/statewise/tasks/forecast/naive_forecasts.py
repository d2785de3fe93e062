"""Forecasts that anyone can make: the last value, a straight line, the last season, what usually is at that time.

Each gives quantiles: the point is the median, and around it lies how far it was off so many steps ahead in training,
to either side. So a baseline is judged by the same measures as a model, intervals included.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]
Point = Callable[[Floats, Ints, int], Floats]
"Values without gaps, origins and a horizon to points `[origins, horizon]`."

MOST_ORIGINS = 1000
"How many origins of the training part errors are taken from."


def last_value(values: Floats, origins: Ints, horizon: int) -> Floats:
    """Repeat the value before each origin: a random walk.

    Baseline of forecast, traffic: `last value`.
    """
    return np.repeat(values[origins - 1][:, None], horizon, axis=1)


def drift(values: Floats, origins: Ints, horizon: int) -> Floats:
    """Go on along the line from the first value to the last before each origin.

    Baseline of forecast, traffic: `drift`.
    """
    slope = (values[origins - 1] - values[0]) / np.maximum(origins - 1, 1)
    return np.asarray(values[origins - 1][:, None] + slope[:, None] * np.arange(1, horizon + 1))


def seasonal(season: int) -> Point:
    """Return a forecast that repeats the last season before each origin, each of which has a season before it.

    Baseline of forecast, traffic: `seasonal naive, N`.
    """

    def repeat(values: Floats, origins: Ints, horizon: int) -> Floats:
        steps = np.arange(horizon)
        seasons_back = steps // season + 1
        at = origins[:, None] + steps - season * seasons_back
        return np.asarray(values[at])

    return repeat


def with_errors(
    point: Point, values: Floats, known: int, origins: Ints, horizon: int, levels: Floats, first: int
) -> Floats:
    """Return quantiles of a point forecast, `[origins, horizon, levels]`, from its errors before place `known`.

        q_l = point + quantile_l(errors and -errors)

    Errors count to either side, so that the median is the point itself: of a series that rises, repeating the last
    value was always too low, but what adds that error is no longer the last value.

    >>> rising = np.arange(9.0)
    >>> with_errors(last_value, rising, 6, np.array([6]), 1, np.array([0.0, 0.5, 1.0]), first=1)
    array([[[4., 5., 6.]]])
    """
    tried = np.arange(max(first, 1), max(first, 1) + max(known - horizon - first + 1, 0))
    if len(tried) > MOST_ORIGINS:
        tried = tried[np.linspace(0, len(tried) - 1, MOST_ORIGINS).astype(np.int64)]
    points = point(values, origins, horizon)
    if not len(tried):
        return np.repeat(points[..., None], len(levels), axis=-1)
    came = values[tried[:, None] + np.arange(horizon)]
    errors = came - point(values, tried, horizon)
    around = np.quantile(np.concatenate([errors, -errors]), levels, axis=0)
    return np.asarray(points[..., None] + np.moveaxis(around, 0, -1)[None])


def historical_quantiles(
    values: Floats, known: int, origins: Ints, horizon: int, levels: Floats, season: int
) -> Floats:
    """Return the quantiles of what came before place `known` at the same place in the season.

    Baseline of forecast, traffic: `historical quantiles`.
    """
    table = np.stack([np.quantile(values[phase:known:season], levels) for phase in range(min(season, known))])
    phases = (origins[:, None] + np.arange(horizon)) % season
    return np.asarray(table[phases % len(table)])
