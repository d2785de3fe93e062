"""Codes, each looked up in a table of its own, before numbers as they are."""

from collections.abc import Sequence
from typing import ClassVar, final

import torch
from torch import Tensor, nn

from statewise.encoders.encoder import Encoder, Reads


@final
class CodesAndNumbers(Encoder):
    """Looks the first C columns of a row up as codes, and leaves the D numbers after them as they are.

    `choices` says how many codes each column has, `embedding` the most numbers that stand for one. A column of two
    codes or fewer is left out: the unknown one and a single other tell nothing apart. By its name a task makes it, as
    any encoder of rows, as `Encoder(choices, numbers, embedding)`; the last number is to be the last feature. Shapes:
    rows `[..., C + D]`, features `[..., F]`.

    >>> encoder = CodesAndNumbers([3, 2], 4, embedding=8)
    >>> encoder(torch.zeros(7, 6)).shape, encoder.features
    (torch.Size([7, 7]), 7)
    """

    reads: ClassVar[Reads] = "row"

    def __init__(self, choices: Sequence[int], numbers: int, embedding: int) -> None:
        super().__init__()
        self.columns, self.numbers = len(choices), len(choices) + numbers
        self.used = [i for i, count in enumerate(choices) if count > 2]
        widths = [min(embedding, choices[i]) for i in self.used]
        self.tables = nn.ModuleList(nn.Embedding(choices[i], width) for i, width in zip(self.used, widths, strict=True))
        self.features = numbers + sum(widths)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return features, the numbers last."""
        words = [table(inputs[..., i].long()) for i, table in zip(self.used, self.tables, strict=True)]
        return torch.cat([*words, inputs[..., self.columns :]], dim=-1)
