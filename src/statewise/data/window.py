"""The one training datum: some steps of some rows, with what is to be predicted at each."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple, final, overload

from torch import Tensor


class Window(NamedTuple):
    """A stretch of `T` steps of `B` rows.

    `inputs` and `targets` are `[T, B, ...]`. Where `mask` `[T, B]` is false there is nothing to read or predict;
    where `reset` `[T, B]` is true the row begins anew before that step; `context` is what a first state is made
    from. None stands for: all there, none begins anew, no context.
    """

    inputs: Tensor
    targets: Tensor
    mask: Tensor | None = None
    reset: Tensor | None = None
    context: Any = None


class Numbered(Sequence[Window], ABC):
    """Windows that are made when they are asked for: who says how many there are and what each is, has a sequence."""

    @abstractmethod
    def at(self, index: int) -> Window:
        """Return a window by its number, from 0 to below how many there are."""

    @overload
    def __getitem__(self, index: int) -> Window: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Window]: ...
    @final
    def __getitem__(self, index: int | slice) -> Window | Sequence[Window]:
        if isinstance(index, slice):
            return [self.at(i) for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        return self.at(index)
