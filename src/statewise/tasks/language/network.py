"""The network of a language model: a table of words, cells with dropout, and an output over very many words."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from statewise.cells import Chain, VariationalDropout, WeightDrop
from statewise.data.words.prepared_words import WordCodec
from statewise.data.words.words_codec import Words
from statewise.encoders import AdaptiveTable, Encoder, Table, WordDropout
from statewise.errors import UsageError
from statewise.heads import AdaptiveSoftmax, Head, Ranking
from statewise.heads.cutoffs import chosen_cutoffs, expected_cost
from statewise.model import Model
from statewise.registry import find

Output = Literal["full", "adaptive", "sampled"]
Reading = Literal["full", "adaptive"]
Sampling = Literal["log_uniform", "unigram"]
AUTO = "auto"
MOST_DROPOUT, UNDROPPED_WORDS = 0.5, 5_000_000


@dataclass(frozen=True)
class LanguageNetwork:
    """What a language model is made of."""

    cell: str
    hidden_size: int
    layers: int
    embedding: int
    output: Output
    reading: Reading
    cutoffs: str
    shrink: float
    is_tied: bool
    negatives: int
    sampling: Sampling
    places: int
    dropout: float | None
    input_dropout: float
    word_dropout: float
    weight_drop: float

    def cuts(self, codec: WordCodec) -> list[int]:
        """Return the cut-offs. Raises `UsageError` for what are none of this vocabulary."""
        if self.cutoffs == AUTO:
            return chosen_cutoffs(codec.counts, features=self.hidden_size, places=self.places, shrink=self.shrink)
        return read_cutoffs(self.cutoffs)

    def expectation(self, codec: WordCodec) -> float:
        """Return by how much the adaptive output is expected to be faster than a full one, forward and back."""
        how: dict[str, Any] = {"features": self.hidden_size, "places": self.places, "shrink": self.shrink}
        return expected_cost(codec.counts, [], **how) / expected_cost(codec.counts, self.cuts(codec), **how)

    def model(self, codec: WordCodec) -> Model[Any]:
        """Return an untrained model."""
        table = self._table(codec)
        core = self._core(dropout_for(sum(codec.counts)) if self.dropout is None else self.dropout)
        encoder = WordDropout(table, self.word_dropout) if self.word_dropout else table
        return Model(encoder, core, self._head(codec, table))

    def _table(self, codec: WordCodec) -> Encoder:
        # a row's gradient alone where only those rows learn that were read: an output that is tied learns all of them
        is_sparse = not self.is_tied or self.output == "sampled"
        if self.reading == "adaptive":
            return AdaptiveTable(codec.choices, self.embedding, self.cuts(codec), shrink=self.shrink, sparse=is_sparse)
        table = Table(codec.choices, self.embedding)
        table.sparse = is_sparse
        nn.init.normal_(table.weight, std=self.embedding**-0.5)
        return table

    def _core(self, dropout: float) -> Any:
        make: Any = find("cells", self.cell)
        parts: list[Any] = []
        for layer in range(self.layers):
            part = make(self.hidden_size if layer else self.embedding, self.hidden_size)
            part = WeightDrop(part, self.weight_drop) if self.weight_drop else part
            read = 0.0 if layer else self.input_dropout
            parts.append(VariationalDropout(part, dropout, input_rate=read) if dropout or read else part)
        return parts[0] if self.layers == 1 else Chain(*parts)

    def _head(self, codec: WordCodec, table: Encoder) -> Head[Any]:
        counts = torch.tensor(codec.counts, dtype=torch.float32)
        logarithms = ((counts + 1) / (counts + 1).sum()).log()
        if self.output == "adaptive":
            tables = table.tables if self.is_tied and isinstance(table, AdaptiveTable) else None
            sorted_counts = torch.cat([counts[2:3], counts[2:3], counts[2:]])  # the marks stand first, however rare
            adaptive = AdaptiveSoftmax(
                self.hidden_size,
                codec.choices,
                self.cuts(codec),
                shrink=self.shrink,
                tables=tables,
                counts=sorted_counts if isinstance(codec, Words) else counts,
            )
            with torch.no_grad():
                adaptive.bias[:2] = logarithms[:2]
            return adaptive
        negatives = self.negatives if self.output == "sampled" else 0
        drawn = counts + 1 if self.sampling == "unigram" else log_uniform(codec.choices)
        lent = table if self.is_tied and isinstance(table, Table) else None
        head = Ranking(self.hidden_size, drawn, table=lent, negatives=negatives, in_batch=False, alpha=1.0)
        with torch.no_grad():
            head.bias.weight.copy_(logarithms.unsqueeze(-1))
        return head


def dropout_for(words: int) -> float:
    """Return the dropout of a network that learns from so many words: what a few of them say is soon known by heart.

    0.5 up to fifty thousand, a quarter less with each factor of ten, none from five million on.

    >>> [dropout_for(words) for words in (12_000, 500_000, 20_000_000)]
    [0.5, 0.25, 0.0]
    """
    return round(min(MOST_DROPOUT, max(0.0, 0.25 * (math.log10(UNDROPPED_WORDS) - math.log10(max(1, words))))), 2)


def read_cutoffs(text: str) -> list[int]:
    """Return cut-offs as they are written. Raises `UsageError` where they are not whole numbers.

    >>> read_cutoffs("2000,10000")
    [2000, 10000]
    """
    parts = text.split(",")
    if not all(part.strip().isdecimal() and len(part.strip()) < 10 for part in parts):
        raise UsageError(f"--cutoffs {text[:60]!r} are not whole numbers: give {AUTO}, or as 2000,10000")
    return [int(part) for part in parts]


def log_uniform(choices: int) -> torch.Tensor:
    r"""Return odds of choices that fall with their number as those of words do: log((k + 2) / (k + 1)) / log(V + 1)."""
    numbers = torch.arange(choices, dtype=torch.float64)
    return (((numbers + 2) / (numbers + 1)).log() / torch.log(torch.tensor(choices + 1.0))).float()
