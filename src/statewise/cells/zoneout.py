"""Zoneout: values of the state that at random stay as they were."""

from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from statewise.cells.noise import Noise, begin_noise, check_rate
from statewise.cells.recurrent import Cell, Recurrent, begin
from statewise.state import leaves, rebuild


class ZoneoutState(NamedTuple):
    """The state of a part with zoneout: its own state, and the streams that masks are drawn from."""

    part: Any
    noise: Noise


@final
class Zoneout(Cell[ZoneoutState]):
    """A recurrence each value of whose state, in training, stays as it was with probability `rate`.

        s' = z * s + (1 - z) * part(x, s)        z ~ Bernoulli(rate); in evaluation z = rate

    Unlike dropout it leaves a path on which value and gradient pass unchanged. Where the part's output is one of the
    values of its state, as with every plain cell, the output is that value after zoneout. So wrap the cell itself, and
    put `Residual`, `Dropout` and the like around this. Only real numbers zone out, not seeds and counts.
    The random numbers live in the state (`Noise`), so repeated steps and a scan keep the same values. Raises
    `UsageError` for a rate below 0 or from 1 on. Source: Krueger et al. 2017.

    >>> from statewise.cells import LSTM
    >>> cell = Zoneout(LSTM(5, 4), 0.1)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> bool((ys[-1] == state.part.hidden).all()), state.noise.draws
    (True, tensor([7, 7, 7]))
    """

    def __init__(self, part: Recurrent[Any], rate: float) -> None:
        super().__init__()
        self.features, self.units = part.features, part.units
        self.part, self.rate = part, check_rate("Zoneout", rate)
        if isinstance(part, Cell) and part.recurrence is not None:
            self.recurrence = f"zoneout_{part.recurrence}"

    def initial(self, rows: int, context: Any = None) -> ZoneoutState:
        """Return the part's initial state, and for training new streams."""
        part = begin(self.part, rows, context)
        return ZoneoutState(part, begin_noise(rows, self.blank(0), training=self.training))

    def step(self, x: Tensor, state: ZoneoutState) -> tuple[Tensor, ZoneoutState]:
        """Read one input `[B, D]` and keep some of the state."""
        y, new = self.part.step(x, state.part)
        before, after = leaves(state.part), leaves(new)
        zoned = self._zone_out(before, after, state.noise)
        # the output of a plain cell is a tensor of its new state, and must go on being that
        y = next((kept for leaf, kept in zip(after, zoned, strict=True) if leaf is y), y)
        return y, ZoneoutState(rebuild(new, zoned), state.noise.advanced())

    def weights(self) -> tuple[Tensor, ...]:
        """Return the part's weights, and after them the rate and whether it zones out at random."""
        how = torch.tensor([self.rate, float(self.training)], dtype=torch.float64)
        return (*self.part.weights(), how) if isinstance(self.part, Cell) else (how,)

    def _zone_out(self, before: tuple[Tensor, ...], after: tuple[Tensor, ...], noise: Noise) -> list[Tensor]:
        widths = [leaf.shape[1:].numel() if leaf.is_floating_point() else 0 for leaf in after]
        if not self.training:
            pairs = zip(before, after, widths, strict=True)
            return [new + self.rate * (old - new) if width else new for old, new, width in pairs]
        changes = torch.split_with_sizes(noise.keeps(sum(widths), self.rate), widths, dim=-1)
        return [
            torch.where(change.reshape(new.shape), new, old) if width else new
            for old, new, change, width in zip(before, after, changes, widths, strict=True)
        ]
