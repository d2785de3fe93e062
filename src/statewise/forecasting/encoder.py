"""How a network takes in what is read of series: their codes looked up, before the numbers."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn


@final
class Reader(nn.Module):
    """Looks the codes of a series up, before the numbers: `[..., C + D]` to `[..., F]`."""

    def __init__(self, choices: Sequence[int], numbers: int, embedding: int) -> None:
        super().__init__()
        self.codes = len(choices)
        self.used = [i for i, count in enumerate(choices) if count > 2]  # a panel of one series needs no word for it
        widths = [min(embedding, choices[i]) for i in self.used]
        self.tables = nn.ModuleList(nn.Embedding(choices[i], width) for i, width in zip(self.used, widths, strict=True))
        self.features = numbers + sum(widths)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return features, the log of the spread last."""
        words = [table(inputs[..., i].long()) for i, table in zip(self.used, self.tables, strict=True)]
        return torch.cat([*words, inputs[..., self.codes :]], dim=-1)
