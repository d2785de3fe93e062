"""What a fast recurrence is: an operation on bare tensors that computes what the readable loop would."""

from typing import NamedTuple, Protocol

from torch import Tensor

Leaves = tuple[Tensor, ...]


class ScanInputs(NamedTuple):
    """All that an operation is given: what to read, from which state, with which weights.

    Shapes: `xs` `[T, B, D]`; `state` and `fresh` (the state of a row that resets) tensors of `[B, ...]`;
    `reset` and `mask` `[T, B]` of bool, or None where no row resets or sleeps.
    """

    xs: Tensor
    state: Leaves
    fresh: Leaves
    weights: Leaves
    reset: Tensor | None
    mask: Tensor | None


class Op(Protocol):
    """One recurrence over time, on bare tensors."""

    @property
    def kernel(self) -> str:
        """The name of the kernel this operation belongs to."""

    def takes(self, given: ScanInputs) -> bool:
        """Tell whether this operation computes these tensors, and exactly what the reference would."""

    def run(self, given: ScanInputs) -> tuple[Tensor, Leaves]:
        """Return the outputs `[T, B, H]` and the last state."""
