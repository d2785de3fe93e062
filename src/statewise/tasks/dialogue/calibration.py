"""Confidences that are shares of what is right: odds divided by a temperature, and how far off they are."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
COLDEST, HOTTEST_ODDS = 0.2, 10.0
STEPS = 60
GOLDEN = (5**0.5 - 1) / 2
BINS = 10


def _nats(odds: Floats, codes: NDArray[np.int64], temperature: float) -> float:
    shifted = odds / temperature
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    return float((np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(codes)), codes]).mean())


def fitted_temperature(odds: Floats, codes: NDArray[np.int64]) -> float:
    """Return the temperature at which the right choices are likeliest, between 0.2 and 10.

    Shapes: log-odds `[N, I]`, the numbers of the right choices `[N]`. Source: Guo et al. 2017, section 4.2.

    >>> odds = np.array([[4.0, 0.0], [4.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    >>> round(fitted_temperature(odds, np.array([0, 0, 0, 0])), 1)
    3.6
    """
    low, high = np.log(COLDEST), np.log(HOTTEST_ODDS)
    for _ in range(STEPS):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        if _nats(odds, codes, float(np.exp(left))) <= _nats(odds, codes, float(np.exp(right))):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def calibration_error(confidence: Floats, right: NDArray[np.bool_]) -> float:
    """Return by how much confidences differ from the share that is right, mean over ten bins of equal width.

    Source: the expected calibration error of Naeini, Cooper & Hauskrecht 2015.

    >>> round(calibration_error(np.array([0.95, 0.95, 0.65]), np.array([True, False, True])), 4)
    0.4167
    """
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    total = 0.0
    for number in range(BINS):
        inside = bins == number
        if inside.any():
            total += abs(float(confidence[inside].sum()) - float(right[inside].sum()))
    return total / len(confidence)
