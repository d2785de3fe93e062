"""How well the item that came next was ranked among all of them, and how sure that is."""

from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise.tasks.shared.resampling import bootstrap

Floats = NDArray[np.float64]
Integers = NDArray[np.integer[Any]]
ScoresOf = Callable[[int, int], Tensor]
"From the first place to the one after the last, to their scores `[n, V]` of every item."

BLOCK_SCORES = 1 << 22
POSITIONS = ((1, 1), (2, 2), (3, 3), (4, 4), (5, 9), (10, 19), (20, 49), (50, None))


class JudgedLists(NamedTuple):
    """The rank of the wanted item at each place, 1 the best, and the `k` items that were ranked highest, `[n, k]`."""

    ranks: Integers
    lists: Integers

    @property
    def k(self) -> int:
        """How long a list is."""
        return int(self.lists.shape[1])

    def values(self) -> dict[str, Floats]:
        """Return what each place is worth by each measure, from 0 to 1.

            recall@k = [rank <= k]      mrr@k = [rank <= k] / rank      ndcg@k = [rank <= k] / log2(1 + rank)

        One item is wanted at a place, so its ideal NDCG is 1.

        Metrics:

        - `recall_at_K`: the share of places whose wanted item is in the list of K: the mean of [rank <= K]; more is
          better
        - `mrr_at_K`: mean reciprocal rank, the mean of [rank <= K] / rank; more is better
        - `ndcg_at_K`: the mean of [rank <= K] / log2(1 + rank); more is better

        >>> one = JudgedLists(np.array([1, 3, 9]), np.zeros((3, 4), int))
        >>> {name: value.round(3).tolist() for name, value in one.values().items()}
        {'recall_at_4': [1.0, 1.0, 0.0], 'mrr_at_4': [1.0, 0.333, 0.0], 'ndcg_at_4': [1.0, 0.5, 0.0]}
        """
        hit = self.ranks <= self.k
        gains: dict[str, Floats] = {
            "recall": hit.astype(float),
            "mrr": hit / self.ranks,
            "ndcg": hit / np.log2(1.0 + self.ranks),
        }
        return {f"{name}_at_{self.k}": gain for name, gain in gains.items()}


def judge(scores_of: ScoresOf, wanted: Integers, k: int, choices: int) -> Generator[float, None, JudgedLists]:
    """Yield how much is done, and return the ranks of the wanted items and the lists of `k` at all places.

    Items of equal score count as ranked before the wanted one, and so does what is not a number: ties never flatter.
    """
    ranks, lists = [np.empty(0, np.int64)], [np.empty((0, k), np.int64)]
    at_once = max(1, BLOCK_SCORES // choices)
    for start in range(0, len(wanted), at_once):
        stop = min(start + at_once, len(wanted))
        scores = scores_of(start, stop)
        own = scores.gather(1, torch.from_numpy(wanted[start:stop].astype(np.int64)).unsqueeze(1))
        ranks.append((choices - (scores < own).sum(dim=1)).numpy())
        lists.append(scores.topk(k, dim=1).indices.numpy())
        yield stop / len(wanted)
    return JudgedLists(np.concatenate(ranks), np.concatenate(lists))


def measures(judged: JudgedLists, wanted: Integers, sessions: Integers, supports: Integers) -> dict[str, float]:
    """Return the means over all places with their 95 % intervals, and what the lists are like.

    `coverage` is the share of the catalogue that some list names. `popularity_bias` is how much further up the items
    listed are, ordered by training events, than those that were wanted, as a share of the catalogue: 0 is as popular.

    Metrics:

    - `coverage_at_K`: items that some list of K names / all items
    - `popularity_bias_at_K`: mean place of the listed items - mean place of the wanted ones, places in the order of
      training events and divided by the number of items; 0 is as popular as what was wanted
    """
    found: dict[str, float] = {}
    for name, values in judged.values().items():
        low, high = bootstrap(values, sessions)
        found |= {name: float(values.mean()), f"{name}_low": low, f"{name}_high": high}
    choices = len(supports)
    place = np.empty(choices)
    place[np.argsort(supports, kind="stable")] = np.arange(choices) / max(1, choices - 1)
    found[f"coverage_at_{judged.k}"] = len(np.unique(judged.lists)) / choices
    found[f"popularity_bias_at_{judged.k}"] = float(place[judged.lists].mean() - place[wanted].mean())
    return found


def by_position(judged: JudgedLists, positions: Integers) -> dict[str, dict[str, float]]:
    """Return the means at the places after the first, second, ... event of a session, and how many places that is.

    >>> found = by_position(JudgedLists(np.array([1, 9]), np.zeros((2, 4), int)), np.array([0, 6]))
    >>> found["1"]["recall_at_4"], found["5-9"]["recall_at_4"]
    (1.0, 0.0)
    """
    found = {}
    for first, last in POSITIONS:
        here = (positions + 1 >= first) & (positions + 1 <= (last or np.inf))
        if here.any():
            label = f"{first}" if first == last else f"{first}-{last}" if last else f"{first}+"
            means = {name: float(values[here].mean()) for name, values in judged.values().items()}
            found[label] = {"places": int(here.sum()), **means}
    return found
