"""Dropout of what a part writes, reads and hears of its own state, with one mask for a whole sequence."""

from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from statewise.cells.noise import check_rate
from statewise.cells.recurrent import Recurrent, awake, begin
from statewise.cells.weight_drop import WeightDrop


class VariationalDropoutState(NamedTuple):
    """The state of such a part: its own state, and its masks `[B, H]` and `[B, D]`, divided by what they keep."""

    part: Any
    mask: Tensor
    input_mask: Tensor


@final
class VariationalDropout(Recurrent[VariationalDropoutState]):
    """A recurrence that in training loses the same values at every step of a sequence.

        y = m_y * part(m_x * x)        m_y ~ Bernoulli(1 - rate) / (1 - rate), once in a sequence; m_x by `input_rate`

    With a `recurrent_rate` the state of its cells loses the same units at every step, too, wherever a product with
    their `recurrent_weights` hears it: `W_h (m_h * h)`. All three rates together are the method of Gal & Ghahramani;
    without the other two it acts on outputs alone.

    The masks live in the state and are drawn by `initial`, in evaluation they are not heeded. Each row has a mask of
    its own for what it reads and what it writes; rows that begin together share that of the state, so that a kernel can
    still read them (as `WeightDrop` with `units` does). Rows that reset within one scan at different steps each
    take a new mask, one row twice the same. Raises `UsageError` for a rate below 0 or from 1 on, and for a
    `recurrent_rate` of a part without `recurrent_weights`. Source: Gal & Ghahramani 2016.

    >>> from statewise.cells import LSTM
    >>> cell = VariationalDropout(LSTM(5, 4), 0.5, input_rate=0.2, recurrent_rate=0.3)
    >>> ys, state = cell.scan(torch.ones(7, 3, 5), cell.initial(3))
    >>> bool(((ys == 0) == (state.mask == 0)).all())
    True
    """

    def __init__(
        self, part: Recurrent[Any], rate: float, *, input_rate: float = 0.0, recurrent_rate: float = 0.0
    ) -> None:
        super().__init__()
        self.features, self.units = part.features, part.units
        self.rate, self.input_rate = (check_rate("VariationalDropout", each) for each in (rate, input_rate))
        self.part = WeightDrop(part, recurrent_rate, units=True) if recurrent_rate else part

    def initial(self, rows: int, context: Any = None) -> VariationalDropoutState:
        """Return the part's initial state, and for training new masks, else ones."""
        masks = self._draw(rows)  # first, as in a scan, which needs them before its part resets
        return VariationalDropoutState(begin(self.part, rows, context), *masks)

    def step(self, x: Tensor, state: VariationalDropoutState) -> tuple[Tensor, VariationalDropoutState]:
        """Read one input `[B, D]` and lose what the masks say."""
        x = x * state.input_mask if self.training and self.input_rate else x
        y, part = self.part.step(x, state.part)
        return (y * state.mask if self.training else y), VariationalDropoutState(part, state.mask, state.input_mask)

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
        masks = [own.expand(len(xs), *own.shape) for own in (state.mask, state.input_mask)]
        if reset is not None:
            heeded = reset if mask is None else reset & mask
            begun = (heeded.cumsum(0) > 0).unsqueeze(-1)
            masks = [torch.where(begun, new, own) for new, own in zip(self._draw(xs.shape[1]), masks, strict=True)]
        outward, inward = masks
        xs = awake(xs, mask) * awake(inward, mask) if self.training and self.input_rate else xs
        ys, part = self.part.scan(xs, state.part, reset=reset, mask=mask)
        last = (outward[-1], inward[-1]) if len(xs) else (state.mask, state.input_mask)
        return (ys * awake(outward, mask) if self.training else ys), VariationalDropoutState(part, *last)

    def _draw(self, rows: int) -> tuple[Tensor, Tensor]:
        """Return masks of what is written and of what is read."""
        return self._drawn(rows, self.units, self.rate), self._drawn(rows, self.features, self.input_rate)

    def _drawn(self, rows: int, width: int, rate: float) -> Tensor:
        ones = self.blank(rows, width) + 1
        return ones.bernoulli(1 - rate) / (1 - rate) if self.training and rate else ones
