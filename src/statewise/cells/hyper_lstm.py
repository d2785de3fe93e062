"""An LSTM whose weights are rescaled at every step by a smaller LSTM that reads the same."""

from typing import NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, linear

from statewise.cells.initializers import glorot, orthogonal, zeros
from statewise.cells.lstm import LSTM, LSTMState
from statewise.cells.recurrent import Cell


class HyperLSTMState(NamedTuple):
    """The state of a HyperLSTM: output and memory `[B, H]`, and the state of the smaller LSTM.

    The latter is of `[B, hyper_units]`.
    """

    hidden: Tensor
    cell: Tensor
    hyper: LSTMState


@final
class HyperLSTM(Cell[HyperLSTMState]):
    r"""LSTM with weights that change from step to step, as used for drawing in Sketch-RNN.

        s = LSTM([x, h])        z = W_z s + b_z         d_x, d_h, e = U_x z, U_h z, U_e z
        i, f, o = sigmoid(LN(d_x * W_x x + d_h * W_h h + e) + b)       g = tanh(LN(d_x * W_x x + d_h * W_h h + e) + b)
        c' = f * c + i * g      h' = o * tanh(LN(c'))   y = h'

    The small LSTM writes `embedding` numbers `z` for every gate and use, and from these come a factor for every row of
    the weights and a shift. All factors begin at one and all shifts at zero, so at first this is the plain LSTM, with
    layer normalisation of each gate unless `normalized` is false. Gates lie in the order i, f, g, o.

    Shapes: `x` `[B, D]`, `h` and `c` `[B, H]`, `z` `[B, 3, 4, embedding]`. Source: Ha, Dai & Le 2016, appendix A.2.2.

    >>> cell = HyperLSTM(5, 4, hyper_units=6, embedding=2)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.hyper.cell.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 6]))
    """

    gate_names = ("forget", "input", "output")
    loses_candidates = True

    def __init__(
        self,
        features: int,
        units: int,
        *,
        hyper_units: int = 64,
        embedding: int = 16,
        normalized: bool = True,
        forget_bias: float = 1.0,
    ) -> None:
        super().__init__()
        self.features, self.units, self.embedding, self.normalized = features, units, embedding, normalized
        self.hyper = LSTM(features + units, hyper_units)
        self.input_weights = glorot(4, units, features)
        self.recurrent_weights = orthogonal(4, units)
        self.bias = zeros(4 * units)
        # factors: z is one whatever is seen, and its mean is taken; shifts: z follows s, and none of it is taken
        watching = torch.cat([torch.zeros(8 * embedding, hyper_units), glorot(4, embedding, hyper_units).detach()])
        taken = torch.tensor([1 / embedding, 1 / embedding, 0.0]).reshape(3, 1, 1, 1)
        self.embedding_weights = nn.Parameter(watching)
        self.embedding_bias = nn.Parameter((taken > 0).float().expand(3, 4, embedding, 1).flatten())
        self.scale_weights = nn.Parameter(taken.repeat(1, 4, units, embedding))
        with torch.no_grad():
            self.bias[units : 2 * units] = forget_bias
        if normalized:
            self.recurrence = "hyper_lstm"
            self.gate_scale, self.cell_scale = nn.Parameter(torch.ones(4, units)), nn.Parameter(torch.ones(units))
            self.cell_bias = zeros(units)

    def initial(self, rows: int) -> HyperLSTMState:
        """Return zeros for `rows` rows."""
        zeros = self.bias.new_zeros(rows, self.units)
        return HyperLSTMState(zeros, zeros, self.hyper.initial(rows))

    def step(self, x: Tensor, state: HyperLSTMState, kept: Tensor | None = None) -> tuple[Tensor, HyperLSTMState]:
        """Read one input `[B, D]`; the candidate g is multiplied by `kept` `[B, H]`, where it is given."""
        h, c, hyper = state
        s, hyper = self.hyper.step(torch.cat([x, h], dim=-1), hyper)
        z = linear(s, self.embedding_weights, self.embedding_bias).reshape(-1, 3, 4, self.embedding)
        d_x, d_h, shift = torch.einsum("bsgz,sguz->sbgu", z, self.scale_weights)
        from_x, from_h = linear(x, self.input_weights).reshape(d_x.shape), linear(h, self.recurrent_weights)
        gates = d_x * from_x + d_h * from_h.reshape(d_h.shape) + shift
        if self.normalized:
            gates = layer_norm(gates, (self.units,)) * self.gate_scale
        i, f, g, o = (gates + self.bias.reshape(4, self.units)).unbind(dim=1)
        c = f.sigmoid() * c + i.sigmoid() * (g.tanh() if kept is None else g.tanh() * kept)
        read = layer_norm(c, (self.units,), self.cell_scale, self.cell_bias) if self.normalized else c
        h = o.sigmoid() * read.tanh()
        return h, HyperLSTMState(h, c, hyper)

    def weights(self) -> tuple[Tensor, ...]:
        """Return the large LSTM's weights, the small one's, W_z and b_z, U, and the gains and bias of the norms."""
        if not self.normalized:
            return ()
        small = self.hyper.weights()
        of_z = self.embedding_weights, self.embedding_bias, self.scale_weights
        return (
            *(self.input_weights, self.recurrent_weights, self.bias, *small, *of_z),
            *(self.gate_scale, self.cell_scale, self.cell_bias),
        )
