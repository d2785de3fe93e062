"""What simple methods understand: TF-IDF with logistic regression for intents, a CRF on word features for slots."""

import math
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from statewise.data.utterances.sample_utterance import (
    OUT_OF_SCOPE,
    SampleUtterance,
    labels_of,
    spans_of,
    words_of_utterance,
)
from statewise.data.window import Padded
from statewise.heads import CRF
from statewise.tasks.dialogue.metrics import Told

PENALTY = 0.1
"Of the squares of weights, to one utterance: 1 / (2 C) of others, with C = 5."
MOST_STEPS_OF_FIT = 100
EPOCHS, ROWS, RATE = 6, 64, 0.05
LEAST_SEEN = 1


def terms_of(text: str) -> list[str]:
    """Return the words of a text in small letters, and each two in a row.

    >>> terms_of("Book a table")
    ['book', 'a', 'table', 'book a', 'a table']
    """
    words = [word.text.casefold() for word in words_of_utterance(text)]
    return words + [f"{one} {other}" for one, other in pairwise(words)]


@dataclass(frozen=True)
class Bags:
    """Several sparse vectors one after another: indices, weights, and where each begins."""

    indices: Tensor
    weights: Tensor
    offsets: Tensor

    @classmethod
    def of(cls, rows: Sequence[dict[int, float]]) -> "Bags":
        """Return sparse vectors side by side."""
        lengths = torch.tensor([0, *(len(row) for row in rows)])
        indices = torch.tensor([index for row in rows for index in row], dtype=torch.long)
        weights = torch.tensor([weight for row in rows for weight in row.values()], dtype=torch.float32)
        return cls(indices, weights, lengths.cumsum(0)[:-1])

    def times(self, matrix: Tensor, *, sparse: bool = False) -> Tensor:
        """Return the vectors times a matrix `[F, V]`."""
        return nn.functional.embedding_bag(
            self.indices, matrix, self.offsets, mode="sum", per_sample_weights=self.weights, sparse=sparse
        )


@dataclass(frozen=True)
class TfIdfRegression:
    """Logistic regression over words and pairs of words, weighed by TF-IDF; fitted by L-BFGS to its optimum.

    Baselines:

    - `TF-IDF with logistic regression, CRF on word features`: intents by this, slots by
      `statewise.tasks.dialogue.baselines.WordCRF`
    """

    terms: dict[str, int]
    rareness: list[float]
    weights: Tensor
    bias: Tensor
    names: list[str]

    @classmethod
    def fitted(cls, training: Sequence[SampleUtterance]) -> "TfIdfRegression":
        """Learn from utterances with their intents."""
        counts = Counter(term for one in training for term in set(terms_of(one.text)))
        terms = {term: number for number, term in enumerate(sorted(counts))}
        rareness = [math.log((1 + len(training)) / (1 + counts[term])) + 1 for term in terms]
        names = sorted({one.intent for one in training})
        made = cls(terms, rareness, torch.zeros(len(terms), len(names)), torch.zeros(len(names)), names)
        bags = made.bags([one.text for one in training])
        codes = torch.tensor([names.index(one.intent) for one in training])
        weights, bias = made.weights.requires_grad_(), made.bias.requires_grad_()
        fit: Any = torch.optim.LBFGS([weights, bias], max_iter=MOST_STEPS_OF_FIT, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            fit.zero_grad()
            nats = nn.functional.cross_entropy(bags.times(weights) + bias, codes, reduction="sum")
            total = (nats + PENALTY * weights.square().sum()) / len(codes)
            torch.autograd.backward(total)
            return total

        fit.step(loss)
        return cls(terms, rareness, weights.detach(), bias.detach(), names)

    def bags(self, texts: Sequence[str]) -> Bags:
        """Return the terms of texts as vectors of length 1."""
        rows = []
        for text in texts:
            counts = Counter(self.terms[term] for term in terms_of(text) if term in self.terms)
            row = {index: count * self.rareness[index] for index, count in sorted(counts.items())}
            norm = math.sqrt(sum(value * value for value in row.values())) or 1.0
            rows.append({index: value / norm for index, value in row.items()})
        return Bags.of(rows)

    def chances(self, texts: Sequence[str]) -> Tensor:
        """Return how likely each intent is, `[N, I]`."""
        with torch.no_grad():
            return (self.bags(texts).times(self.weights) + self.bias).softmax(dim=-1)


def features_of(words: Sequence[str], at: int) -> list[str]:
    """Return the features of one word: itself and its neighbours, its ends, its shape.

    >>> features_of(["Book", "two"], 0)[:4]
    ['w=book', '-1=', '+1=two', '-1w=|book']
    """
    small = [word.casefold() for word in words]

    def near(by: int) -> str:
        return small[at + by] if 0 <= at + by < len(small) else ""

    word, own = small[at], words[at]
    shape = "".join("X" if c.isupper() else "x" if c.islower() else "9" if c.isdigit() else c for c in own[:6])
    return [
        f"w={word}",
        f"-1={near(-1)}",
        f"+1={near(1)}",
        f"-1w={near(-1)}|{word}",
        f"w+1={word}|{near(1)}",
        f"-2={near(-2)}",
        f"+2={near(2)}",
        f"end3={word[-3:]}",
        f"begin3={word[:3]}",
        f"shape={shape}",
        "any",
    ]


@dataclass
class WordCRF:
    """A linear chain CRF over features of words and their neighbours: Lafferty et al. 2001."""

    features: dict[str, int]
    weights: Tensor
    field: CRF
    slots: list[str]

    @classmethod
    def fitting(
        cls, training: Sequence[SampleUtterance], slots: Sequence[str], seed: int = 0
    ) -> Generator[float, None, "WordCRF"]:
        """Learn from labelled utterances by stochastic gradients, yielding how much is done."""
        rows = [[word.text for word in words_of_utterance(one.text)] for one in training]
        labels = [torch.tensor(labels_of(one, slots)[0]) for one in training]
        counts = Counter(feature for words in rows for at in range(len(words)) for feature in features_of(words, at))
        known = {feature: n for n, feature in enumerate(sorted(f for f, count in counts.items() if count > LEAST_SEEN))}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            field = CRF(1, len(slots))
        made = cls(known, nn.Parameter(torch.zeros(max(1, len(known)), field.choices)), field, list(slots))
        bags = [made.bag(words) for words in rows]
        sparse: Any = torch.optim.SparseAdam([made.weights], lr=RATE)
        dense = torch.optim.Adam([field.transitions, field.first], lr=RATE)
        dice = np.random.default_rng(seed)
        steps = max(1, EPOCHS * math.ceil(len(rows) / ROWS))
        done = 0
        for _ in range(EPOCHS):
            order = sorted(dice.permutation(len(rows)).tolist(), key=lambda n: len(rows[n]))
            batches = [order[begin : begin + ROWS] for begin in range(0, len(order), ROWS)]
            for number in dice.permutation(len(batches)).tolist():
                batch = batches[number]
                for group in (*sparse.param_groups, *dense.param_groups):
                    group["lr"] = RATE * (1 - done / steps)
                targets = Padded.of([labels[n] for n in batch])
                nats = field.row_nats(made.emissions([bags[n] for n in batch], sparse=True), targets, None).sum()
                sparse.zero_grad()
                dense.zero_grad()
                torch.autograd.backward(nats / len(batch))
                sparse.step()
                dense.step()
                done += 1
            yield done / steps
        made.weights = made.weights.detach()
        return made

    def bag(self, words: Sequence[str]) -> list[list[int]]:
        """Return the known features of each word."""
        found = []
        for at in range(len(words)):
            found.append([self.features[one] for one in features_of(words, at) if one in self.features])
        return found

    def emissions(self, rows: Sequence[list[list[int]]], *, sparse: bool = False) -> Tensor:
        """Return what features say of each word, `[T, B, L]`, zeros where there is none."""
        flat = Bags.of([dict.fromkeys(word, 1.0) for row in rows for word in row])
        told = flat.times(self.weights, sparse=sparse)
        parts = torch.split_with_sizes(told, [len(row) for row in rows])
        return nn.utils.rnn.pad_sequence(list(parts))

    def labels(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the likeliest labels of the words of texts."""
        rows = [[word.text for word in words_of_utterance(text)] for text in texts]
        found: list[list[int]] = [[] for _ in texts]
        order = sorted((n for n, words in enumerate(rows) if words), key=lambda n: len(rows[n]))
        for begin in range(0, len(order), ROWS):
            batch = order[begin : begin + ROWS]
            emissions = self.emissions([self.bag(rows[n]) for n in batch])
            mask = torch.arange(len(emissions)).unsqueeze(1) < torch.tensor([len(rows[n]) for n in batch])
            with torch.no_grad():
                best = self.field.best(emissions, mask)
            for row, n in enumerate(batch):
                found[n] = best.values[row, : len(rows[n])].tolist()
        return found


def told_by(regression: TfIdfRegression, field: WordCRF | None, texts: Sequence[str], threshold: float) -> list[Told]:
    """Return what the two methods say together of texts."""
    chances = regression.chances(texts)
    inside = [n for n, name in enumerate(regression.names) if name != OUT_OF_SCOPE]
    labels = field.labels(texts) if field is not None else [[] for _ in texts]
    found = []
    for text, row, own in zip(texts, chances, labels, strict=True):
        best = int(row.argmax())
        sure, name = float(row[best]), regression.names[best]
        if name != OUT_OF_SCOPE and sure < threshold:
            sure, name = 1 - sure, OUT_OF_SCOPE
        words, slots = words_of_utterance(text), field.slots if field is not None else []
        spans = frozenset((one.begin, one.end, one.slot) for one in spans_of(own, words, slots)) if own else frozenset()
        found.append(Told(name, sure, spans, float(row[inside].max())))
    return found
