"""A GRU with layer normalisation."""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, linear

from statewise.cells.gru import GRUState
from statewise.cells.initializers import initialize, zeros
from statewise.cells.recurrent import Cell


@final
class LayerNormGRU(Cell[GRUState]):
    r"""GRU with layer normalisation, steadier over long sequences and high learning rates.

        r, z = sigmoid(LN(W_x x) + LN(W_h h) + b)
        n = tanh(LN(W_n x) + b_n + r * LN(U_n h))        h' = (1 - z) * n + z * h        y = h'

    `LN` takes a row's mean away, divides by its deviation and multiplies by a learned scale; over both gates of a
    product at once, and over the candidate's by itself. Gates lie in the order r, z, n.

    `input_initializer` and `recurrent_initializer` say by name how the weights begin (one of `INITIALIZERS`).

    Shapes: `x` `[B, D]`, `h` `[B, H]`.
    Source: Ba, Kiros & Hinton 2016, supplement, there with `z` and `1 - z` exchanged.

    >>> cell = LayerNormGRU(5, 4)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.hidden.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 4]))
    """

    recurrence = "layer_norm_gru"
    gate_names = ("reset", "update")

    def __init__(
        self, features: int, units: int, *, input_initializer: str = "glorot", recurrent_initializer: str = "orthogonal"
    ) -> None:
        super().__init__()
        self.features, self.units = features, units
        self.input_weights = initialize(input_initializer, 3, units, features)
        self.recurrent_weights = initialize(recurrent_initializer, 3, units, units)
        self.bias = zeros(3 * units)
        self.input_scale = nn.Parameter(torch.ones(3 * units))
        self.recurrent_scale = nn.Parameter(torch.ones(3 * units))

    def initial(self, rows: int) -> GRUState:
        """Return zeros for `rows` rows."""
        return GRUState(self.bias.new_zeros(rows, self.units))

    def step(self, x: Tensor, state: GRUState) -> tuple[Tensor, GRUState]:
        """Read one input `[B, D]`."""
        (h,) = state
        x_gates, x_n = self._normalized(linear(x, self.input_weights), self.input_scale, self.bias)
        h_gates, h_n = self._normalized(linear(h, self.recurrent_weights), self.recurrent_scale)
        r, z = torch.sigmoid(x_gates + h_gates).chunk(2, dim=-1)
        n = torch.tanh(x_n + r * h_n)
        h = (1 - z) * n + z * h
        return h, GRUState(h)

    def weights(self) -> tuple[Tensor, ...]:
        """Return W_x, W_h, b and both scales in one."""
        scales = torch.cat([self.input_scale, self.recurrent_scale])
        return self.input_weights, self.recurrent_weights, self.bias, scales

    def _normalized(self, product: Tensor, scale: Tensor, bias: Tensor | None = None) -> tuple[Tensor, Tensor]:
        cut = 2 * self.units
        late = None if bias is None else bias[cut:]
        gates = layer_norm(product[..., :cut], (cut,), scale[:cut], None if bias is None else bias[:cut])
        return gates, layer_norm(product[..., cut:], (self.units,), scale[cut:], late)
