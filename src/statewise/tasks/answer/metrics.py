"""How good answers are: shares of right ones, by file and together, with intervals over questions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
"How many times questions are drawn again for an interval."
SEED = 12345
SOLVED = 0.95
"A task counts as solved from this share of right answers on: Weston et al. 2015."


def by_file(right: NDArray[np.bool_], files: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the share of right answers of each file, and how many questions it has."""
    names = np.array(files)
    return {
        str(name): {"accuracy": float(right[names == name].mean()), "questions": int((names == name).sum())}
        for name in dict.fromkeys(files)
    }


def accuracy(right: NDArray[np.bool_], files: Sequence[str]) -> dict[str, float]:
    """Return the mean over files of the share of right answers, its 95 % interval, and how many of several are solved.

    Metrics:

    - `accuracy`: right answers / questions, of each file, and the mean of that over files; more is better
    - `solved`: how many of several files have an accuracy of 0.95 or more, from which on Weston et al. 2015 count a
      task as solved; more is better

    >>> accuracy(np.array([True, True, False, True]), ["a", "a", "b", "b"])["accuracy"]
    0.75
    """
    found = by_file(right, files)
    shares = [one["accuracy"] for one in found.values()]
    low, high = np.quantile(drawn(right, files), [0.025, 0.975])
    mean = {"accuracy": float(np.mean(shares)), "accuracy_low": float(low), "accuracy_high": float(high)}
    return {**mean, "solved": float(sum(share >= SOLVED for share in shares))} if len(shares) > 1 else mean


def drawn(right: NDArray[np.bool_] | NDArray[np.float64], files: Sequence[str]) -> NDArray[np.float64]:
    """Return the mean over files of as many questions drawn with repeats, a thousand times: always the same draws."""
    names, draw = np.array(files), np.random.default_rng(SEED)
    means = []
    for name in dict.fromkeys(files):
        values = right[names == name].astype(np.float64)
        times = draw.multinomial(len(values), np.full(len(values), 1 / len(values)), size=DRAWS)
        means.append(times @ values / len(values))
    mean: NDArray[np.float64] = np.mean(means, axis=0)
    return mean


def difference(one: NDArray[Any], other: NDArray[Any], files: Sequence[str]) -> tuple[float, float, float]:
    """Return by how much one set of answers is right more often than another, and a 95 % interval, in pairs."""
    apart = one.astype(np.float64) - other.astype(np.float64)
    draws = drawn(apart, files)
    low, high = np.quantile(draws, [0.025, 0.975])
    names = np.array(files)
    mean = float(np.mean([apart[names == name].mean() for name in dict.fromkeys(files)]))
    return mean, float(low), float(high)
