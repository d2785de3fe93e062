"""The windows of one process: its own share of the rows."""

from collections.abc import Sequence
from typing import final

from statewise.data.window import Epochs, Window
from statewise.distributed.ranks import Ranks


@final
class OwnRows(Epochs):
    """The rows of some windows that are this process's, so that all processes together read each window once."""

    def __init__(self, windows: Sequence[Window], ranks: Ranks) -> None:
        self.windows, self.ranks = windows, ranks
        ranks.own(windows[0].rows)

    def __len__(self) -> int:
        return len(self.windows)

    def in_epoch(self, epoch: int, index: int) -> Window:
        """Return this process's rows of a window."""
        window = self.windows.in_epoch(epoch, index) if isinstance(self.windows, Epochs) else self.windows[index]
        return window.of_rows(self.ranks.own(window.rows))


def own_rows(windows: Sequence[Window], ranks: Ranks) -> Sequence[Window]:
    """Return this process's rows of some windows. Raises `UsageError` where they cannot be shared alike."""
    return windows if ranks.count == 1 else OwnRows(windows, ranks)
