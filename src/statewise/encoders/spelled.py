"""Words as vectors of the word and of its letters, so that words which were never seen are read, too."""

from typing import ClassVar, final

import torch
from torch import Tensor, nn

from statewise.cells.noise import check_rate
from statewise.encoders.encoder import Encoder, Reads
from statewise.errors import UsageError

LOWEST = -1e4
"What a place without a letter finds: less than any that has one."
REACH = 3
"How many letters in a row a filter sees."
UNKNOWN_WORD = 0


@final
class Spelled(Encoder):
    r"""A learned vector of a word, what filters over its letters find, and marks of the word as they are.

        x = (E[w], max over places of tanh(F * L[letters]), marks)

    A step is `[..., 1 + longest + marks]` codes: the word, 0 for one that is not known; its letters, 0 where there is
    none; and marks of 0 or 1, such as that a list of names has the word. In training a word is read as unknown at the
    rate `words`, so that its letters learn to stand for it, marks are lost at the rate `marks_lost`, and
    other numbers at `dropout`. Another `table` may be shared with what reads words alone. Raises
    `UsageError` for a word of no letters, and for a rate below 0 or from 1 on. Source: filters over letters as in Kim
    et al. 2016, section 2.

    >>> encoder = Spelled(words=10, width=5, letters=7, longest=4, filters=6, marks=2)
    >>> encoder(torch.zeros(3, 2, 1 + 4 + 2, dtype=torch.long)).shape, encoder.features
    (torch.Size([3, 2, 13]), 13)
    """

    reads: ClassVar[Reads] = ""

    def __init__(
        self,
        words: int,
        width: int,
        letters: int,
        longest: int,
        filters: int,
        *,
        letter_width: int = 16,
        marks: int = 0,
        words_lost: float = 0.0,
        marks_lost: float = 0.0,
        dropout: float = 0.0,
        table: nn.Embedding | None = None,
    ) -> None:
        super().__init__()
        if longest < 1:
            raise UsageError(f"words of {longest} letters cannot be read: give 1 or more")
        self.longest, self.marks, self.letter_width = longest, marks, letter_width
        self.features = width + filters + marks
        self.table = nn.Embedding(words, width) if table is None else table
        self.letters = nn.Embedding(letters, letter_width)
        self.filters = nn.Linear(REACH * letter_width, filters)
        self.dropout = nn.Dropout(check_rate("Spelled", dropout))
        self.words_lost, self.marks_lost = check_rate("Spelled", words_lost), check_rate("Spelled", marks_lost)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return `[..., features]`."""
        codes = inputs.long()
        word, letters, marks = codes[..., 0], codes[..., 1 : 1 + self.longest], codes[..., 1 + self.longest :]
        if self.training and self.words_lost:
            word = word.masked_fill(torch.rand(word.shape, device=word.device) < self.words_lost, UNKNOWN_WORD)
        vectors = self.table(word)
        seen = marks.to(vectors.dtype)
        if self.training and self.marks_lost and self.marks:
            seen = seen * (torch.rand(seen.shape[:-1], device=seen.device) >= self.marks_lost).unsqueeze(-1)
        told: Tensor = self.dropout(torch.cat([vectors, self._spelling(letters)], dim=-1))
        return torch.cat([told, seen], dim=-1)

    def _spelling(self, letters: Tensor) -> Tensor:
        """Return what the filters find, `[..., filters]`: each is a sum of what three letters give."""
        filters = self.filters.weight.reshape(-1, REACH, self.letter_width)
        given = torch.einsum("nd,fpd->npf", self.letters.weight, filters)
        around = nn.functional.pad(letters, (1, 1))
        found: Tensor = self.filters.bias
        for place in range(REACH):
            found = found + nn.functional.embedding(around[..., place : place + self.longest], given[:, place])
        is_letter = (letters != 0).unsqueeze(-1)
        highest = found.masked_fill(~is_letter, LOWEST).amax(dim=-2)
        return highest.tanh() * is_letter.any(dim=-2)
