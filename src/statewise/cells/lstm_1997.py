"""The LSTM as it was first published: a memory that only ever adds."""

from typing import final

import torch
from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.initializers import initialize, zeros
from statewise.cells.lstm import LSTMState
from statewise.cells.recurrent import Cell


@final
class LSTM1997(Cell[LSTMState]):
    r"""LSTM without a forget gate.

        i, o = sigmoid(W_x x + W_h h + b)           g = tanh(W_x x + W_h h + b)
        c' = c + i * g                              h' = o * tanh(c')        y = h'

    The slope of `c'` in `c` is exactly one along this line, so a gradient crosses any number of steps. There are other
    paths, through the gates, which the paper cuts (its gradient is truncated there) and training here does not. Nothing
    is ever forgotten, so a memory that is fed without end saturates. A negative `input_bias` or `output_bias` keeps
    that gate nearly shut at first, so that a memory stays quiet until it is found useful. Gates lie in the order i, g,
    o. Squashing is tanh, as in everything since, where the paper scales two sigmoids.

    `input_initializer` and `recurrent_initializer` say by name how the weights begin (one of `INITIALIZERS`).

    Shapes: `x` `[B, D]`, `h` and `c` `[B, H]`. Source: Hochreiter & Schmidhuber 1997.

    >>> cell = LSTM1997(5, 4, output_bias=-1.0)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.cell.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 4]))
    """

    recurrence = "lstm_1997"
    gate_names = ("input", "output")

    def __init__(
        self,
        features: int,
        units: int,
        *,
        input_bias: float = 0.0,
        output_bias: float = 0.0,
        input_initializer: str = "glorot",
        recurrent_initializer: str = "orthogonal",
    ) -> None:
        super().__init__()
        self.features, self.units = features, units
        self.input_weights = initialize(input_initializer, 3, units, features)
        self.recurrent_weights = initialize(recurrent_initializer, 3, units, units)
        self.bias = zeros(3 * units)
        with torch.no_grad():
            self.bias[:units] = input_bias
            self.bias[2 * units :] = output_bias

    def initial(self, rows: int) -> LSTMState:
        """Return zeros for `rows` rows."""
        zeros = self.bias.new_zeros(rows, self.units)
        return LSTMState(zeros, zeros)

    def step(self, x: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """Read one input `[B, D]`."""
        h, c = state
        gates = linear(x, self.input_weights, self.bias) + linear(h, self.recurrent_weights)
        i, g, o = gates.chunk(3, dim=-1)
        c = c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return h, LSTMState(h, c)

    def weights(self) -> tuple[Tensor, ...]:
        """Return W_x, W_h and b."""
        return self.input_weights, self.recurrent_weights, self.bias
