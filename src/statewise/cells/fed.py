"""A recurrence that reads its context again at every step, together with the input."""

from typing import Any, Generic, NamedTuple, TypeVar, final

import torch
from torch import Tensor

from statewise.cells.recurrent import Recurrent, begin, reads_context
from statewise.cells.stretches import read_stretches
from statewise.errors import UsageError

State = TypeVar("State")


class FedState(NamedTuple, Generic[State]):
    """The context `[B, width]` that is read at every step, and the state of the part."""

    context: Tensor
    part: State


@final
class Fed(Recurrent[FedState[State]], Generic[State]):
    """A part that reads `(x, context)` at each step, where a first state alone would be forgotten.

        y, s' = part((x, c), s)        the context is zeros where none is given, and where a row begins within a scan

    A part that begins from a context begins from the same one. Shapes: `xs` `[T, B, D]`, `context` `[B, width]`; the
    part reads `D + width` features. Raises `UsageError` for a context of another shape. Source: Ha & Eck 2017.
    """

    takes_context = True

    def __init__(self, part: Recurrent[State], width: int) -> None:
        super().__init__()
        self.part, self.width = part, width
        self.features, self.units = part.features - width, part.units

    def initial(self, rows: int, context: Tensor | None = None) -> FedState[State]:
        """Return the context and the first state of the part."""
        if context is None:
            context = next(self.parameters()).new_zeros(rows, self.width)
        if context.shape != (rows, self.width):
            wanted = [rows, self.width]
            raise UsageError(f"Fed was given a context of shape {list(context.shape)} where {wanted} is wanted")
        given: Any = context if reads_context(self.part) else None
        return FedState(context, begin(self.part, rows, given))

    def step(self, x: Tensor, state: FedState[State]) -> tuple[Tensor, FedState[State]]:
        """Read one input `[B, D]`."""
        y, part = self.part.step(torch.cat([x, state.context], dim=-1), state.part)
        return y, FedState(state.context, part)

    def scan(
        self, xs: Tensor, state: FedState[State], *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, FedState[State]]:
        """Read a sequence `[T, B, D]` as the part does, by its kernel."""
        self.check(xs, state, reset, mask)
        return read_stretches(self._read, xs, state, self.initial, reset, mask)

    def _read(self, xs: Tensor, state: FedState[State], mask: Tensor | None) -> tuple[Tensor, FedState[State]]:
        wide = torch.cat([xs, state.context.expand(len(xs), -1, -1)], dim=-1)
        ys, part = self.part.scan(wide, state.part, mask=mask)
        return ys, FedState(state.context, part)
