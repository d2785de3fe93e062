"""What attention reads: vectors that a state carries along, and which of them are there."""

from abc import abstractmethod
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from statewise.cells.recurrent import Cell
from statewise.errors import UsageError

State = TypeVar("State")


class AttentionMemory(NamedTuple):
    """Vectors `values` `[B, S, D]` to be read, and `mask` `[B, S]` of bool: where false there is none."""

    values: Tensor
    mask: Tensor

    @property
    def any_length(self) -> bool:
        """States may differ in S: vectors that are not there, zeros, make a memory longer and change nothing."""
        return True


class Attention(Cell[State]):
    """A recurrence that reads a query and writes a glimpse of a memory which its state carries along.

    `features` is the width of a query, `units` that of a vector of the memory. `initial` takes the memory as its
    context: `[B, S, D]`, or an `AttentionMemory` where some rows have fewer vectors than others. Without a context, and
    where a row resets within a scan, the memory is a single vector of zeros.
    """

    takes_context = True

    @abstractmethod
    def initial(self, rows: int, context: Tensor | AttentionMemory | None = None) -> State:
        """Return the state in which the memory has not been read yet."""

    @abstractmethod
    def align(self, query: Tensor, state: State) -> Tensor:
        """Return how much of each vector is read: `query` `[B, Q]`; returns `[B, S]`, zero where there is none."""

    def look(self, query: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """Read one query as `step` does, and return how much of each vector was read as well, `[B, S]`."""
        y, after = self.step(query, state)
        return y, self.align(query, state), after

    def remember(self, rows: int, context: Tensor | AttentionMemory | None) -> AttentionMemory:
        """Return a context as a memory. Raises `UsageError` where it is not `[B, S, D]`, or its mask not `[B, S]`."""
        name, blank = type(self).__name__, self.blank(rows, 1, self.units)
        if context is None:
            return AttentionMemory(blank, torch.ones(rows, 1, dtype=torch.bool, device=blank.device))
        values, mask = context if isinstance(context, AttentionMemory) else (context, None)
        if values.dim() != blank.dim() or values.shape[0] != rows or values.shape[-1] != self.units:
            raise UsageError(
                f"{name} reads a memory [B, S, D] = [{rows}, S, {self.units}] but was given {list(values.shape)}"
            )
        if mask is None:
            return AttentionMemory(
                values.to(blank), torch.ones(values.shape[:2], dtype=torch.bool, device=blank.device)
            )
        if mask.shape != values.shape[:2] or mask.dtype != torch.bool:
            raise UsageError(
                f"{name} was given a memory with a mask of {list(mask.shape)} {mask.dtype} where [B, S] = "
                f"{list(values.shape[:2])} torch.bool is wanted"
            )
        # what is not there may hold anything, even not a number, and none of it must be read
        return AttentionMemory(torch.where(mask.unsqueeze(-1), values.to(blank), 0), mask.to(blank.device))


def glimpse(alignment: Tensor, memory: AttentionMemory) -> Tensor:
    """Return the vectors of a memory summed by how much is read of each: `[B, S]` and `[B, S, D]` to `[B, D]`.

    >>> memory = AttentionMemory(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), torch.ones(1, 2, dtype=torch.bool))
    >>> glimpse(torch.tensor([[0.5, 0.5]]), memory)
    tensor([[2., 3.]])
    """
    return torch.einsum("bs,bsd->bd", alignment, memory.values)


def mean_of(memory: AttentionMemory) -> Tensor:
    """Return the mean `[B, D]` of the vectors that are there; zeros where none is.

    >>> mean_of(AttentionMemory(torch.tensor([[[1.0], [3.0], [0.0]]]), torch.tensor([[True, True, False]])))
    tensor([[2.]])
    """
    return memory.values.sum(dim=1) / memory.mask.sum(dim=1, keepdim=True).clamp(min=1)


def shares(scores: Tensor, mask: Tensor) -> Tensor:
    """Return scores `[B, S]` as shares of one among the vectors that are there; of none where none is.

    >>> shares(torch.tensor([[0.0, 0.0, 9.0], [0.0, 0.0, 0.0]]), torch.tensor([[True, True, False], [False] * 3]))
    tensor([[0.5000, 0.5000, 0.0000],
            [0.0000, 0.0000, 0.0000]])
    """
    lowest = torch.finfo(scores.dtype).min  # and not -infinity, whose shares are not numbers in a row of none
    return scores.masked_fill(~mask, lowest).softmax(dim=-1) * mask
