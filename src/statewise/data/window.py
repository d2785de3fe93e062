"""The one training datum: some steps of some rows, with what is to be predicted at each."""

from typing import Any, NamedTuple

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
