"""A real linear recurrence with gates that see the input alone, which trains on all steps at once."""

from typing import NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, logsigmoid

from statewise.cells.diagonal import RECURRENCE, scan_linear
from statewise.cells.initializers import glorot, zeros
from statewise.cells.recurrent import Recurrent, awake

SHARPNESS = 8.0
SMALLEST_DECAY, LARGEST_DECAY = 0.01, 0.999


class RGLRUState(NamedTuple):
    """The state of a real-gated linear recurrent unit: its last output, `[B, H]`."""

    hidden: Tensor


@final
class RGLRU(Recurrent[RGLRUState]):
    r"""Real-gated linear recurrent unit, the recurrence of Griffin and RecurrentGemma.

        u = W_x x        r, i = sigmoid(W_u u + b)        a = sigmoid(l)^(8 r)
        h' = a * h + sqrt(1 - a^2) * i * u        y = h'

    A shut gate `r` makes `a` one: the unit then holds what it has and takes nothing in. The root keeps the size of
    `h` what that of `u` is, however slowly it forgets. `W_x` stands for the linear layer before the unit in Griffin's
    block. Gates lie in the order r, i. The paper begins with `a^8` from 0.9 to 0.999, after a convolution that sees
    the last few inputs; alone, a unit needs short memories too, so here it begins from 0.01 to 0.999.

    Shapes: `x` `[B, D]`, `h` `[B, H]`. Source: De et al. 2024.

    >>> cell = RGLRU(5, 4)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.hidden.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 4]))
    """

    recurrence = RECURRENCE
    gate_names = ("recurrence", "input")

    def __init__(self, features: int, units: int) -> None:
        super().__init__()
        self.features, self.units = features, units
        self.input_weights = glorot(1, units, features)
        self.gate_weights = glorot(2, units, units)
        self.bias = zeros(2 * units)
        begun = torch.empty(units).uniform_(SMALLEST_DECAY, LARGEST_DECAY) ** (1 / SHARPNESS)
        self.decay_logit = nn.Parameter(begun.logit())

    def initial(self, rows: int) -> RGLRUState:
        """Return zeros for `rows` rows."""
        return RGLRUState(self.bias.new_zeros(rows, self.units))

    def step(self, x: Tensor, state: RGLRUState) -> tuple[Tensor, RGLRUState]:
        """Read one input `[B, D]`."""
        decay, drive = self._gated(x)
        h = decay * state.hidden + drive
        return h, RGLRUState(h)

    def scan(
        self, xs: Tensor, state: RGLRUState, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, RGLRUState]:
        """Read a sequence `[T, B, D]`, all steps at once."""
        self.check(xs, state)
        decay, drive = self._gated(awake(xs, mask))
        hs, last = scan_linear(decay, drive, state.hidden, reset, mask)
        return awake(hs, mask), RGLRUState(last)

    def _gated(self, x: Tensor) -> tuple[Tensor, Tensor]:
        u = linear(x, self.input_weights)
        r, i = linear(u, self.gate_weights, self.bias).sigmoid().chunk(2, dim=-1)
        log_decay = SHARPNESS * r * logsigmoid(self.decay_logit)
        taken = -torch.expm1(2 * log_decay)  # 1 - a^2 itself would cancel where a is nearly one
        gain = taken.clamp(min=torch.finfo(taken.dtype).tiny).sqrt()  # a root has no slope at zero
        return log_decay.exp(), gain * i * u
