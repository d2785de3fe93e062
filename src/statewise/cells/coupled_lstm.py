"""An LSTM that forgets exactly as much as it takes in."""

from typing import final

import torch
from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.initializers import initialize, zeros
from statewise.cells.lstm import LSTMState
from statewise.cells.recurrent import Cell


@final
class CoupledLSTM(Cell[LSTMState]):
    r"""LSTM whose input gate is what its forget gate leaves: a quarter fewer weights, about as good.

        f, o = sigmoid(W_x x + W_h h + b)           g = tanh(W_x x + W_h h + b)
        c' = f * c + (1 - f) * g                    h' = o * tanh(c')        y = h'

    `c'` lies between `c` and `g`, so a memory never leaves [-1, 1]. Gates lie in the order f, g, o.

    `input_initializer` and `recurrent_initializer` say by name how the weights begin (one of `INITIALIZERS`).

    Shapes: `x` `[B, D]`, `h` and `c` `[B, H]`. Source: Greff et al. 2017 ("CIFG"), after Cho et al. 2014.

    >>> cell = CoupledLSTM(5, 4)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.cell.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 4]))
    """

    recurrence = "coupled_lstm"
    gate_names = ("forget", "output")

    def __init__(
        self,
        features: int,
        units: int,
        *,
        forget_bias: float = 1.0,
        input_initializer: str = "glorot",
        recurrent_initializer: str = "orthogonal",
    ) -> None:
        super().__init__()
        self.features, self.units = features, units
        self.input_weights = initialize(input_initializer, 3, units, features)
        self.recurrent_weights = initialize(recurrent_initializer, 3, units, units)
        self.bias = zeros(3 * units)
        with torch.no_grad():
            self.bias[:units] = forget_bias

    def initial(self, rows: int) -> LSTMState:
        """Return zeros for `rows` rows."""
        zeros = self.bias.new_zeros(rows, self.units)
        return LSTMState(zeros, zeros)

    def step(self, x: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """Read one input `[B, D]`."""
        h, c = state
        gates = linear(x, self.input_weights, self.bias) + linear(h, self.recurrent_weights)
        f, g, o = gates.chunk(3, dim=-1)
        c = torch.lerp(g.tanh(), c, f.sigmoid())
        h = o.sigmoid() * c.tanh()
        return h, LSTMState(h, c)

    def weights(self) -> tuple[Tensor, ...]:
        """Return W_x, W_h and b."""
        return self.input_weights, self.recurrent_weights, self.bias
