"""A leaky integrator whose leak is learned."""

from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.nn.functional import linear

from statewise.cells import Cell
from statewise.cells.initializers import glorot, zeros


class LeakyState(NamedTuple):
    """What the integrator must be told about the past: its level, `[B, H]`."""

    level: Tensor


@final
class Leaky(Cell[LeakyState]):
    """A leaky integrator.

    a = sigmoid(d)        s' = a * s + (1 - a) * tanh(W_x x + b)        y = s'
    """

    def __init__(self, features: int, units: int) -> None:
        super().__init__()
        self.features, self.units = features, units
        self.input_weights = glorot(1, units, features)
        self.bias, self.leak = zeros(units), zeros(units)

    def initial(self, rows: int) -> LeakyState:
        return LeakyState(self.bias.new_zeros(rows, self.units))

    def step(self, x: Tensor, state: LeakyState) -> tuple[Tensor, LeakyState]:
        keep = torch.sigmoid(self.leak)
        s = keep * state.level + (1 - keep) * torch.tanh(linear(x, self.input_weights, self.bias))
        return s, LeakyState(s)
