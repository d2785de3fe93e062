"""A code as sines of its number."""

import torch
from torch import Tensor, nn

from statewise.encoders import Encoder


class Sines(Encoder):
    """A code c as sin(w c), with learned rates w."""

    reads = "code"

    def __init__(self, codes: int, width: int, unknown: int | None = None) -> None:
        super().__init__()
        self.codes, self.features = codes, width
        self.rates = nn.Parameter(torch.randn(width))

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.sin(inputs.unsqueeze(-1) * self.rates)
