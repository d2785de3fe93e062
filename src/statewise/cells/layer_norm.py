"""Layer normalisation between recurrences, itself a recurrence that remembers nothing."""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from statewise.cells.initializers import zeros
from statewise.cells.recurrent import Recurrent, awake


@final
class LayerNorm(Recurrent[tuple[()]]):
    """The values of each step and row brought to mean 0 and variance 1, then stretched and shifted as learned.

        y = gain * (x - mean(x)) / sqrt(var(x) + epsilon) + bias

    Its state is the empty tuple. Source: Ba, Kiros & Hinton 2016.

    >>> from statewise.cells import GRU, Chain
    >>> deep = Chain(GRU(5, 4), LayerNorm(4), GRU(4, 6))
    >>> deep.initial(3)[1]
    ()
    >>> LayerNorm(4).step(torch.tensor([[1.0, 2.0, 3.0, 4.0]]), ())[0].sum().round()
    tensor(0., grad_fn=<RoundBackward0>)
    """

    def __init__(self, width: int, *, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.features = self.units = width
        self.epsilon = epsilon
        self.gain = nn.Parameter(torch.ones(width))
        self.bias = zeros(width)

    def initial(self, rows: int) -> tuple[()]:
        """Return the empty state."""
        return ()

    def step(self, x: Tensor, state: tuple[()]) -> tuple[Tensor, tuple[()]]:
        """Read one input `[B, H]`."""
        return layer_norm(x, (self.units,), self.gain, self.bias, self.epsilon), state

    def scan(
        self, xs: Tensor, state: tuple[()], *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, tuple[()]]:
        """Read a sequence `[T, B, H]`, every step at once; a reset changes nothing."""
        self.check(xs, state, reset, mask, kind=tuple)
        ys, _ = self.step(awake(xs, mask), state)
        return awake(ys, mask), state
