"""A recurrence that reads, with each input, the vector that a whole reading has of that same place."""

from typing import Generic, NamedTuple, TypeVar, final

import torch
from torch import Tensor

from statewise.cells.attention_memory import AttentionMemory
from statewise.cells.recurrent import Recurrent, begin
from statewise.cells.stretches import read_stretches
from statewise.errors import UsageError

State = TypeVar("State")


class AlignedState(NamedTuple, Generic[State]):
    """The memory that is read, how many of its vectors were read `[B]`, and the state of the part."""

    memory: AttentionMemory
    place: Tensor
    part: State


@final
class Aligned(Recurrent[AlignedState[State]], Generic[State]):
    """A part that reads `(x_t, m_t)`: step t of its input with vector t of a memory.

        y_t, s_t = part((x_t, m_t), s_(t-1))        m_t is zeros where the memory has ended

    The memory is the context: an `AttentionMemory` of what a reader made of the whole sequence, such as `TwoWay`. So a
    recurrence that steps can know what comes after a step, where the whole was read before. Without a context, and
    where a row begins within a scan, the memory is a single vector of zeros. A step that a row sleeps through reads no
    vector. Shapes: `xs` `[T, B, D]`, `memory` `[B, S, width]`; the part reads `D + width` features. Raises `UsageError`
    for a memory of another shape. Source: the aligned inputs of Liu & Lane 2016, section 3.1.

    >>> from statewise.cells import LSTM
    >>> cell = Aligned(LSTM(5 + 2, 4), width=2)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3, context=torch.randn(3, 7, 2)))
    >>> ys.shape, state.place
    (torch.Size([7, 3, 4]), tensor([7, 7, 7]))
    """

    takes_context = True

    def __init__(self, part: Recurrent[State], width: int) -> None:
        super().__init__()
        if not 1 <= width < part.features:
            raise UsageError(
                f"vectors of {width} join the input, but the {type(part).__name__} reads {part.features} features: "
                "let it read that many more than the input has"
            )
        self.part, self.width = part, width
        self.features, self.units = part.features - width, part.units

    def initial(self, rows: int, context: Tensor | AttentionMemory | None = None) -> AlignedState[State]:
        """Return the memory, its first place, and the first state of the part."""
        memory = self._memory(rows, context)
        return AlignedState(memory, torch.zeros(rows, dtype=torch.long, device=memory.mask.device), self._begun(rows))

    def _begun(self, rows: int) -> State:
        return begin(self.part, rows)

    def _memory(self, rows: int, context: Tensor | AttentionMemory | None) -> AttentionMemory:
        blank = self.blank(rows, 1, self.width)
        if context is None:
            return AttentionMemory(blank, torch.ones(rows, 1, dtype=torch.bool, device=blank.device))
        values, mask = context if isinstance(context, AttentionMemory) else (context, None)
        if values.dim() != 3 or values.shape[0] != rows or values.shape[-1] != self.width or not values.shape[1]:
            raise UsageError(
                f"Aligned reads a memory [B, S, D] = [{rows}, S, {self.width}] but was given {list(values.shape)}"
            )
        if mask is None:
            mask = torch.ones(values.shape[:2], dtype=torch.bool, device=blank.device)
        return AttentionMemory(torch.where(mask.unsqueeze(-1), values.to(blank), 0), mask.to(blank.device))

    def step(self, x: Tensor, state: AlignedState[State]) -> tuple[Tensor, AlignedState[State]]:
        """Read one input `[B, D]` and the vector of its place."""
        read = _vectors(state.memory, state.place.unsqueeze(0))[0]
        y, part = self.part.step(torch.cat([x, read], dim=-1), state.part)
        return y, AlignedState(state.memory, state.place + 1, part)

    def scan(
        self, xs: Tensor, state: AlignedState[State], *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, AlignedState[State]]:
        """Read a sequence `[T, B, D]` as the part does, by its kernel."""
        self.check(xs, state, reset, mask, kind=AlignedState)
        return read_stretches(self._read, xs, state, self.initial, reset, mask)

    def _read(self, xs: Tensor, state: AlignedState[State], mask: Tensor | None) -> tuple[Tensor, AlignedState[State]]:
        moves = torch.ones(xs.shape[:2], dtype=torch.long, device=xs.device) if mask is None else mask.long()
        places = state.place + moves.cumsum(0) - moves
        ys, part = self.part.scan(torch.cat([xs, _vectors(state.memory, places)], dim=-1), state.part, mask=mask)
        return ys, AlignedState(state.memory, state.place + moves.sum(0), part)


def _vectors(memory: AttentionMemory, places: Tensor) -> Tensor:
    """Return the vectors `[T, B, D]` at places `[T, B]` of a memory; zeros beyond its end."""
    last = memory.mask.shape[1] - 1
    at = places.clamp(max=last)
    found = memory.values.transpose(0, 1).gather(0, at.unsqueeze(-1).expand(*at.shape, memory.values.shape[-1]))
    is_there = memory.mask.T.gather(0, at) & (places <= last)
    return torch.where(is_there.unsqueeze(-1), found, 0)
