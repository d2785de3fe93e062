"""An LSTM with layer normalisation."""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, linear

from statewise.cells.initializers import initialize, zeros
from statewise.cells.lstm import LSTMState
from statewise.cells.recurrent import Cell


@final
class LayerNormLSTM(Cell[LSTMState]):
    r"""LSTM with layer normalisation, steadier over long sequences and high learning rates.

        i, f, o = sigmoid(LN(W_x x) + LN(W_h h) + b)        g = tanh(LN(W_x x) + LN(W_h h) + b)
        c' = f * c + i * g                                  h' = o * tanh(LN(c'))        y = h'

    `LN` takes a row's mean away, divides by its deviation and multiplies by a learned scale; over all gates of a
    product at once. The memory itself is never normalised, only what is read of it. Gates lie in the order i, f, g, o.

    `input_initializer` and `recurrent_initializer` say by name how the weights begin (one of `INITIALIZERS`).

    Shapes: `x` `[B, D]`, `h` and `c` `[B, H]`. Source: Ba, Kiros & Hinton 2016, eq. 20-22.

    >>> cell = LayerNormLSTM(5, 4)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.cell.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 4]))
    """

    recurrence = "layer_norm_lstm"
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
        self.input_scale = nn.Parameter(torch.ones(4 * units))
        self.recurrent_scale = nn.Parameter(torch.ones(4 * units))
        self.cell_scale = nn.Parameter(torch.ones(units))
        self.cell_bias = zeros(units)
        with torch.no_grad():
            self.bias[units : 2 * units] = forget_bias

    def initial(self, rows: int) -> LSTMState:
        """Return zeros for `rows` rows."""
        zeros = self.bias.new_zeros(rows, self.units)
        return LSTMState(zeros, zeros)

    def step(self, x: Tensor, state: LSTMState, kept: Tensor | None = None) -> tuple[Tensor, LSTMState]:
        """Read one input `[B, D]`; the candidate g is multiplied by `kept` `[B, H]`, where it is given."""
        h, c = state
        gates = layer_norm(linear(x, self.input_weights), self.input_scale.shape, self.input_scale, self.bias)
        gates = gates + layer_norm(linear(h, self.recurrent_weights), self.bias.shape, self.recurrent_scale)
        i, f, g, o = gates.chunk(4, dim=-1)
        c = f.sigmoid() * c + i.sigmoid() * (g.tanh() if kept is None else g.tanh() * kept)
        h = o.sigmoid() * layer_norm(c, self.cell_scale.shape, self.cell_scale, self.cell_bias).tanh()
        return h, LSTMState(h, c)

    def weights(self) -> tuple[Tensor, ...]:
        """Return W_x, W_h, b and all scales with the memory's bias after them in one."""
        scales = torch.cat([self.input_scale, self.recurrent_scale, self.cell_scale, self.cell_bias])
        return self.input_weights, self.recurrent_weights, self.bias, scales
