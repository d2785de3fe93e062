"""The size of a count, handed past a recurrence to the head that needs it."""

from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from statewise.cells.recurrent import Recurrent, awake, begin


class WithExposureState(NamedTuple):
    """The state of the part."""

    part: Any


@final
class WithExposure(Recurrent[WithExposureState]):
    """A recurrence whose last input, the logarithm of an exposure, is also its last output, unchanged.

        y = (part(x), x_last)

    An exposure is the size by which the mean of a count is multiplied: `NegativeBinomial(..., exposure=True)` reads it.

    >>> from statewise.cells import LSTM
    >>> cell = WithExposure(LSTM(5, 4))
    >>> ys, _ = cell.scan(torch.ones(7, 3, 5), cell.initial(3))
    >>> ys.shape, bool((ys[..., -1] == 1).all())
    (torch.Size([7, 3, 5]), True)
    """

    def __init__(self, part: Recurrent[Any]) -> None:
        super().__init__()
        self.part, self.features, self.units = part, part.features, part.units + 1

    def initial(self, rows: int, context: Any = None) -> WithExposureState:
        """Return the part's initial state."""
        return WithExposureState(begin(self.part, rows, context))

    def step(self, x: Tensor, state: WithExposureState) -> tuple[Tensor, WithExposureState]:
        """Read one input `[B, D]`."""
        y, part = self.part.step(x, state.part)
        return torch.cat([y, x[..., -1:]], dim=-1), WithExposureState(part)

    def scan(
        self, xs: Tensor, state: WithExposureState, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, WithExposureState]:
        """Read a sequence `[T, B, D]` as the part does."""
        self.check(xs, state, reset, mask, kind=WithExposureState)
        ys, part = self.part.scan(xs, state.part, reset=reset, mask=mask)
        return torch.cat([ys, awake(xs[..., -1:], mask)], dim=-1), WithExposureState(part)
