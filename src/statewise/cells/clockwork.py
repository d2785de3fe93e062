"""A simple network whose groups of units are updated at different periods."""

from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.initializers import initialize, zeros
from statewise.cells.recurrent import Cell
from statewise.errors import UsageError


class ClockworkState(NamedTuple):
    """The state of a clockwork network: its last output, `[B, H]`, and the steps so far, `[B]`."""

    hidden: Tensor
    steps: Tensor


@final
class Clockwork(Cell[ClockworkState]):
    r"""Clockwork network: its units change only when their period is due, the slow ones guiding the fast.

        s'_k = tanh(W_x x + W_s s + b)_k   where the period of unit k divides the steps so far, else s_k        y = s'

    A unit hears only units as slow as itself or slower, so `W_s` has no other entries. A slow unit keeps its value
    between ticks, and a gradient crosses all of these steps as one. The units are shared out evenly over `periods` in
    their order, and all change at the first step.

    `input_initializer` and `recurrent_initializer` say by name how the weights begin (one of `INITIALIZERS`).

    Shapes: `x` `[B, D]`, `s` `[B, H]`, steps `[B]` of whole numbers. Raises `UsageError` for no periods, or one below
    1. Source: Koutnik et al. 2014.

    >>> cell = Clockwork(5, 4, periods=(1, 3))
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.steps
    (torch.Size([7, 3, 4]), tensor([7, 7, 7]))
    """

    period: Tensor
    hears: Tensor

    def __init__(
        self,
        features: int,
        units: int,
        *,
        periods: tuple[int, ...] = (1, 2, 4, 8),
        input_initializer: str = "glorot",
        recurrent_initializer: str = "orthogonal",
    ) -> None:
        super().__init__()
        if not periods or min(periods) < 1:
            raise UsageError(f"periods {tuple(periods)} were given: give one or more of at least 1, such as (1, 2, 4)")
        self.features, self.units = features, units
        self.input_weights = initialize(input_initializer, 1, units, features)
        self.recurrent_weights = initialize(recurrent_initializer, 1, units, units)
        self.bias = zeros(units)
        period = torch.tensor([periods[unit * len(periods) // units] for unit in range(units)])
        self.register_buffer("period", period, persistent=False)
        self.register_buffer("hears", period >= period.unsqueeze(1), persistent=False)

    def initial(self, rows: int) -> ClockworkState:
        """Return zeros for `rows` rows."""
        return ClockworkState(self.bias.new_zeros(rows, self.units), self.period.new_zeros(rows))

    def step(self, x: Tensor, state: ClockworkState) -> tuple[Tensor, ClockworkState]:
        """Read one input `[B, D]`."""
        s, steps = state
        heard = linear(s, torch.where(self.hears, self.recurrent_weights, 0))
        due = steps.unsqueeze(-1) % self.period == 0
        s = torch.where(due, torch.tanh(linear(x, self.input_weights, self.bias) + heard), s)
        return s, ClockworkState(s, steps + 1)
