"""The running level and spread of a series, by which its values are made alike before a network reads them."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

BLOCK = 256
JUMP = 2.5
"Farther than so many spreads from the mean of a season, a level jumps to it."
FAR_AHEAD = 1024
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


def levels_of(
    values: Floats, pace: float, level_pace: float, begin: int, *, usual: float = 0.0, steady: int = 0
) -> tuple[Floats, Floats]:
    """Return the level and the spread of a series before each of its values and after the last, each `[n + 1]`.

    Both are running means, of the values and of their distances from the level, and stay where a value is missing. They
    begin with the mean of the first `begin` values, so nothing that comes later is in them; a series of fewer is lent
    the `usual` share of its size as its spread. At a `level_pace` of 1 the level is the last value, and the spread how
    far values move; at 0 it stays at nought, and the spread is the mean size. Between these it jumps to the mean of the
    last `steady` values where that is JUMP spreads away, of the level's and of theirs (0: never).

    >>> level, spread = levels_of(np.array([2, 4, 4, 8], np.float32), pace=0.5, level_pace=1.0, begin=1)
    >>> level, spread.round(2)
    (array([2., 2., 4., 4., 8.], dtype=float32), array([0.  , 0.  , 1.  , 0.5 , 2.25], dtype=float32))
    """
    seen = ~np.isnan(values)
    known, begin = values[seen], max(1, begin)
    if not len(known):
        return np.zeros(len(values) + 1, np.float32), np.maximum(np.zeros(len(values) + 1, np.float32), LEAST)
    level = float(known[:begin].astype(np.float64).mean()) if level_pace else 0.0
    levels = running_mean(known, level_pace, level)
    moved = np.abs(known - levels[:-1])[:begin].astype(np.float64).mean()
    if len(known) < begin:
        size = np.abs(known).astype(np.float64).mean()
        moved = (len(known) * moved + (begin - len(known)) * usual * size) / begin
    jumps = _gathered(known, np.flatnonzero(seen), steady) if 0 < level_pace < 1 and steady else None
    levels, spreads = _walked(known, pace, level_pace, (level, float(moved)), jumps)
    count = np.concatenate([[0], np.cumsum(seen)])
    return levels[count], np.maximum(spreads, least_spread(levels))[count]


def _gathered(known: Floats, places: NDArray[np.int64], steady: int) -> tuple[Floats, Floats]:
    """Return the mean of the last `steady` values after each, and their mean distance from it, NaN where one lacks."""
    means, apart = (np.full(len(known), np.nan, np.float32) for _ in range(2))
    if len(known) >= steady:
        last = np.lib.stride_tricks.sliding_window_view(known, steady).astype(np.float64)
        is_whole = places[steady - 1 :] - places[: len(places) - steady + 1] == steady - 1
        means[steady - 1 :] = np.where(is_whole, last.mean(axis=1), np.nan)
        apart[steady - 1 :] = np.abs(last - last.mean(axis=1, keepdims=True)).mean(axis=1)
    return means, apart


def _walked(
    known: Floats, pace: float, level_pace: float, first: tuple[float, float], jumps: tuple[Floats, Floats] | None
) -> tuple[Floats, Floats]:
    """Return running levels and spreads `[n + 1]`, with jumps to the means of the last values that were gathered."""
    levels, spreads = (np.empty(len(known) + 1, np.float32) for _ in range(2))
    at, (level, spread) = 0, first
    while True:
        part = slice(at, len(known) if jumps is None else min(len(known), at + FAR_AHEAD))
        these = running_mean(known[part], level_pace, level)
        moved = running_mean(np.abs(known[part] - these[:-1]), pace, spread)
        levels[at : part.stop + 1], spreads[at : part.stop + 1] = these, moved
        if jumps is not None:
            means, apart = jumps[0][part], jumps[1][part]
            wide = np.maximum(np.maximum(moved[1:], apart), least_spread(these[1:]))
            found = np.flatnonzero(np.abs(means - these[1:]) > JUMP * wide)
            if len(found):
                at += int(found[0]) + 1
                level, spread = float(means[found[0]]), float(apart[found[0]])
                levels[at], spreads[at] = level, spread
                if at < len(known):
                    continue
                return levels, spreads
        if part.stop >= len(known):
            return levels, spreads
        at, level, spread = part.stop, float(these[-1]), float(moved[-1])


def least_spread(level: Floats) -> Floats:
    """Return the smallest spread at a level: of a series that stands still it is not nought."""
    return np.maximum(np.abs(level) * np.float32(LEAST), np.float32(LEAST))
