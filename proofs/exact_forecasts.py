"""How often a forecaster that knows the process exactly has a coverage within bounds, by luck alone.

Few values are held out of a short table, and errors of one forecast are alike: the 80 % interval of even an exact
forecaster holds all of them, or half. Series are drawn by an autoregression of order 1 whose coefficient is known.
"""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

COEFFICIENTS = (0.0, 0.7, 1.0)
"Noise, something between, and a random walk."
REPEATS, MOST_SERIES = 1000, 30
QUANTILE = 1.2815515655446004
"The ninth decile of the standard normal distribution."


class Layout(NamedTuple):
    """How many series a table has, from how many origins each is forecast, how far, and how far these are apart."""

    series: int
    origins: int
    horizon: int
    apart: int


def coverages(
    coefficient: float, series: int, origins: int, horizon: int, apart: int, seed: int = 0
) -> NDArray[np.float64]:
    """Return the shares of values inside exact 80 % intervals, of so many tables `[REPEATS]`.

    Each table has so many independent series, of each so many origins, so many steps apart.

    >>> noise, walk = (coverages(c, series=1, origins=7, horizon=6, apart=1) for c in (0.0, 1.0))
    >>> bool(abs(noise.mean() - 0.8) < 0.01), bool(abs(walk.mean() - 0.8) < 0.02), bool(noise.std() < walk.std())
    (True, True, True)
    """
    random, rows = np.random.default_rng(seed), REPEATS * min(series, MOST_SERIES)
    half = QUANTILE * np.sqrt(np.cumsum(coefficient ** (2.0 * np.arange(horizon))))
    steps = random.standard_normal((horizon, rows))
    inside = np.zeros(rows)
    for _ in range(origins):
        error = np.zeros(rows)
        for ahead in range(horizon):
            error = coefficient * error + steps[ahead]
            inside += np.abs(error) <= half[ahead]
        steps = np.concatenate([steps[apart:], random.standard_normal((min(apart, horizon), rows))])
    return (inside / (origins * horizon)).reshape(REPEATS, -1).mean(axis=1)


@cache
def chance_within(low: float, high: float, coefficient: float, table: Layout) -> float:
    """Return how often the coverage of exact intervals on such a table is within bounds."""
    drawn = coverages(coefficient, *table)
    return float(np.mean((drawn >= low) & (drawn <= high)))


def share_within(low: float, high: float, tables: Iterable[Layout]) -> dict[str, float]:
    """Return, for each coefficient, on what share of tables the coverage of exact intervals is within bounds."""
    listed = list(tables)
    return {f"{c:g}": float(np.mean([chance_within(low, high, c, table) for table in listed])) for c in COEFFICIENTS}
