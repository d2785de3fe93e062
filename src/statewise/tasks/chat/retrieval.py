"""Replies that are looked up: by the words they share with what was said, or from where the like was said before."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise.data.pairs.pairs_codec import WORD

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
QUERIES = 64
"So many are looked up at once, so that what is compared stays small."
LIKE = 10
"So many turns that are like what was said have a say in which reply is the true one."


def terms(text: str) -> list[str]:
    """Return the words of a text in small letters.

    >>> terms("Oh, I see!")
    ['oh', 'i', 'see']
    """
    return [word for word in WORD.findall(text.casefold()) if any(map(str.isalnum, word))]


class TfIdf:
    """Turns that were answered, as words weighed by how rare they are, and what was replied to each.

    The weight of a word that stands n times in a turn is `(1 + log n) (1 + log((1 + turns) / (1 + turns with it)))`;
    how like two turns are is the cosine. Source: Salton & Buckley 1988; as a method of reply, Lowe et al. 2015.

    Baselines:

    - `TF-IDF, reply like what was said`: the reply that is most like what was said, by
      `statewise.tasks.chat.retrieval.TfIdf.reply_scores`
    - `TF-IDF, replies to the like`: the reply that is most like what was replied to the turns that are most like what
      was said, by `statewise.tasks.chat.retrieval.TfIdf.like_scores`
    """

    def __init__(self, turns: Sequence[str], replies: Sequence[str]) -> None:
        self.turns, self.replies = turns, replies
        counts: Counter[str] = Counter()
        for turn in turns:
            counts.update(set(terms(turn)))
        self.places = {word: place for place, word in enumerate(counts)}
        self.rarity = 1 + np.log((1 + len(turns)) / (1 + np.fromiter(counts.values(), np.float64, len(counts))))

    def weights(self, text: str) -> dict[int, float]:
        """Return the weights of the words of a text, of length 1 together; words that no turn has weigh nothing."""
        found = Counter(place for word in terms(text) if (place := self.places.get(word)) is not None)
        weights = {place: (1 + math.log(n)) * float(self.rarity[place]) for place, n in found.items()}
        length = math.sqrt(sum(weight**2 for weight in weights.values()))
        return {place: weight / length for place, weight in weights.items()}

    def matrix(self, texts: Sequence[str]) -> Tensor:
        """Return texts as rows of weights, `[N, V]`, sparse."""
        rows, columns, values = list[int](), list[int](), list[float]()
        for row, text in enumerate(texts):
            found = self.weights(text)
            rows += [row] * len(found)
            columns += found
            values += found.values()
        shape = len(texts), max(1, len(self.places))
        indices = torch.tensor([rows, columns], dtype=torch.long)
        return torch.sparse_coo_tensor(
            indices, torch.tensor(values, dtype=torch.float32), shape, check_invariants=True
        ).coalesce()

    @cached_property
    def _known(self) -> Tensor:
        return self.matrix(self.turns)

    def nearest(self, said: Sequence[str]) -> tuple[NDArray[np.float32], Integers]:
        """Return how like the likest turns are to what was said, and their numbers, `[N, LIKE]`, the likest first."""
        many, near, which = min(LIKE, len(self.turns)), list[Tensor](), list[Tensor]()
        for begin in range(0, len(said), QUERIES):
            asked = self.matrix(said[begin : begin + QUERIES]).to_dense()
            found = torch.sparse.mm(self._known, asked.T).T.topk(many, dim=1)
            near.append(found.values)
            which.append(found.indices)
        return torch.cat(near).numpy(), torch.cat(which).numpy()

    def reply_scores(self, said: Sequence[str], replies: Sequence[str], among: Integers) -> Floats:
        """Return how like each of some replies is to what was said, `[N, K]`."""
        told = [self.weights(reply) for reply in replies]
        return np.array(
            [
                [_dot(asked, told[number]) for number in row]
                for asked, row in zip(map(self.weights, said), among, strict=True)
            ]
        )

    def like_scores(self, said: Sequence[str], replies: Sequence[str], among: Integers) -> Floats:
        """Return how like each of some replies is to what was replied to the likest turns, weighed by how like."""
        told, found = [self.weights(reply) for reply in replies], []
        for near, which, row in zip(*self.nearest(said), among, strict=True):
            wanted: Counter[int] = Counter()
            for share, number in zip(near.tolist(), which, strict=True):
                wanted.update({place: share * weight for place, weight in self.weights(self.replies[number]).items()})
            found.append([_dot(wanted, told[number]) for number in row])
        return np.array(found)

    def looked_up(self, said: Sequence[str]) -> list[str]:
        """Return what was replied to the turn that is likest to what was said."""
        return [self.replies[numbers[0]] for numbers in self.nearest(said)[1]]


def _dot(one: Mapping[int, float], other: Mapping[int, float]) -> float:
    return sum(weight * one[place] for place, weight in other.items() if place in one)
