"""Made sessions whose best prediction is known: each item depends on the two before it, by odds that are told."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class MarkovSource:
    """A Markov chain of second order over `choices` items: after `a b` comes one of a few items drawn for that pair.

        p(c | a, b) = (1 - noise) shares[k] where c is successor k of the pair, and noise / choices for every item

    A session's first item is any; its second follows that alone, as if an item of its own stood before it.

    >>> source = MarkovSource(choices=5, seed=1)
    >>> bool(np.allclose(source.odds.sum(axis=-1), 1)), source.sessions(2, 4).shape
    (True, (2, 4))
    """

    choices: int
    shares: tuple[float, ...] = (0.6, 0.3, 0.1)
    noise: float = 0.1
    seed: int = 0

    @cached_property
    def odds(self) -> Floats:
        """The odds of each item after each pair, `[V + 1, V, V]`; the last of the first axis is the beginning."""
        random = np.random.default_rng(self.seed)
        odds = np.full((self.choices + 1, self.choices, self.choices), self.noise / self.choices)
        order = random.random(odds.shape).argsort(axis=-1)[..., : len(self.shares)]
        np.put_along_axis(odds, order, (1 - self.noise) * np.array(self.shares) + self.noise / self.choices, axis=-1)
        return odds

    def sessions(self, count: int, length: int, seed: int = 0) -> Integers:
        """Return so many sessions of a length, `[count, length]`."""
        random, reached = np.random.default_rng((self.seed, seed)), self.odds.cumsum(axis=-1)
        found = np.empty((count, length), np.int64)
        before, found[:, 0] = np.full(count, self.choices), random.integers(self.choices, size=count)
        for n in range(1, length):
            numbers = random.random((count, 1)) * reached[before, found[:, n - 1], -1:]
            found[:, n] = (reached[before, found[:, n - 1]] <= numbers).sum(axis=-1)
            before = found[:, n - 1]
        return found

    def scores(self, read: Integers, begins: Integers, start: int, stop: int) -> Floats:
        """Return the true odds at some places, as a recommender its scores: nothing can rank better on average."""
        places = np.arange(start, stop)
        before = np.where(places > begins[start:stop], read[np.maximum(places - 1, 0)], self.choices)
        found: Floats = self.odds[before, read[start:stop]]
        return found
