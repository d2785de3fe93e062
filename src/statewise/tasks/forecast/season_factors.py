"""What is usual at each place in a season: taken away, or divided out, before simple methods look at the rest."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FADING = 0.8
"How much less each season before the last counts in what is usual at a place in it."
LEAST = 1e-9
MULTIPLES = 0.98
"Seasons multiply where that leaves less than this share of what adding them leaves."
SMALLEST, LARGEST = 0.05, 20.0
"No season divides or multiplies by more."


class SeasonFactors(NamedTuple):
    """By what values are multiplied, and what is added to them, by the season."""

    times: Floats
    added: Floats


def season_of(values: Floats, seasons: tuple[int, ...], ahead: Ints) -> tuple[SeasonFactors, SeasonFactors]:
    """Return the seasons of values `[R, W]`, NaN before the first, at their places and at the steps `ahead`."""
    none = [SeasonFactors(np.ones(shape), np.zeros(shape)) for shape in (values.shape, ahead.shape)]
    if not seasons:
        return none[0], none[1]
    added, ahead_added, left = _profiles(values, seasons, ahead)
    positive = np.nanmin(values, axis=1) > 0
    logs = np.log(np.where(positive[:, None], values, 1.0))
    times, ahead_times, logs_left = _profiles(logs, seasons, ahead)
    size = np.nanmean(np.abs(values), axis=1)
    by_times = positive & (logs_left * size < MULTIPLES * left)
    pick = by_times[:, None]
    limits = np.log(SMALLEST), np.log(LARGEST)
    return (
        SeasonFactors(np.where(pick, np.exp(times.clip(*limits)), 1.0), np.where(pick, 0.0, added)),
        SeasonFactors(np.where(pick, np.exp(ahead_times.clip(*limits)), 1.0), np.where(pick, 0.0, ahead_added)),
    )


def _profiles(values: Floats, seasons: tuple[int, ...], ahead: Ints) -> tuple[Floats, Floats, Floats]:
    """Return what is usual in all seasons, at the places of values and ahead, and the mean size of what is left."""
    width = values.shape[1]
    total, total_ahead = np.zeros(values.shape), np.zeros(ahead.shape)
    left = values
    for season in seasons:
        profile = _profile(left - _trend(left, season), season)
        place = (np.arange(width) - width) % season
        total += profile[:, place]
        total_ahead += np.take_along_axis(profile, (ahead - 1) % season, axis=1)
        left = values - total
    rest = left - _trend(left, max(seasons))
    return total, total_ahead, np.nanmean(np.abs(rest), axis=1)


def _trend(values: Floats, season: int) -> Floats:
    """Return the mean of a season around each place; at the ends it goes on along its last slope."""
    rows, width = values.shape
    there = ~np.isnan(values)
    sums = np.concatenate([np.zeros((rows, 1)), np.where(there, values, 0).cumsum(axis=1)], axis=1)
    counts = np.concatenate([np.zeros((rows, 1)), there.cumsum(axis=1)], axis=1)
    means = (sums[:, season:] - sums[:, :-season]) / np.maximum(counts[:, season:] - counts[:, :-season], 1)
    whole = counts[:, season:] - counts[:, :-season] >= season  # of the mean that ends at place i + season - 1
    middle = (season - 1) / 2
    first = np.where(whole.any(axis=1), whole.argmax(axis=1), means.shape[1] - 1)
    place = np.arange(width) - middle
    low, high = first[:, None].astype(float), float(means.shape[1] - 1)
    inside = np.clip(place[None], low, high)
    below = np.floor(inside).astype(np.int64)
    above = np.minimum(below + 1, means.shape[1] - 1)
    share = inside - below
    found = np.take_along_axis(means, below, 1) * (1 - share) + np.take_along_axis(means, above, 1) * share
    back = np.minimum(season, means.shape[1] - 1 - first)
    slope_end = (means[:, -1] - means[np.arange(rows), means.shape[1] - 1 - back]) / np.maximum(back, 1)
    slope_begin = (means[np.arange(rows), first + back] - means[np.arange(rows), first]) / np.maximum(back, 1)
    beyond = place[None] - inside
    return np.asarray(found + np.where(beyond > 0, slope_end[:, None], slope_begin[:, None]) * beyond)


def _profile(rest: Floats, season: int) -> Floats:
    """Return what is usual at each place in the season, `[R, season]`, the place after the last value first.

    It is shrunk by how much of it chance alone would give, to nothing where there are less than two seasons.
    """
    rows, width = rest.shape
    cycles = width // season
    table = rest[:, width - cycles * season :].reshape(rows, cycles, season)
    there = ~np.isnan(table)
    weights = np.where(there, FADING ** np.arange(cycles - 1, -1, -1.0)[None, :, None], 0.0)
    total = weights.sum(axis=1)
    mean = (weights * np.where(there, table, 0)).sum(axis=1) / np.maximum(total, LEAST)
    mean -= mean.mean(axis=1, keepdims=True)
    apart = np.where(there, table - mean[:, None], 0.0)
    enough = there.sum(axis=1)
    counted = np.maximum(there.sum(axis=(1, 2)) - season, 1)
    noise = (apart**2).sum(axis=(1, 2)) / counted
    effective = total.mean(axis=1) ** 2 / np.maximum((weights**2).sum(axis=1).mean(axis=1), LEAST)
    by_chance = noise / np.maximum(effective, 1)
    found = (mean**2).mean(axis=1)
    kept = np.maximum(0.0, 1 - by_chance / np.maximum(found, LEAST**2))
    kept = np.where(enough.min(axis=1) >= 2, kept, 0.0)
    return np.asarray(mean * kept[:, None])
