"""How sure a mean is: intervals from drawing what it is a mean of once more."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]

RESAMPLES = 1000


def bootstrap(values: Floats, groups: Integers, *, resamples: int = RESAMPLES, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of a mean over places, from resampling whole groups of like ones, as sessions.

    The groups drawn depend on the seed and how many there are alone: so the interval of a difference between two
    methods is that of the differences of their values. Source: Efron 1979, percentile interval.

    >>> bootstrap(np.ones(6), np.array([0, 0, 1, 1, 2, 2]))
    (1.0, 1.0)
    """
    _, number = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(number, values), np.bincount(number).astype(float)
    random = np.random.default_rng(seed)
    means = np.empty(resamples)
    for resample in range(resamples):
        drawn = random.integers(len(counts), size=len(counts))
        means[resample] = sums[drawn].sum() / counts[drawn].sum()
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)
