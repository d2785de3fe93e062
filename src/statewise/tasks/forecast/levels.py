"""The running level and spread of a series, by which its values are made alike before a network reads them."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

BLOCK = 256
LEAST = 1e-6
"No spread is smaller than this share of the level, nor than this."


def filled(values: Floats) -> Floats:
    """Return values with the last one seen in place of each that is missing; before the first, that one.

    >>> filled(np.array([np.nan, 1, np.nan, 3], np.float32))
    array([1., 1., 1., 3.], dtype=float32)
    """
    seen = ~np.isnan(values)
    if seen.all() or not seen.any():
        return np.nan_to_num(values)
    last = np.maximum.accumulate(np.where(seen, np.arange(len(values)), -1))
    return values[np.where(last < 0, seen.argmax(), last)]


def ages(values: Floats) -> Floats:
    """Return how many steps ago the last value was seen, 0 where it is this one.

    >>> ages(np.array([1, np.nan, np.nan, 3], np.float32))
    array([0., 1., 2., 0.], dtype=float32)
    """
    places = np.arange(len(values))
    return (places - np.maximum.accumulate(np.where(np.isnan(values), 0, places))).astype(np.float32)


def running_mean(values: Floats, pace: float, first: float) -> Floats:
    """Return a mean before each value and after the last, `[n + 1]`: m moves by `pace (y - m)` at every value.

    >>> running_mean(np.array([2, 2], np.float32), pace=0.5, first=0.0)
    array([0. , 1. , 1.5], dtype=float32)
    """
    powers = (1 - pace) ** np.arange(BLOCK + 1)
    weights = np.tril(pace * powers[np.maximum(0, np.subtract.outer(np.arange(BLOCK), np.arange(BLOCK)))])
    means = np.empty(len(values) + 1)
    means[0] = first
    for begin in range(0, len(values), BLOCK):
        block = values[begin : begin + BLOCK].astype(np.float64)
        n = len(block)
        means[begin + 1 : begin + n + 1] = powers[1 : n + 1] * means[begin] + weights[:n, :n] @ block
    return means.astype(np.float32)


def levels_of(values: Floats, pace: float, level_pace: float, begin: int) -> tuple[Floats, Floats]:
    """Return the level and the spread of a series before each of its values and after the last, each `[n + 1]`.

    Both are running means, of the values and of their distances from the level. They begin with the mean of the first
    `begin` values, so nothing that comes later is in them. At a `level_pace` of 1 the level is the last value, and the
    spread how far values move; at 0 it stays at nought, and the spread is the mean size.

    >>> level, spread = levels_of(np.array([2, 4, 4, 8], np.float32), pace=0.5, level_pace=1.0, begin=1)
    >>> level, spread.round(2)
    (array([2., 2., 4., 4., 8.], dtype=float32), array([0.  , 0.  , 1.  , 0.5 , 2.25], dtype=float32))
    """
    known = filled(values)
    begin = max(1, begin)
    start = known[:begin].astype(np.float64).mean() if level_pace else 0.0
    level = running_mean(known, level_pace, float(start))
    moved = np.abs(known - level[:-1])
    spread = running_mean(moved, pace, float(moved[:begin].astype(np.float64).mean()))
    return level, np.maximum(spread, least_spread(level))


def least_spread(level: Floats) -> Floats:
    """Return the smallest spread at a level: of a series that stands still it is not nought."""
    return np.maximum(np.abs(level) * np.float32(LEAST), np.float32(LEAST))
