"""Dropout of what a part writes, with one mask for a whole sequence."""

from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from statewise.cells.noise import check_rate
from statewise.cells.recurrent import Recurrent, begin


class VariationalDropoutState(NamedTuple):
    """What such a part must be told: its own state, and its mask `[B, H]`, already divided by what it keeps."""

    part: Any
    mask: Tensor


@final
class VariationalDropout(Recurrent[VariationalDropoutState]):
    """A recurrence that in training loses the same values of its output at every step of a sequence.

        y = m * part(x) / (1 - rate)        m ~ Bernoulli(1 - rate), once in a sequence

    The mask lives in the state and is drawn by `initial`, each row its own; in evaluation it is not heeded. Rows that
    begin anew within one scan at different steps each take a new mask, one row twice the same. Raises `UsageError` for
    a rate below 0 or from 1 on. Source: Gal & Ghahramani 2016.

    >>> from statewise.cells import LSTM
    >>> cell = VariationalDropout(LSTM(5, 4), 0.5)
    >>> ys, state = cell.scan(torch.ones(7, 3, 5), cell.initial(3))
    >>> bool(((ys == 0) == (state.mask == 0)).all())
    True
    """

    def __init__(self, part: Recurrent[Any], rate: float) -> None:
        super().__init__()
        self.features, self.units = part.features, part.units
        self.part, self.rate = part, check_rate("VariationalDropout", rate)

    def initial(self, rows: int, context: Any = None) -> VariationalDropoutState:
        """Return the part's initial state, and for training a new mask, else ones."""
        return VariationalDropoutState(begin(self.part, rows, context), self._draw(rows))

    def step(self, x: Tensor, state: VariationalDropoutState) -> tuple[Tensor, VariationalDropoutState]:
        """Read one input `[B, D]` and lose what the mask says."""
        y, part = self.part.step(x, state.part)
        return (y * state.mask if self.training else y), VariationalDropoutState(part, state.mask)

    def scan(
        self,
        xs: Tensor,
        state: VariationalDropoutState,
        *,
        reset: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, VariationalDropoutState]:
        """Read a sequence `[T, B, D]` as the part does, by its kernel, and lose what the masks say."""
        self.check(xs, state, reset, mask, kind=VariationalDropoutState)
        ys, part = self.part.scan(xs, state.part, reset=reset, mask=mask)
        masks = state.mask.expand(ys.shape)
        if reset is not None:
            heeded = reset if mask is None else reset & mask
            masks = torch.where((heeded.cumsum(0) > 0).unsqueeze(-1), self._draw(xs.shape[1]), masks)
        last = masks[-1] if xs.shape[0] else state.mask
        return (ys * masks if self.training else ys), VariationalDropoutState(part, last)

    def _draw(self, rows: int) -> Tensor:
        ones = self.blank(rows, self.units) + 1
        if not self.training:
            return ones
        return ones.bernoulli(1 - self.rate) / (1 - self.rate)
