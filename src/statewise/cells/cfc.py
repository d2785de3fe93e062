"""A continuous-time network in closed form: it is told how much time has passed, and needs no solver."""

from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.initializers import glorot, zeros
from statewise.cells.recurrent import Cell
from statewise.errors import UsageError


class CfCState(NamedTuple):
    """The state of a closed-form cell: its last output, `[B, H]`."""

    hidden: Tensor


@final
class CfC(Cell[CfCState]):
    r"""Closed-form continuous-time cell, for readings that come at uneven intervals.

        s = 1.7159 tanh(2/3 (W_b [x, h] + b))           g, k = tanh(W_s s + b)         a, e = W_s s + b
        p = sigmoid(a * elapsed + e)                    h' = (1 - p) * g + p * k       y = h'

    What it says moves between two values as time passes, to `k` where `a` is above zero and to `g` where it is below: a
    closed form that approximates the solution of a differential equation. With `timed` the last input feature is the
    time elapsed since the step before, in whatever unit the data have, and is seen nowhere else; without it every step
    is one. The layer `s` has `hidden_units`, as many as `units` unless given. Rows of `W_s` lie in the order g, k, a,
    e.

    Shapes: `x` `[B, D]`, `h` `[B, H]`. Raises `UsageError` for a timed cell of one feature, which would see nothing.
    Source: Hasani et al. 2022, "Closed-form continuous-time neural networks".

    >>> cell = CfC(5, 4, timed=True)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.hidden.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 4]))
    """

    gate_names = ("time",)

    def __init__(self, features: int, units: int, *, timed: bool = False, hidden_units: int | None = None) -> None:
        super().__init__()
        if timed and features < 2:
            raise UsageError(f"a timed cell of {features} feature was asked for: give 2 or more, the last one the time")
        self.features, self.units, self.timed = features, units, timed
        hidden = units if hidden_units is None else hidden_units
        self.hidden_weights = glorot(1, hidden, features - timed + units)
        self.hidden_bias = zeros(hidden)
        self.output_weights = glorot(4, units, hidden)
        self.output_bias = zeros(4 * units)

    def initial(self, rows: int) -> CfCState:
        """Return zeros for `rows` rows."""
        return CfCState(self.output_bias.new_zeros(rows, self.units))

    def step(self, x: Tensor, state: CfCState) -> tuple[Tensor, CfCState]:
        """Read one input `[B, D]`."""
        x, elapsed = (x[:, :-1], x[:, -1:]) if self.timed else (x, 1)
        s = linear(torch.cat([x, state.hidden], dim=-1), self.hidden_weights, self.hidden_bias)
        s = 1.7159 * torch.tanh(2 / 3 * s)  # LeCun's tanh, which is one at one
        g, k, a, e = linear(s, self.output_weights, self.output_bias).chunk(4, dim=-1)
        h = torch.lerp(g.tanh(), k.tanh(), torch.sigmoid(a * elapsed + e))
        return h, CfCState(h)
