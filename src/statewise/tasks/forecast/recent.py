"""How far simple methods were off in the last horizon of a series, next to how far they usually are."""

import numpy as np
from numpy.typing import NDArray

from statewise.tasks.forecast.simple_methods import AT_ONCE, SimpleForecasts, simple_forecasts

Floats = NDArray[np.float64]

NEW = 12
"A series of fewer values is lent the spread that is usual for its size."
LEAST_SHARE = 0.02
"No spread is smaller than this share of what is usual."
LEAST = 1e-9
LOOKS = 3
"From so many places in the last horizon it is forecast again, to see how far that was off."
FEWEST = 4
"Nothing is learned from forecasts of a series that had fewer values then."
CERTAIN = 0.5
"The ratio counts as much as so many whole horizons, each off as is expected."
LEAST_FACTOR, MOST_FACTOR = 0.25, 4.0


def spreads_of(found: SimpleForecasts, usual: float) -> Floats:
    """Return the spread of each row and step, `[R, H]`: of a series of few values also what is usual for its size."""
    new = np.clip(1 - found.counts / NEW, 0, 1)[:, None]
    lent = usual * np.maximum(found.size, LEAST)[:, None]
    return np.maximum(
        (1 - new) * found.spread + new * np.maximum(found.spread, lent), np.maximum(LEAST_SHARE * lent, LEAST)
    )


def recent_factors(
    history: Floats, methods: Floats, expected: Floats, seasons: tuple[int, ...], usual: float
) -> Floats:
    """Return by what spreads are multiplied, `[R]`: more where the last forecasts were off by more than is expected.

    Shapes: `history` `[R, W]`, the newest last, NaN where there is none; `methods` the share of each method;
    `expected` `[H]` how far their mixture is off in the mean, in spreads. A row too short to have been forecast
    before keeps its spread, 1.

    The mean ratio of errors to what is expected is drawn towards 1: it is raised to n / (n + 0.5) where a share n of
    the last horizon's errors is known. In the manner of Gibbs & Candes 2021, where intervals follow what they
    missed.
    """
    at_once = max(1, AT_ONCE // history.shape[1])
    parts = (history[i : i + at_once] for i in range(0, len(history), at_once))
    return np.concatenate([np.ones(0), *(_factors(part, methods, expected, seasons, usual) for part in parts)])


def _factors(history: Floats, methods: Floats, expected: Floats, seasons: tuple[int, ...], usual: float) -> Floats:
    rows, width = history.shape
    horizon = len(expected)
    total, count = np.zeros(rows), np.zeros(rows)
    looks = range(horizon, 0, -horizon // LOOKS)
    for back in (back for back in looks if back < width):
        past = np.full_like(history, np.nan)
        past[:, back:] = history[:, :-back]
        found = simple_forecasts(past, seasons, horizon)
        came = history[:, width - back :]
        points = np.einsum("e,reh->rh", methods, found.points)[:, :back]
        steps = np.minimum(found.steps[:, :back], horizon) - 1
        sizes = np.abs(came - points) / spreads_of(found, usual)[:, :back] / expected[steps]
        there = ~np.isnan(sizes) & (found.counts >= FEWEST)[:, None]
        total += np.where(there, sizes, 0.0).sum(axis=1)
        count += there.sum(axis=1)
    ratio = np.where(count > 0, total / np.maximum(count, 1), 1.0).clip(LEAST_FACTOR, MOST_FACTOR)
    seen = count / sum(looks)
    return np.asarray(ratio ** (seen / (seen + CERTAIN)))
