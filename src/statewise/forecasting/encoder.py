"""How a network takes in what is read of series: their codes looked up, and the size of counts handed to the head."""

from collections.abc import Sequence
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from statewise.cells import Recurrent


@final
class Reader(nn.Module):
    """Looks the codes of a series up, before the numbers: `[..., C + D]` to `[..., F]`."""

    def __init__(self, choices: Sequence[int], numbers: int, embedding: int) -> None:
        super().__init__()
        self.codes = len(choices)
        self.used = [i for i, count in enumerate(choices) if count > 2]  # a panel of one series needs no word for it
        widths = [min(embedding, choices[i]) for i in self.used]
        self.tables = nn.ModuleList(nn.Embedding(choices[i], width) for i, width in zip(self.used, widths, strict=True))
        self.features = numbers + sum(widths)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return features, the log of the spread last."""
        words = [table(inputs[..., i].long()) for i, table in zip(self.used, self.tables, strict=True)]
        return torch.cat([*words, inputs[..., self.codes :]], dim=-1)


class BesideState(NamedTuple):
    """The state of the part."""

    part: Any


@final
class Beside(Recurrent[BesideState]):
    """A recurrence beside whose output the last of its features is put, as it is: the size of a series, for its head.

        y = (part(x), x_last)

    >>> from statewise.cells import LSTM
    >>> Beside(LSTM(5, 4)).units
    5
    """

    def __init__(self, part: Recurrent[Any]) -> None:
        super().__init__()
        self.part, self.features, self.units = part, part.features, part.units + 1

    def initial(self, rows: int) -> BesideState:
        """Return the part's initial state."""
        return BesideState(self.part.initial(rows))

    def step(self, x: Tensor, state: BesideState) -> tuple[Tensor, BesideState]:
        """Read one input `[B, D]`."""
        y, part = self.part.step(x, state.part)
        return torch.cat([y, x[..., -1:]], dim=-1), BesideState(part)

    def scan(
        self, xs: Tensor, state: BesideState, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, BesideState]:
        """Read a sequence `[T, B, D]`."""
        self.check(xs, state, reset, mask, kind=BesideState)
        ys, part = self.part.scan(xs, state.part, reset=reset, mask=mask)
        return torch.cat([ys, xs[..., -1:]], dim=-1), BesideState(part)
