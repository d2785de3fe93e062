"""A linear recurrence of decaying rotations, which trains on all steps at once."""

import math
from typing import NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from statewise.cells.diagonal import RECURRENCE, scan_linear
from statewise.cells.initializers import glorot
from statewise.cells.recurrent import Recurrent, awake
from statewise.errors import UsageError

SMALLEST_DRAW = 1e-6


class LRUState(NamedTuple):
    """The state of a linear recurrent unit: a complex number in two parts, each `[B, N]`."""

    real: Tensor
    imaginary: Tensor


@final
class LRU(Recurrent[LRUState]):
    r"""Linear recurrent unit: a diagonal recurrence in complex numbers whose size always falls.

        h' = a * h + exp(gamma) * (W_x x)        y = W_h [Re h', Im h'] + W_d x
        a = exp(-exp(nu) + i exp(theta))

    Each of the `modes` numbers turns by its own angle and shrinks by its own factor, which is below one whatever is
    learned, and begins between `smallest_radius` and `largest_radius`. Being linear, it wants a nonlinear layer
    after it. There are as many modes as `units` unless given.

    Shapes: `x` `[B, D]`, `h` `[B, N]`, `W_x` `[2N, D]`, real parts first. Raises `UsageError` unless
    0 <= `smallest_radius` < `largest_radius` <= 1. Source: Orvieto et al. 2023.

    >>> cell = LRU(5, 4, modes=6)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.real.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 6]))
    """

    recurrence = RECURRENCE

    def __init__(
        self,
        features: int,
        units: int,
        *,
        modes: int | None = None,
        smallest_radius: float = 0.0,
        largest_radius: float = 1.0,
        largest_phase: float = 2 * math.pi,
    ) -> None:
        super().__init__()
        if not 0 <= smallest_radius < largest_radius <= 1:
            raise UsageError(
                f"radii from {smallest_radius} to {largest_radius} were given: give a smaller and a larger from 0 to 1"
            )
        self.features, self.units = features, units
        self.modes = modes = units if modes is None else modes
        area, turn = torch.rand(2, modes).clamp(min=SMALLEST_DRAW)
        square = area * (largest_radius**2 - smallest_radius**2) + smallest_radius**2
        self.log_rate = nn.Parameter(torch.log(-0.5 * square.log()))
        self.log_phase = nn.Parameter(torch.log(largest_phase * turn))
        self.log_gain = nn.Parameter(0.5 * torch.log1p(-square))
        self.input_weights = nn.Parameter(torch.randn(2 * modes, features) / math.sqrt(2 * features))
        self.output_weights = nn.Parameter(torch.randn(units, 2 * modes) / math.sqrt(modes))
        self.direct_weights = glorot(1, units, features)

    def initial(self, rows: int) -> LRUState:
        """Return zeros for `rows` rows."""
        zeros = self.log_rate.new_zeros(rows, self.modes)
        return LRUState(zeros, zeros)

    def step(self, x: Tensor, state: LRUState) -> tuple[Tensor, LRUState]:
        """Read one input `[B, D]`."""
        h = self.decay() * torch.complex(*state) + self._driven(x)
        return self._read(h, x), LRUState(h.real, h.imag)

    def scan(
        self, xs: Tensor, state: LRUState, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, LRUState]:
        """Read a sequence `[T, B, D]`, all steps at once."""
        self.check(xs, state)
        xs = awake(xs, mask)
        drive = self._driven(xs)
        hs, last = scan_linear(self.decay().expand_as(drive), drive, torch.complex(*state), reset, mask)
        return self._read(awake(hs, mask), xs), LRUState(last.real, last.imag)

    def decay(self) -> Tensor:
        """Return the complex factor of each mode, `[N]`."""
        return torch.polar(torch.exp(-self.log_rate.exp()), self.log_phase.exp())

    def _driven(self, x: Tensor) -> Tensor:
        return self.log_gain.exp() * torch.complex(*linear(x, self.input_weights).chunk(2, dim=-1))

    def _read(self, h: Tensor, x: Tensor) -> Tensor:
        return linear(torch.cat([h.real, h.imag], dim=-1), self.output_weights) + linear(x, self.direct_weights)
