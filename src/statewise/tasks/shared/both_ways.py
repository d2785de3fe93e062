"""Layers of a cell that read a whole sequence both ways, as the core of a model that is never stepped."""

from typing import Any

from torch import Tensor, nn

from statewise.cells import Bidirectional
from statewise.cells.dropout import Dropout
from statewise.errors import UsageError
from statewise.task import stacked_core

CANNOT_STREAM = (
    "a network that reads both ways cannot stream: half of what it says comes from the end; train without --two-way"
)


class BothWays(nn.Module):
    """Layers that read a whole sequence from both ends; as a core they have no state to go on from."""

    def __init__(self, cell: str, features: int, units: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.features = features
        parts: list[Bidirectional] = []
        for _ in range(layers):
            parts.append(Bidirectional(stacked_core(cell, features, units, 1), stacked_core(cell, features, units, 1)))
            features = parts[-1].units
        self.parts, self.units, self.dropout = nn.ModuleList(parts), features, nn.Dropout(dropout)

    def initial(self, rows: int, context: Any = None) -> tuple[()]:
        """Return nothing: there is no state."""
        return ()

    def scan(
        self, xs: Tensor, state: Any, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        """Read whole sequences `[T, B, D]`."""
        for part in self.parts:
            both_ways: Any = part
            xs = self.dropout(both_ways.scan(xs, mask=mask)[0])
        return xs, ()

    def step(self, x: Tensor, state: Any) -> Any:
        """Raise `UsageError`."""
        raise UsageError(CANNOT_STREAM)


def core_of(task: Any, features: int) -> Any:
    """Return the layers that a task's `cell`, `hidden_size`, `layers`, `dropout` and `two_way` say."""
    if task.two_way:
        return BothWays(task.cell, features, task.hidden_size, task.layers, task.dropout)
    core = stacked_core(task.cell, features, task.hidden_size, task.layers)
    return Dropout(core, task.dropout) if task.dropout else core


def refuse_two_way(task: Any) -> None:
    """Raise `UsageError` where a task's network reads both ways: it has no state between two steps."""
    if task.two_way:
        raise UsageError(CANNOT_STREAM)
