"""The state of a sequence as native code has it: the recurrences' numbers in one tensor, and the rest."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise.cells.validation import check_state
from statewise.errors import UsageError
from statewise.kernels.native_tensors import whole
from statewise.program.plan import Leaf
from statewise.state import leaves, rebuild, same_structure

FLOAT_BYTES = 4
NAME = "this program"


class PackedState(NamedTuple):
    """A state of one row, laid out for native code, from which the state itself is made when it is read."""

    numbers: Tensor
    others: Any
    steps: int
    layout: "StateLayout"

    @property
    def state(self) -> Any:
        """The state that was laid out, as far as it has come."""
        return self.layout.state(self)


class StateLayout:
    """Where in a place each tensor of a state lies, and what such a state is like."""

    def __init__(self, kinds: Sequence[Leaf], like: Any) -> None:
        own = [leaf for leaf, kind in zip(leaves(like), kinds, strict=True) if kind is Leaf.OWN]
        self.kinds, self.like, self.widths = kinds, like, [leaf.shape[1] for leaf in own]
        *self.starts, self.total = accumulate(self.widths, initial=0)
        self.bytes = [start * FLOAT_BYTES for start in self.starts]

    def is_as(self, other: "StateLayout") -> bool:
        """Tell whether places of the other are places of this one."""
        return self.kinds == other.kinds and same_structure(self.like, other.like)

    def own(self, state: Any, rows: int) -> list[Tensor]:
        """Return the tensors of a state that native code reads.

        Raises `UsageError` where it is another model's, or has not so many rows.
        """
        check_state(NAME, state, self.like)
        pairs = zip(leaves(state), self.kinds, strict=True)
        own = [whole(leaf.detach()) for leaf, kind in pairs if kind is Leaf.OWN]
        for leaf, width in zip(own, self.widths, strict=True):
            if leaf.dtype != torch.float32 or leaf.device.type != "cpu" or leaf.shape[1:] != (width,):
                raise UsageError(
                    f"a step program reads states of float32 on a CPU, {width} wide, but was given "
                    f"{list(leaf.shape)} of {leaf.dtype} on {leaf.device}: use model.step"
                )
            if leaf.shape[0] != rows:
                wanted = "use step for many" if rows == 1 else f"begin(rows={rows})"
                raise UsageError(f"a state of {leaf.shape[0]} rows was given where one of {rows} is read: {wanted}")
        return own

    def put(self, state: Any, own: Sequence[Tensor], steps: int) -> Any:
        """Return a state `steps` further on, with these tensors for those that native code writes."""
        given = iter(own)

        def after(leaf: Tensor, kind: Leaf) -> Tensor:
            if kind is Leaf.OWN:
                return next(given)
            return leaf + steps if kind is Leaf.COUNTED else leaf

        return rebuild(state, [after(leaf, kind) for leaf, kind in zip(leaves(state), self.kinds, strict=True)])

    def place(self, state: Any) -> PackedState:
        """Lay a state of one row out. Raises `UsageError` for another model's state, and for more rows."""
        return PackedState(torch.cat([leaf.flatten() for leaf in self.own(state, 1)]), state, 0, self)

    def state(self, place: PackedState) -> Any:
        """Return the state that was laid out, as far as it has come."""
        if not place.steps:
            return place.others
        pairs = zip(self.starts, self.widths, strict=True)
        own = [place.numbers[start : start + width].unsqueeze(0) for start, width in pairs]
        return self.put(place.others, own, place.steps)
