"""The gated recurrent unit: an LSTM's idea with two gates and no separate memory."""

from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.initializers import glorot, orthogonal, zeros
from statewise.cells.recurrent import Cell


class GRUState(NamedTuple):
    """What a GRU must be told about the past: its last output, `[B, H]`."""

    hidden: Tensor


@final
class GRU(Cell[GRUState]):
    r"""GRU whose reset gate acts after the recurrent product, as cuDNN and PyTorch have it.

        r, z = sigmoid(W_x x + W_h h + b)
        n = tanh(W_n x + b_n + r * (U_n h + d))        h' = (1 - z) * n + z * h        y = h'

    Where `z` is near one the old value passes unchanged, and its gradient with it. Gates lie in the order r, z, n.

    Shapes: `x` `[B, D]`, `h` `[B, H]`. Source: Cho et al. 2014.

    >>> cell = GRU(5, 4)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.hidden.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 4]))
    """

    recurrence = "gru"

    def __init__(self, features: int, units: int) -> None:
        super().__init__()
        self.features, self.units = features, units
        self.input_weights = glorot(3, units, features)
        self.recurrent_weights = orthogonal(3, units)
        self.bias = zeros(3 * units)
        self.candidate_bias = zeros(units)

    def initial(self, rows: int) -> GRUState:
        """Return zeros for `rows` rows."""
        return GRUState(self.bias.new_zeros(rows, self.units))

    def step(self, x: Tensor, state: GRUState) -> tuple[Tensor, GRUState]:
        """Read one input `[B, D]`."""
        (h,) = state
        from_input = linear(x, self.input_weights, self.bias).chunk(3, dim=-1)
        from_state = linear(h, self.recurrent_weights).chunk(3, dim=-1)
        r, z = (torch.sigmoid(a + b) for a, b in zip(from_input[:2], from_state[:2], strict=True))
        n = torch.tanh(from_input[2] + r * (from_state[2] + self.candidate_bias))
        h = (1 - z) * n + z * h
        return h, GRUState(h)

    def weights(self) -> tuple[Tensor, ...]:
        """Return W_x, W_h, b and d."""
        return self.input_weights, self.recurrent_weights, self.bias, self.candidate_bias
