"""An LSTM with a large memory and a small output."""

from typing import final

import torch
from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.initializers import glorot, zeros
from statewise.cells.lstm import LSTMState
from statewise.cells.recurrent import Cell


@final
class ProjectedLSTM(Cell[LSTMState]):
    r"""LSTM whose output is a projection of its memory: it holds much and passes on little.

        i, f, o = sigmoid(W_x x + W_h h + b)        g = tanh(W_x x + W_h h + b)
        c' = f * c + i * g                          h' = P (o * tanh(c'))        y = h'

    With a memory of `M` units the recurrent weights are `[4M, H]`, not `[4M, M]`: most of the cost of a large memory is
    gone. `memory_units` is `M`, twice `units` unless given. Gates lie in the order i, f, g, o. Its weights move to and
    from `torch.nn.LSTM(features, memory_units, proj_size=units)`.

    Shapes: `x` `[B, D]`, `h` `[B, H]`, `c` `[B, M]`. Source: Sak, Senior & Beaufays 2014.

    >>> cell = ProjectedLSTM(5, 4, memory_units=6)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.cell.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 6]))
    """

    recurrence = "projected_lstm"
    gate_names = ("forget", "input", "output")

    def __init__(self, features: int, units: int, *, memory_units: int | None = None, forget_bias: float = 1.0) -> None:
        super().__init__()
        self.features, self.units = features, units
        self.memory_units = memory = 2 * units if memory_units is None else memory_units
        self.input_weights = glorot(4, memory, features)
        self.recurrent_weights = glorot(4, memory, units)
        self.bias = zeros(4 * memory)
        self.projection = glorot(1, units, memory)
        with torch.no_grad():
            self.bias[memory : 2 * memory] = forget_bias

    def initial(self, rows: int) -> LSTMState:
        """Return zeros for `rows` rows."""
        return LSTMState(self.bias.new_zeros(rows, self.units), self.bias.new_zeros(rows, self.memory_units))

    def step(self, x: Tensor, state: LSTMState) -> tuple[Tensor, LSTMState]:
        """Read one input `[B, D]`."""
        h, c = state
        gates = linear(x, self.input_weights, self.bias) + linear(h, self.recurrent_weights)
        i, f, g, o = gates.chunk(4, dim=-1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = linear(o.sigmoid() * c.tanh(), self.projection)
        return h, LSTMState(h, c)

    def weights(self) -> tuple[Tensor, ...]:
        """Return W_x, W_h, b and P."""
        return self.input_weights, self.recurrent_weights, self.bias, self.projection
