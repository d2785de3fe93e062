"""The gated recurrent unit: an LSTM's idea with two gates and no separate memory."""

from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.initializers import initialize, zeros
from statewise.cells.recurrent import Cell


class GRUState(NamedTuple):
    """The state of a GRU: its last output, `[B, H]`."""

    hidden: Tensor


@final
class GRU(Cell[GRUState]):
    r"""GRU whose reset gate acts after the recurrent product, as in cuDNN and PyTorch, or before it.

        r, z = sigmoid(W_x x + W_h h + b)
        n = tanh(W_n x + b_n + r * (U_n h + d))        h' = (1 - z) * n + z * h        y = h'

    Where `z` is near one the old value passes unchanged, and its gradient with it. Gates lie in the order r, z, n. So
    the first version of the paper has it; from its third on the reset gate acts before the product. That is the unit
    with `reset_after=False`, `n = tanh(W_n x + b_n + U_n (r * h))`, which has no bias `d`.

    `input_initializer` and `recurrent_initializer` say by name how the weights begin (one of `INITIALIZERS`).

    Shapes: `x` `[B, D]`, `h` `[B, H]`. Source: Cho et al. 2014 (arXiv 1406.1078, v1 and
    v3).

    >>> cell = GRU(5, 4)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.hidden.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 4]))
    """

    gate_names = ("reset", "update")

    def __init__(
        self,
        features: int,
        units: int,
        *,
        reset_after: bool = True,
        input_initializer: str = "glorot",
        recurrent_initializer: str = "orthogonal",
    ) -> None:
        super().__init__()
        self.features, self.units, self.reset_after = features, units, reset_after
        self.recurrence = "gru" if reset_after else "gru_reset_before"
        self.input_weights = initialize(input_initializer, 3, units, features)
        self.recurrent_weights = initialize(recurrent_initializer, 3, units, units)
        self.bias = zeros(3 * units)
        if reset_after:
            self.candidate_bias = zeros(units)

    def initial(self, rows: int) -> GRUState:
        """Return zeros for `rows` rows."""
        return GRUState(self.bias.new_zeros(rows, self.units))

    def step(self, x: Tensor, state: GRUState) -> tuple[Tensor, GRUState]:
        """Read one input `[B, D]`."""
        (h,) = state
        x_r, x_z, x_n = linear(x, self.input_weights, self.bias).chunk(3, dim=-1)
        early = self.recurrent_weights if self.reset_after else self.recurrent_weights[: 2 * self.units]
        h_r, h_z, *h_n = linear(h, early).chunk(3 if self.reset_after else 2, dim=-1)
        r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
        if self.reset_after:
            n = torch.tanh(x_n + r * (h_n[0] + self.candidate_bias))
        else:
            n = torch.tanh(x_n + linear(r * h, self.recurrent_weights[2 * self.units :]))
        h = (1 - z) * n + z * h
        return h, GRUState(h)

    def weights(self) -> tuple[Tensor, ...]:
        """Return W_x, W_h and b, and d where the reset gate acts after the product."""
        late = (self.candidate_bias,) if self.reset_after else ()
        return self.input_weights, self.recurrent_weights, self.bias, *late
