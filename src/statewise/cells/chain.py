"""Recurrences one after another: each reads what the one before it writes."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, cast, final

from torch import Tensor, nn

from statewise.cells.recurrent import Recurrent, begin
from statewise.cells.validation import MEND
from statewise.errors import UsageError

ChainState = tuple[Any, ...]


@final
class Chain(Recurrent[ChainState]):
    """Several recurrences as one: the outputs of each are the inputs of the next.

    Its state is the tuple of its parts' states. Raises `UsageError` where a part's width does not fit its neighbour's.

    >>> import torch
    >>> from statewise.cells import GRU, LSTM
    >>> deep = Chain(LSTM(5, 4), GRU(4, 6))
    >>> ys, (lower, upper) = deep.scan(torch.zeros(7, 3, 5), deep.initial(3))
    >>> ys.shape, lower.cell.shape, upper.hidden.shape
    (torch.Size([7, 3, 6]), torch.Size([3, 4]), torch.Size([3, 6]))
    """

    def __init__(self, *parts: Recurrent[Any]) -> None:
        super().__init__()
        if not parts:
            raise UsageError("a Chain of no parts was asked for: give it at least one recurrence")
        for lower, upper in pairwise(parts):
            if lower.units != upper.features:
                raise UsageError(
                    f"{type(lower).__name__} writes {lower.units} units but the {type(upper).__name__} after it "
                    f"reads {upper.features} features: make them equal"
                )
        self.features, self.units = parts[0].features, parts[-1].units
        self.parts = nn.ModuleList(parts)

    def __iter__(self) -> Iterator[Recurrent[Any]]:
        return iter(cast(Iterable[Recurrent[Any]], self.parts))

    def initial(self, rows: int, context: Any = None) -> ChainState:
        """Return each part's initial state; a context goes to every part that reads one."""
        return tuple(begin(part, rows, context) for part in self)

    def step(self, x: Tensor, state: ChainState) -> tuple[Tensor, ChainState]:
        """Read one input `[B, D]` through every part."""
        after = []
        for part, before in zip(self, state, strict=True):
            x, new = part.step(x, before)
            after.append(new)
        return x, tuple(after)

    def scan(
        self, xs: Tensor, state: ChainState, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, ChainState]:
        """Read a sequence `[T, B, D]` through every part, a whole part at a time."""
        self.check(xs, state, reset, mask, kind=tuple)
        if len(state) != len(self.parts):
            raise UsageError(f"a Chain of {len(self.parts)} parts was given a state of {len(state)}: {MEND}")
        after = []
        for part, before in zip(self, state, strict=True):
            xs, new = part.scan(xs, before, reset=reset, mask=mask)
            after.append(new)
        return xs, tuple(after)
