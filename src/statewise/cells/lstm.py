"""Long short-term memory: a cell that carries a value past many steps without losing its gradient."""

from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.initializers import initialize, zeros
from statewise.cells.recurrent import Cell


class LSTMState(NamedTuple):
    """The state of an LSTM: its output and its memory, each `[B, H]`."""

    hidden: Tensor
    cell: Tensor


@final
class LSTM(Cell[LSTMState]):
    r"""LSTM with a forget gate.

        i, f, o = sigmoid(W_x x + W_h h + b)        g = tanh(W_x x + W_h h + b)
        c' = f * c + i * g                          h' = o * tanh(c')        y = h'

    The path from `c` to `c'` is a product with `f` alone, so with `f` near one a gradient crosses hundreds of
    steps. The forget gate therefore starts open, with bias `forget_bias`. Gates lie in the order i, f, g, o.

    `input_initializer` and `recurrent_initializer` say by name how the weights begin (one of `INITIALIZERS`).

    Shapes: `x` `[B, D]`, `h` and `c` `[B, H]`.
    Source: Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000.

    >>> cell = LSTM(5, 4)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.cell.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 4]))
    """

    recurrence = "lstm"
    gate_names = ("forget", "input", "output")
    loses_candidates = True

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
        with torch.no_grad():
            self.bias[units : 2 * units] = forget_bias

    def initial(self, rows: int) -> LSTMState:
        """Return zeros for `rows` rows."""
        zeros = self.bias.new_zeros(rows, self.units)
        return LSTMState(zeros, zeros)

    def step(self, x: Tensor, state: LSTMState, kept: Tensor | None = None) -> tuple[Tensor, LSTMState]:
        """Read one input `[B, D]`; the candidate g is multiplied by `kept` `[B, H]`, where it is given."""
        h, c = state
        gates = linear(x, self.input_weights, self.bias) + linear(h, self.recurrent_weights)
        i, f, g, o = gates.chunk(4, dim=-1)
        c = f.sigmoid() * c + i.sigmoid() * (g.tanh() if kept is None else g.tanh() * kept)
        h = o.sigmoid() * c.tanh()
        return h, LSTMState(h, c)

    def weights(self) -> tuple[Tensor, ...]:
        """Return W_x, W_h and b."""
        return self.input_weights, self.recurrent_weights, self.bias
