"""An LSTM whose gates also see the memory they guard."""

from typing import final

import torch
from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.initializers import initialize, zeros
from statewise.cells.lstm import LSTMState
from statewise.cells.recurrent import Cell


@final
class PeepholeLSTM(Cell[LSTMState]):
    r"""LSTM with peepholes, for sequences in which the time between events carries the meaning.

        i, f = sigmoid(W_x x + W_h h + b + p * c)   g = tanh(W_x x + W_h h + b)
        c' = f * c + i * g
        o = sigmoid(W_x x + W_h h + b + p * c')     h' = o * tanh(c')        y = h'

    While `o` is shut, `h` says nothing of `c`, and without peepholes the gates could not tell how far it has come. A
    peephole joins a unit's memory to its own three gates only; all begin at zero, where this is the plain LSTM.
    Gates lie in the order i, f, g, o, peepholes in the order i, f, o.

    `input_initializer` and `recurrent_initializer` say by name how the weights begin (one of `INITIALIZERS`).

    Shapes: `x` `[B, D]`, `h` and `c` `[B, H]`. Source: Gers & Schmidhuber 2000; Gers, Schraudolph & Schmidhuber 2002.

    >>> cell = PeepholeLSTM(5, 4)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.cell.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 4]))
    """

    recurrence = "peephole_lstm"
    gate_names = ("forget", "input", "output")

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
        self.input_weights = initialize(input_initializer, 4, units, features)
        self.recurrent_weights = initialize(recurrent_initializer, 4, units, units)
        self.bias = zeros(4 * units)
        self.peepholes = zeros(3 * units)
        with torch.no_grad():
            self.bias[units : 2 * units] = forget_bias

    def initial(self, rows: int) -> LSTMState:
        """Return zeros for `rows` rows."""
        zeros = self.bias.new_zeros(rows, self.units)
        return LSTMState(zeros, zeros)

    def step(self, x: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """Read one input `[B, D]`."""
        h, c = state
        gates = linear(x, self.input_weights, self.bias) + linear(h, self.recurrent_weights)
        i, f, g, o = gates.chunk(4, dim=-1)
        p_i, p_f, p_o = self.peepholes.chunk(3)
        c = torch.sigmoid(f + p_f * c) * c + torch.sigmoid(i + p_i * c) * g.tanh()
        h = torch.sigmoid(o + p_o * c) * c.tanh()
        return h, LSTMState(h, c)

    def weights(self) -> tuple[Tensor, ...]:
        """Return W_x, W_h, b and the peepholes."""
        return self.input_weights, self.recurrent_weights, self.bias, self.peepholes
