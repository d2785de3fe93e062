"""What a head needs to know of an input, handed past a recurrence to it."""

from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from statewise.cells.recurrent import Recurrent, awake, begin
from statewise.errors import UsageError


class PassingState(NamedTuple):
    """The state of the part."""

    part: Any


@final
class Passing(Recurrent[PassingState]):
    """A recurrence whose last inputs are also its last outputs, unchanged; the part reads them, too.

        y = (part(x), x_(D-width) ... x_D)

    So a head may read what it needs of the present step alone: the size by which the mean of a count is multiplied
    (`NegativeBinomial(..., exposure=True)`), or which actions are legal. Raises `UsageError` where more is to be passed
    than there is.

    >>> from statewise.cells import LSTM
    >>> cell = Passing(LSTM(5, 4), width=2)
    >>> ys, _ = cell.scan(torch.ones(7, 3, 5), cell.initial(3))
    >>> ys.shape, bool((ys[..., -2:] == 1).all())
    (torch.Size([7, 3, 6]), True)
    """

    def __init__(self, part: Recurrent[Any], width: int = 1) -> None:
        super().__init__()
        if not 1 <= width <= part.features:
            raise UsageError(f"{width} of {part.features} features are to be passed on: give 1 to {part.features}")
        self.part, self.width = part, width
        self.features, self.units = part.features, part.units + width

    def initial(self, rows: int, context: Any = None) -> PassingState:
        """Return the part's initial state."""
        return PassingState(begin(self.part, rows, context))

    def step(self, x: Tensor, state: PassingState) -> tuple[Tensor, PassingState]:
        """Read one input `[B, D]`."""
        y, part = self.part.step(x, state.part)
        return torch.cat([y, x[..., -self.width :]], dim=-1), PassingState(part)

    def scan(
        self, xs: Tensor, state: PassingState, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, PassingState]:
        """Read a sequence `[T, B, D]` as the part does."""
        self.check(xs, state, reset, mask, kind=PassingState)
        ys, part = self.part.scan(xs, state.part, reset=reset, mask=mask)
        return torch.cat([ys, awake(xs[..., -self.width :], mask)], dim=-1), PassingState(part)
