"""A table of vectors of which whole words, and single numbers, are lost in training."""

from typing import ClassVar, final

import torch
from torch import Tensor, nn

from statewise.cells.noise import check_rate
from statewise.encoders.encoder import Encoder, Reads


@final
class WordDropout(Encoder):
    """The vectors of a table, of which training loses some: whole ones at the rate `words`, numbers at `values`.

        y = m w x / ((1 - words) (1 - values))        m ~ Bernoulli(1 - words), one a step; w ~ Bernoulli(1 - values)

    So the network does not lean on any single word. In evaluation nothing is lost. Raises `UsageError` for a rate below
    0 or from 1 on. Source: Sennrich & Zhang 2019, section 3 (word dropout), after Gal & Ghahramani 2016.

    >>> from statewise.encoders import Table
    >>> encoder = WordDropout(Table(10, 5), words=0.5)
    >>> lost = (encoder(torch.zeros(7, 3, dtype=torch.long)) == 0).all(dim=-1)
    >>> lost.shape, bool((encoder.eval()(torch.tensor(3)) == encoder.table(torch.tensor(3))).all())
    (torch.Size([7, 3]), True)
    """

    reads: ClassVar[Reads] = "code"

    def __init__(self, table: Encoder, words: float = 0.0, values: float = 0.0) -> None:
        super().__init__()
        self.table, self.codes, self.features = table, table.codes, table.features
        self.words = check_rate("WordDropout", words)
        self.values = nn.Dropout(check_rate("WordDropout", values))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the vector of each code."""
        vectors: Tensor = self.table(inputs)
        if self.training and self.words:
            keeps = torch.rand(vectors.shape[:-1], device=vectors.device) >= self.words
            vectors = vectors * keeps.unsqueeze(-1) / (1 - self.words)
        dropped: Tensor = self.values(vectors)
        return dropped
