"""A GRU whose gates do not look at the state, so that it trains on all steps at once."""

from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.nn.functional import linear, logsigmoid

from statewise.cells.diagonal import RECURRENCE, scan_positive
from statewise.cells.initializers import glorot, zeros
from statewise.cells.recurrent import Recurrent, awake


class MinGRUState(NamedTuple):
    """The state of a minimal GRU: its last output, `[B, H]`."""

    hidden: Tensor


@final
class MinGRU(Recurrent[MinGRUState]):
    r"""Minimal GRU: one gate, and a candidate, that see the input alone.

        z = sigmoid(W_x x + b)        n = g(W_x x + b)        h' = (1 - z) * h + z * n        y = h'

    `g` is `x + 1/2` above zero and sigmoid below, so that `n` is positive and a sequence can be added up as
    logarithms, in about log T rounds in place of T steps. Gates lie in the order z, n.

    Shapes: `x` `[B, D]`, `h` `[B, H]`. Source: Feng et al. 2024 ("Were RNNs all we needed?"), section 3.1 and appendix
    B.

    >>> cell = MinGRU(5, 4)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.hidden.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 4]))
    """

    recurrence = RECURRENCE
    gate_names = ("", "update")

    def __init__(self, features: int, units: int) -> None:
        super().__init__()
        self.features, self.units = features, units
        self.input_weights = glorot(2, units, features)
        self.bias = zeros(2 * units)

    def initial(self, rows: int) -> MinGRUState:
        """Return zeros for `rows` rows."""
        return MinGRUState(self.bias.new_zeros(rows, self.units))

    def step(self, x: Tensor, state: MinGRUState) -> tuple[Tensor, MinGRUState]:
        """Read one input `[B, D]`."""
        z, n = linear(x, self.input_weights, self.bias).chunk(2, dim=-1)
        h = torch.lerp(state.hidden, positive(n), z.sigmoid())
        return h, MinGRUState(h)

    def scan(
        self, xs: Tensor, state: MinGRUState, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, MinGRUState]:
        """Read a sequence `[T, B, D]`, all steps at once."""
        self.check(xs, state)
        z, n = linear(awake(xs, mask), self.input_weights, self.bias).chunk(2, dim=-1)
        hs, last = scan_positive(logsigmoid(-z), logsigmoid(z) + log_positive(n), state.hidden, reset, mask)
        return awake(hs, mask), MinGRUState(last)


def positive(x: Tensor) -> Tensor:
    """Return `x + 1/2` above zero and `sigmoid(x)` below.

    >>> positive(torch.tensor([1.5, 0.0]))
    tensor([2.0000, 0.5000])
    """
    return torch.where(x >= 0, x + 0.5, x.sigmoid())


def log_positive(x: Tensor) -> Tensor:
    """Return the logarithm of `positive`, exact however small that is.

    >>> log_positive(torch.tensor([0.5, -1000.0]))
    tensor([    0., -1000.])
    """
    return torch.where(x >= 0, torch.log(x.relu() + 0.5), logsigmoid(x))
