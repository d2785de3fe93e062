"""The windows of one process: its own rows of everybody's."""

from collections.abc import Sequence
from typing import Any, final

from torch import Tensor

from statewise.data.window import Numbered, Window
from statewise.distributed.ranks import Ranks
from statewise.state import map_leaves


@final
class OwnRows(Numbered):
    """The rows of some windows that are this process's, so that all processes together read each window once."""

    def __init__(self, windows: Sequence[Window], ranks: Ranks) -> None:
        self.windows, self.ranks = windows, ranks
        ranks.own(windows[0].targets.shape[1])

    def __len__(self) -> int:
        return len(self.windows)

    def at(self, index: int) -> Window:
        """Return this process's rows of a window."""
        window = self.windows[index]
        rows = self.ranks.own(window.targets.shape[1])

        def own(part: Tensor | None) -> Tensor | None:
            return None if part is None else part[:, rows].contiguous()

        context: Any = window.context
        if context is not None:
            context = map_leaves(lambda leaf: leaf[rows], context)
        inputs, targets = window.inputs[:, rows].contiguous(), window.targets[:, rows].contiguous()
        return Window(inputs, targets, own(window.mask), own(window.reset), context)


def own_rows(windows: Sequence[Window], ranks: Ranks) -> Sequence[Window]:
    """Return this process's rows of some windows. Raises `UsageError` where they cannot be shared alike."""
    return windows if ranks.count == 1 else OwnRows(windows, ranks)
