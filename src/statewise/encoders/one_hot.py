"""A code as a vector of noughts with a single one."""

from typing import ClassVar, final

import torch
from torch import Tensor, nn

from statewise.encoders.encoder import Encoder, Reads


@final
class OneHot(Encoder):
    """A code as a vector of noughts with a single one at its place; there is nothing to learn.

    The vector of the code `unknown` is zero throughout. `width` is not needed: there is a number for each code.
    Shapes: codes `[...]`, vectors `[..., V]`.

    >>> OneHot(3)(torch.tensor([2]))
    tensor([[0., 0., 1.]])
    """

    reads: ClassVar[Reads] = "code"
    one: Tensor

    def __init__(self, codes: int, width: int | None = None, unknown: int | None = None) -> None:
        super().__init__()
        self.codes = self.features = codes
        self.unknown = unknown
        self.register_buffer("one", torch.ones(()), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return `[..., V]`."""
        found = nn.functional.one_hot(inputs, self.codes).to(self.one.dtype)
        return found if self.unknown is None else found * (inputs != self.unknown).unsqueeze(-1)
