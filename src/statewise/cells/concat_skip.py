"""A stack with skip connections: every part sees the input, and the output shows every part."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, cast, final

import torch
from torch import Tensor, nn

from statewise.cells.recurrent import Recurrent, begin
from statewise.cells.validation import MEND
from statewise.errors import UsageError

ConcatSkipState = tuple[Any, ...]


@final
class ConcatSkip(Recurrent[ConcatSkipState]):
    """Several recurrences one after another, each reading the input too; the output joins the outputs of all.

        y_1 = part_1(x)        y_n = part_n(x, y_(n-1))        y = (y_1, ..., y_N)

    So input and output are one part away from every part, however deep the stack. The first part reads D features,
    each other D and the units of the one before it. Raises `UsageError` where a part's width does not fit.
    Source: Graves 2013, section 2.

    >>> from statewise.cells import LSTM
    >>> deep = ConcatSkip(LSTM(5, 4), LSTM(5 + 4, 6))
    >>> ys, state = deep.scan(torch.zeros(7, 3, 5), deep.initial(3))
    >>> ys.shape
    torch.Size([7, 3, 10])
    """

    def __init__(self, *parts: Recurrent[Any]) -> None:
        super().__init__()
        if not parts:
            raise UsageError("a ConcatSkip of no parts was asked for: give it at least one recurrence")
        self.features, self.units = parts[0].features, sum(part.units for part in parts)
        for lower, upper in pairwise(parts):
            wanted = self.features + lower.units
            if upper.features != wanted:
                raise UsageError(
                    f"the {type(upper).__name__} reads {upper.features} features, but {self.features} of the input and "
                    f"{lower.units} of the {type(lower).__name__} before it come to {wanted}: make them equal"
                )
        self.parts = nn.ModuleList(parts)

    def __iter__(self) -> Iterator[Recurrent[Any]]:
        return iter(cast(Iterable[Recurrent[Any]], self.parts))

    def initial(self, rows: int, context: Any = None) -> ConcatSkipState:
        """Return each part's initial state; a context goes to every part that reads one."""
        return tuple(begin(part, rows, context) for part in self)

    def step(self, x: Tensor, state: ConcatSkipState) -> tuple[Tensor, ConcatSkipState]:
        """Read one input `[B, D]` with every part."""
        after: list[Any] = []
        heard: list[Tensor] = []
        for part, before in zip(self, state, strict=True):
            y, new = part.step(torch.cat([x, *heard[-1:]], dim=-1), before)
            heard.append(y)
            after.append(new)
        return torch.cat(heard, dim=-1), tuple(after)

    def scan(
        self, xs: Tensor, state: ConcatSkipState, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, ConcatSkipState]:
        """Read a sequence `[T, B, D]` with every part, a whole part at a time."""
        self.check(xs, state, reset, mask, kind=tuple)
        if len(state) != len(self.parts):
            raise UsageError(f"a ConcatSkip of {len(self.parts)} parts was given a state of {len(state)}: {MEND}")
        after: list[Any] = []
        heard: list[Tensor] = []
        for part, before in zip(self, state, strict=True):
            ys, new = part.scan(torch.cat([xs, *heard[-1:]], dim=-1), before, reset=reset, mask=mask)
            heard.append(ys)
            after.append(new)
        return torch.cat(heard, dim=-1), tuple(after)
