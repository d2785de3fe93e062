"""Several recurrences that read the same and write next to each other."""

from collections.abc import Iterable, Iterator
from typing import Any, cast, final

import torch
from torch import Tensor, nn

from statewise.cells.recurrent import Recurrent

States = tuple[Any, ...]


@final
class Ensemble(Recurrent[States]):
    """Recurrences that all read the same input; their outputs are joined.

        y = (part_1(x), ..., part_K(x))

    Its state is the tuple of its parts' states.

    >>> from statewise.cells import GRU, LSTM
    >>> Ensemble([LSTM(5, 4), GRU(5, 6)]).units
    10
    """

    def __init__(self, parts: Iterable[Recurrent[Any]]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.features, self.units = next(iter(self)).features, sum(part.units for part in self)

    def __iter__(self) -> Iterator[Recurrent[Any]]:
        return iter(cast(Iterable[Recurrent[Any]], self.parts))

    def initial(self, rows: int) -> States:
        """Return each part's initial state."""
        return tuple(part.initial(rows) for part in self)

    def step(self, x: Tensor, state: States) -> tuple[Tensor, States]:
        """Read one input `[B, D]`."""
        ys, after = zip(*(part.step(x, before) for part, before in zip(self, state, strict=True)), strict=True)
        return torch.cat(ys, dim=-1), after

    def scan(
        self, xs: Tensor, state: States, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, States]:
        """Read a sequence `[T, B, D]`, a whole part at a time."""
        self.check(xs, state, reset, mask, kind=tuple)
        read = [part.scan(xs, before, reset=reset, mask=mask) for part, before in zip(self, state, strict=True)]
        ys, after = zip(*read, strict=True)
        return torch.cat(ys, dim=-1), after
