"""Simple methods that say what a session wants next: all that a recommender has to beat.

Each is made from the places of training sessions (what was read, what came next, where the session of each begins) and
gives scores `[places, items]` for others. Where a method has nothing to say of an item, popularity decides.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer[Any]]
Scores = NDArray[np.float64]
Scorer = Callable[[Integers, Integers, int, int], Scores]
"From what was read at all places, and where the session of each begins, to the scores from one place to another."

MERGED_PAIRS = 1 << 23


class Pairs(NamedTuple):
    """How often one item goes with another, as sorted keys `item * items + other`, each with its count."""

    keys: NDArray[np.int64]
    counts: NDArray[np.float64]

    @classmethod
    def of(cls, pieces: Iterable[NDArray[np.int64]]) -> Self:
        """Count the keys of all pieces."""
        keys, counts, waiting = np.empty(0, np.int64), np.empty(0), [np.empty(0, np.int64)]
        for piece in pieces:
            waiting.append(piece)
            if sum(map(len, waiting)) > MERGED_PAIRS:
                keys, counts = _merged(keys, counts, np.concatenate(waiting))
                waiting = [np.empty(0, np.int64)]
        return cls(*_merged(keys, counts, np.concatenate(waiting)))

    def rows(self, items: Integers, choices: int) -> tuple[Integers, Integers, NDArray[np.float64]]:
        """Return what goes with each of some items: which of the items, which other one, and how often."""
        starts = np.searchsorted(self.keys, items * choices)
        stops = np.searchsorted(self.keys, (items + 1) * choices)
        lengths = stops - starts
        which = np.repeat(np.arange(len(items)), lengths)
        places = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths - starts, lengths)
        return which, self.keys[places] % choices, self.counts[places]


@dataclass(frozen=True)
class NextItem:
    """What was counted in training sessions, and the methods that score by it.

    >>> import numpy as np
    >>> counted = NextItem.fit([(np.array([0, 1, 0]), np.array([1, 2, 1]), np.array([0, 0, 2]))], choices=3)
    >>> counted.markov(np.array([1]), np.array([0]), 0, 1).argmax()
    np.int64(2)
    """

    choices: int
    supports: NDArray[np.float64]
    follows: Pairs
    together: Pairs

    @classmethod
    def fit(cls, pieces: Iterable[tuple[Integers, Integers, Integers]], choices: int) -> Self:
        """Count in places of whole sessions: what was read, what came next, where the session of each begins."""
        kept = list(pieces)
        supports = np.zeros(choices)
        for read, wanted, begins in kept:
            is_begin = np.arange(len(read)) == begins
            supports += np.bincount(read[is_begin], minlength=choices) + np.bincount(wanted, minlength=choices)
        follows = Pairs.of(read.astype(np.int64) * choices + wanted for read, wanted, _ in kept)
        together = Pairs.of(pairs for piece in kept for pairs in _pairs_together(*piece, choices))
        return cls(choices, supports, follows, together)

    def methods(self) -> dict[str, Scorer]:
        """Return every method by its name."""
        return {
            "popularity": self.popularity,
            "session popularity": self.session_popularity,
            "last item again": self.repeat,
            "co-occurrence": self.co_occurrence,
            "item-kNN": self.item_knn,
            "Markov chain": self.markov,
        }

    def popularity(self, read: Integers, begins: Integers, start: int, stop: int) -> Scores:
        """Score each item by how many events it had in training.

        Baseline: `popularity`.
        """
        return self._prior(stop - start)

    def session_popularity(self, read: Integers, begins: Integers, start: int, stop: int) -> Scores:
        """Score each item by how often the session has had it so far, then by popularity (S-POP).

        Baseline: `session popularity`.
        """
        scores = self._prior(stop - start)
        which, items = history(read, begins, start, stop)
        np.add.at(scores, (which, items), 1)
        return scores

    def repeat(self, read: Integers, begins: Integers, start: int, stop: int) -> Scores:
        """Score the item just read highest, then by popularity.

        Baseline: `last item again`.
        """
        scores = self._prior(stop - start)
        scores[np.arange(stop - start), read[start:stop]] += 1
        return scores

    def co_occurrence(self, read: Integers, begins: Integers, start: int, stop: int) -> Scores:
        """Score each item by the sessions that had it together with the one just read.

        Baseline: `co-occurrence`.
        """
        return self._by_pairs(self.together, read[start:stop], lambda item, other, count: count)

    def item_knn(self, read: Integers, begins: Integers, start: int, stop: int) -> Scores:
        r"""Score each item by the cosine between the sessions that had it and those that had the one just read.

            sim(i, j) = n_ij / sqrt(n_i n_j)

        Baseline: `item-kNN`.

        Source: Hidasi et al. 2016, section 4.1.
        """
        alone = np.maximum(self.supports, 1)
        return self._by_pairs(
            self.together, read[start:stop], lambda item, other, count: count / np.sqrt(alone[item] * alone[other])
        )

    def markov(self, read: Integers, begins: Integers, start: int, stop: int) -> Scores:
        """Score each item by how often it came right after the one just read.

        Baseline: `Markov chain`.
        """
        return self._by_pairs(self.follows, read[start:stop], lambda item, other, count: count)

    def _prior(self, places: int) -> Scores:
        """Return popularity as scores below any that a method gives: at most one in a million."""
        shares = self.supports / max(1.0, self.supports.max())
        return np.tile(shares * 1e-6, (places, 1))

    def _by_pairs(self, pairs: Pairs, items: Integers, weigh: Callable[..., NDArray[np.float64]]) -> Scores:
        scores = self._prior(len(items))
        which, others, counts = pairs.rows(items, self.choices)
        scores[which, others] += weigh(items[which], others, counts)
        return scores


def history(read: Integers, begins: Integers, start: int, stop: int) -> tuple[Integers, Integers]:
    """Return what the sessions of some places had read there: which place (from `start`), and which item.

    >>> history(np.array([4, 5, 6]), np.array([0, 0, 0]), 1, 3)
    (array([0, 0, 1, 1, 1]), array([4, 5, 4, 5, 6]))
    """
    places = np.arange(start, stop)
    lengths = places - begins[start:stop] + 1
    which = np.repeat(places - start, lengths)
    offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return which, read[np.repeat(begins[start:stop], lengths) + offsets]


def _pairs_together(read: Integers, wanted: Integers, begins: Integers, choices: int) -> Iterable[NDArray[np.int64]]:
    """Yield, for each session, the keys of its different items in pairs, each pair both ways."""
    starts = np.flatnonzero(np.arange(len(read)) == begins)
    for start, stop in zip(starts, [*starts[1:], len(read)], strict=True):
        items = np.unique(np.append(read[start:stop], wanted[stop - 1])).astype(np.int64)
        one, other = np.meshgrid(items, items, indexing="ij")
        yield (one * choices + other)[~np.eye(len(items), dtype=bool)]


def _merged(
    keys: NDArray[np.int64], counts: NDArray[np.float64], more: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    every, where = np.unique(np.concatenate([keys, more]), return_inverse=True)
    return every, np.bincount(where, np.concatenate([counts, np.ones(len(more))]), len(every)).astype(float)
