"""Where a sequence is, as native code has it: what the recurrences keep in one tensor, and the rest beside it."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise.program.plan import Leaf
from statewise.state import leaves, rebuild

FLOAT_BYTES = 4


class Place(NamedTuple):
    """A state of one row, laid out for native code, from which the state itself is made when somebody asks."""

    numbers: Tensor
    beside: Any
    steps: int


class Layout:
    """Where in a place each tensor of a state lies."""

    def __init__(self, kinds: Sequence[Leaf], widths: Sequence[int]) -> None:
        self.kinds, self.widths = kinds, widths
        *self.starts, self.total = accumulate(widths, initial=0)
        self.bytes = [start * FLOAT_BYTES for start in self.starts]

    def own(self, state: Any) -> list[Tensor]:
        """Return the tensors of a state that native code reads."""
        pairs = zip(leaves(state), self.kinds, strict=True)
        return [leaf.detach().contiguous() for leaf, kind in pairs if kind is Leaf.OWN]

    def put(self, state: Any, own: Sequence[Tensor], steps: int) -> Any:
        """Return a state `steps` further on, with these tensors for those that native code writes."""
        given = iter(own)

        def after(leaf: Tensor, kind: Leaf) -> Tensor:
            if kind is Leaf.OWN:
                return next(given)
            return leaf + steps if kind is Leaf.COUNTED else leaf

        return rebuild(state, [after(leaf, kind) for leaf, kind in zip(leaves(state), self.kinds, strict=True)])

    def place(self, state: Any) -> Place:
        """Lay a state of one row out."""
        return Place(torch.cat([leaf.flatten() for leaf in self.own(state)]), state, 0)

    def state(self, place: Place) -> Any:
        """Return the state that was laid out, as far as it has come."""
        if not place.steps:
            return place.beside
        pairs = zip(self.starts, self.widths, strict=True)
        own = [place.numbers[start : start + width].unsqueeze(0) for start, width in pairs]
        return self.put(place.beside, own, place.steps)
