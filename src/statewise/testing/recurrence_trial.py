"""What a recurrence is tried on: something to read, a state that is nowhere zero, and rows that reset or sleep."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from statewise.cells import Recurrent
from statewise.state import map_leaves, select_rows

T, B = 7, 3
FEATURES, UNITS = 5, 4
"Sizes that all differ, so that a transposed axis fails."


@dataclass(frozen=True)
class RecurrenceTrial:
    """A recurrence with all weights shaken, something to read, and a state that is nowhere zero.

    Shapes: `xs` `[T, B, D]`, `reset` and `mask` `[T, B]`. Row 0 resets at 0 and sleeps at 2, where it is told
    to reset but does not; row 1 resets at 3; row 2 sleeps from 5.
    """

    recurrent: Recurrent[Any]
    twin: Recurrent[Any]
    kernel: str
    xs: Tensor
    state: Any
    reset: Tensor
    mask: Tensor

    def scan(
        self, xs: Tensor, state: Any, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        """Read a sequence from a copy of a state, with the same random numbers every time."""
        torch.manual_seed(1)
        return self.recurrent.scan(xs, map_leaves(torch.clone, state), reset=reset, mask=mask)

    def initial(self) -> Any:
        """Return the state that `scan` takes for a row that resets."""
        torch.manual_seed(1)
        return self.recurrent.initial(B)


def try_out(make: Callable[[], Recurrent[Any]], dtype: torch.dtype, kernel: str) -> RecurrenceTrial:
    """Make a recurrence, shake its weights, and lay out what it is to read."""
    torch.manual_seed(0)
    recurrent, twin = make().to(dtype), make().to(dtype)
    with torch.no_grad():
        for weights in recurrent.parameters():
            weights.add_(torch.randn_like(weights), alpha=0.1)
    twin.load_state_dict(recurrent.state_dict())
    xs = torch.randn(T, B, recurrent.features, dtype=dtype)
    state = map_leaves(_shaken, recurrent.initial(B))
    reset, mask = torch.zeros(T, B, dtype=torch.bool), torch.ones(T, B, dtype=torch.bool)
    reset[0, 0] = reset[2, 0] = reset[3, 1] = True
    mask[2, 0] = mask[5, 2] = mask[6, 2] = False
    return RecurrenceTrial(recurrent, twin, kernel, xs, state, reset, mask)


def _shaken(leaf: Tensor) -> Tensor:
    return leaf.detach() + 0.5 * torch.randn_like(leaf) if leaf.is_floating_point() else leaf


def row_of(state: Any, row: int) -> Any:
    """Return one row of a state."""
    return select_rows(state, torch.tensor([row]))
