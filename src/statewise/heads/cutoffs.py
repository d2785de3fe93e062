"""Where to cut a vocabulary for an adaptive softmax: by what an update is expected to cost."""

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.heads.adaptive_softmax import SHRINK

CANDIDATES, MOST_CUTOFFS, LEAST_FIRST = 48, 3, 2000
"The first group, whose vectors are as wide as can be, has at least so many choices, or half of all."


class Cost(NamedTuple):
    """What an update costs, in nanoseconds: of a product, a score, a weight, and of a group besides.

    Only how the figures stand to each other matters: that is as `benchmarks/language.py --cost` found it on one thread
    of a server, rounded. They are not measured again for each training, so that a seed repeats itself on any machine.
    """

    product: float = 0.025
    score: float = 5.0
    weight: float = 2.5
    group: float = 100_000.0

    def of(self, places: float, choices: float, width: int, features: int) -> float:
        """Return what a softmax over so many choices costs where it is asked at so many places."""
        products = places * width * (choices + (features if width < features else 0))
        return 3 * self.product * products + self.score * places * choices + self.weight * choices * width + self.group


USUAL = Cost()


def expected_cost(
    counts: Sequence[int],
    cutoffs: Sequence[int],
    *,
    features: int,
    places: int,
    shrink: float = SHRINK,
    cost: Cost = USUAL,
) -> float:
    """Return the nanoseconds of an update that an adaptive softmax is expected to take, forward and back.

    Without cut-offs they are those of a full softmax.

    >>> counts = [100_000 // (n + 1) for n in range(50_000)]
    >>> full, cut = (expected_cost(counts, c, features=256, places=2560) for c in ([], [2000, 10000]))
    >>> full > 4 * cut
    True
    """
    shares = np.cumsum(np.asarray(counts, np.float64)) / max(1, sum(counts))
    bounds = [0, *cutoffs, len(counts)]
    total = cost.of(places, bounds[1] + len(cutoffs), features, features)
    for number in range(1, len(bounds) - 1):
        start, stop = bounds[number], bounds[number + 1]
        asked = places * float(shares[stop - 1] - shares[start - 1])
        total += cost.of(asked, stop - start, max(1, int(features / shrink**number)), features)
    return total


def chosen_cutoffs(
    counts: Sequence[int], *, features: int, places: int, shrink: float = SHRINK, cost: Cost = USUAL
) -> list[int]:
    """Return the cut-offs whose update is expected to cost least, at most three; at least one is always returned.

    `counts` are how often each choice occurs, the most frequent first. They are looked for among numbers about an
    eighth apart, the best of each number of groups by dynamic programming over where the last one begins.

    >>> chosen_cutoffs([100_000 // (n + 1) for n in range(50_000)], features=256, places=2560)[0]
    2000
    """
    choices = len(counts)
    shares = np.concatenate([[0.0], np.cumsum(np.asarray(counts, np.float64)) / max(1, sum(counts))])
    bounds = _candidates(choices)
    best: tuple[float, list[int]] = (math.inf, [])
    for cuts in range(1, min(MOST_CUTOFFS, len(bounds)) + 1):
        costs = [cost.of(places, bound + cuts, features, features) for bound in bounds]
        paths = [[bound] for bound in bounds]
        for number in range(1, cuts + 1):
            width, last = max(1, int(features / shrink**number)), number == cuts
            ends = [choices] if last else bounds
            of_group = partial(_cost_of_group, shares, places, width, features, cost)
            table = [
                [before + of_group(bound, end) for before, bound in zip(costs, bounds, strict=True)] for end in ends
            ]
            froms = [int(np.argmin(row)) for row in table]
            costs = [row[a] for row, a in zip(table, froms, strict=True)]
            paths = [[*paths[a], end] for a, end in zip(froms, ends, strict=True)]
        if costs[0] < best[0]:
            best = costs[0], paths[0][:-1]
    return best[1]


def _cost_of_group(
    shares: NDArray[np.float64], places: int, width: int, features: int, cost: Cost, start: int, stop: int
) -> float:
    if stop <= start:
        return math.inf
    return cost.of(places * float(shares[stop] - shares[start]), stop - start, width, features)


def _candidates(choices: int) -> list[int]:
    """Return places to cut at, about evenly spaced in their logarithm."""
    first = min(LEAST_FIRST, max(1, choices // 2))
    spaced = np.geomspace(first, max(first, choices - 1), CANDIDATES)
    return sorted({int(bound) for bound in spaced if 0 < int(bound) < choices})
