"""Dropout of what a part writes, with another mask at every step."""

from typing import Any, NamedTuple, final

from torch import Tensor

from statewise.cells.noise import Noise, begin_noise, check_rate
from statewise.cells.recurrent import Recurrent, begin


class DropoutState(NamedTuple):
    """The state of a part with dropout: its own state, and the streams that masks are drawn from."""

    part: Any
    noise: Noise


@final
class Dropout(Recurrent[DropoutState]):
    """A recurrence that in training loses each value of its output with probability `rate`, independently at each step.

        y = m * part(x) / (1 - rate)        m ~ Bernoulli(1 - rate)

    The random numbers live in the state (`Noise`), so repeated steps and a scan lose the same values. In evaluation
    nothing is lost. Raises `UsageError` for a rate below 0 or from 1 on. Source: Srivastava et al. 2014; on outputs
    alone, not from step to step, Zaremba, Sutskever & Vinyals 2014.

    >>> import torch
    >>> from statewise.cells import LSTM
    >>> cell = Dropout(LSTM(5, 4), 0.5)
    >>> ys, state = cell.scan(torch.ones(7, 3, 5), cell.initial(3))
    >>> bool((ys == 0).any()), state.noise.draws
    (True, tensor([7, 7, 7]))
    """

    def __init__(self, part: Recurrent[Any], rate: float) -> None:
        super().__init__()
        self.features, self.units = part.features, part.units
        self.part, self.rate = part, check_rate("Dropout", rate)

    def initial(self, rows: int, context: Any = None) -> DropoutState:
        """Return the part's initial state, and for training new streams."""
        return DropoutState(begin(self.part, rows, context), self._begin_noise(rows))

    def step(self, x: Tensor, state: DropoutState) -> tuple[Tensor, DropoutState]:
        """Read one input `[B, D]` and lose some of the output."""
        y, part = self.part.step(x, state.part)
        return self._lose(y, state.noise), DropoutState(part, state.noise.advanced())

    def scan(
        self, xs: Tensor, state: DropoutState, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, DropoutState]:
        """Read a sequence `[T, B, D]` as the part does, by its kernel, and lose some of the outputs."""
        self.check(xs, state, reset, mask, kind=DropoutState)
        ys, part = self.part.scan(xs, state.part, reset=reset, mask=mask)
        fresh = state.noise if reset is None else self._begin_noise(xs.shape[1])
        before, last = state.noise.over(fresh, xs.shape[0], reset, mask)
        return self._lose(ys, before), DropoutState(part, last)

    def _lose(self, ys: Tensor, noise: Noise) -> Tensor:
        return ys * noise.keeps(self.units, self.rate) / (1 - self.rate) if self.training else ys

    def _begin_noise(self, rows: int) -> Noise:
        return begin_noise(rows, self.blank(0), training=self.training)
