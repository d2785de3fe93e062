"""How well words are foreseen: nats of each word, also while a model goes on learning, or remembers what it read."""

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise.data.window import Window
from statewise.learning.scoring import foresee
from statewise.model import Model

Floats = NDArray[np.float64]
BLOCK_WORDS, MOST_BLOCKS, DRAWS = 1000, 200, 2000
"Words of a block, of which intervals are drawn; so many blocks at most, so that those of a long text are longer."


@dataclass
class NeuralCache:
    """What a model read of late: the features before each word, and the word; like features foresee like words.

        p(w) = (1 - weight) p_model(w) + weight sum_i softmax(sharpness s . s_i) [w_i = w]        over the last `size` i

    Source: Grave, Joulin & Usunier 2017.
    """

    size: int
    weight: float = 0.1
    sharpness: float = 0.3

    def __post_init__(self) -> None:
        self.features, self.words = torch.empty(0), torch.empty(0, dtype=torch.long)

    def mixed(self, nats: Tensor, features: Tensor, words: Tensor) -> Tensor:
        """Return the nats of words with what the cache foresees of them, and remember them.

        Shapes: nats `[T]`, features `[T, D]`, words `[T]`.
        """
        held = self.features.reshape(-1, features.shape[-1])
        known, said = torch.cat([held, features]), torch.cat([self.words, words])
        steps, places = torch.arange(len(words)).unsqueeze(-1) + len(held), torch.arange(len(known))
        seen = (places < steps) & (places >= steps - self.size)
        scores = (self.sharpness * features @ known.T).masked_fill(~seen, -torch.inf)
        odds = torch.where(seen.any(dim=-1, keepdim=True), scores.softmax(dim=-1), 0)
        cached = (odds * (said == words.unsqueeze(-1))).sum(dim=-1).double()
        share = torch.where(seen.any(dim=-1), self.weight, 0.0)
        self.features, self.words = known[-self.size :], said[-self.size :]
        return -((1 - share) * nats.double().neg().exp() + share * cached).clamp(min=1e-300).log()


def word_nats(
    model: Model[Any], windows: Sequence[Window], *, rate: float = 0.0, cache: NeuralCache | None = None
) -> Generator[float, None, Floats]:
    """Yield how much is done, and return the nats of each word of windows of one row, in order.

    With a `rate` a copy of the model goes on learning from each window once it is scored: dynamic evaluation.
    """
    found = []
    for number, seen in enumerate(foresee(model, windows, rate), start=1):
        with torch.no_grad():
            nats = seen.model.head.nats(seen.params.flatten(0, 1), seen.window.targets.flatten())
            if cache is not None:
                nats = cache.mixed(nats, seen.params.flatten(0, 1), seen.window.targets.flatten())
        found.append(nats.double().numpy())
        yield number / len(windows)
    return np.concatenate(found)


class JudgedWords(NamedTuple):
    """Sums of nats over the words that were scored: of all, and of the unknown ones among them."""

    nats: float
    words: int
    unknown_nats: float
    unknown: int

    @classmethod
    def of(cls, nats: Floats, targets: NDArray[np.integer[Any]], unknown: int | None) -> "JudgedWords":
        """Return the sums over words, of which one code may stand for unknown ones."""
        is_unknown = targets == unknown if unknown is not None else np.zeros(len(targets), np.bool_)
        return cls(float(nats.sum()), len(nats), float(nats[is_unknown].sum()), int(is_unknown.sum()))

    def metrics(self, unit: str, unknown_types: int) -> dict[str, float]:
        """Return perplexities: of all words, of known words alone, and with unknown words told apart.

        To tell one of `unknown_types` words that no code stands for costs their logarithm more, at each unknown place.
        So a smaller vocabulary, of which more is unknown, does not look better by being smaller.

        Metrics:

        - `perplexity`: exp(nats / words); less is better
        - `bits_per_word`, `bits_per_subword`: nats / words / log 2; less is better
        - `perplexity_of_known`: the same over words of the vocabulary alone; less is better
        - `perplexity_adjusted`: exp((nats + unknown places * log(unknown types)) / words): an unknown word is told
          apart from the others; less is better
        - `unknown_share`: places whose word is not in the vocabulary / places
        - `words`, `subwords`: places that were scored
        """
        known = self.words - self.unknown
        apart = self.nats + self.unknown * math.log(max(1, unknown_types))
        told = {
            "perplexity": perplexity(self.nats, self.words),
            f"bits_per_{unit}": self.nats / self.words / math.log(2),
        }
        if self.unknown or unknown_types:
            told["perplexity_of_known"] = perplexity(self.nats - self.unknown_nats, known)
            told["perplexity_adjusted"] = perplexity(apart, self.words)
            told["unknown_share"] = self.unknown / self.words
        return {**told, f"{unit}s": self.words}


def perplexity(nats: float, words: int) -> float:
    """Return how many equally likely words would be as hard to foresee.

    >>> round(perplexity(nats=3 * math.log(50), words=3), 6)
    50.0
    """
    mean = nats / max(1, words)
    return math.exp(mean) if mean < 700 else math.inf


def blocks_of(nats: Floats) -> Floats:
    """Return the mean nats of equal stretches of a text: a thousand words each, or more where it is long."""
    count = max(1, min(MOST_BLOCKS, len(nats) // BLOCK_WORDS))
    size = len(nats) // count
    means: Floats = nats[: count * size].reshape(count, size).mean(axis=1)
    return means


def interval_of(differences: Floats, seed: int = 0) -> tuple[float, float, float]:
    """Return a mean over stretches and its 95 % interval, by drawing stretches again and again."""
    drawn = np.random.default_rng(seed).integers(len(differences), size=(DRAWS, len(differences)))
    low, high = np.quantile(differences[drawn].mean(axis=1), [0.025, 0.975])
    return float(differences.mean()), float(low), float(high)
