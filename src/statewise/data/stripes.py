"""One long stream, read by many rows side by side: how a book becomes windows."""

from typing import final

import numpy as np
import torch

from statewise.data.code_file import CodeFile
from statewise.data.window import LazyWindows, Window
from statewise.errors import DataError

HELD_CODES = 1 << 17
"How many codes are read at once: a megabyte, so that opening the file costs a window next to nothing."


@final
class Stripes(LazyWindows):
    """A stream cut into `rows` equal stripes, which are read side by side, `steps` at a time.

    Window `i` continues window `i - 1` in every row, so a state can be carried from one to the next; window 0
    resets. The target of each code is the one after it. The last window may be shorter; what does not fill a stripe
    (fewer than `rows` codes) is left out.

    With `begin_in_turn`, one row resets at every window: row `i % rows` at window `i`. A learner that carries the state
    throughout sees an empty past only once an epoch, and never learns to go on from a prompt without one.

    Without `steps` a window is a whole stripe, read from its beginning to its end.

    Raises `DataError` where a stripe would be shorter than one window.
    """

    def __init__(
        self, codes: CodeFile, rows: int, steps: int | None, *, unit: str = "code", begin_in_turn: bool = False
    ) -> None:
        self.codes, self.rows, self.begin_in_turn = codes, rows, begin_in_turn
        self.stripe = (len(codes) - 1) // rows
        self.steps = steps = steps or max(1, self.stripe)
        self._windows = max(1, HELD_CODES // (rows * steps))
        self._held = -1, torch.empty(0)
        if self.stripe < steps:
            raise DataError(
                f"the text has {len(codes):,} {unit}s to train on, but {rows} rows of {steps} steps need "
                f"{rows * steps + 1:,}: give more text, or a smaller batch size or sequence length"
            )

    def __len__(self) -> int:
        return (self.stripe + self.steps - 1) // self.steps

    def at(self, index: int) -> Window:
        """Return the codes of all rows that window `index` reads."""
        block, within = divmod(index, self._windows)
        codes = self._block(block)[within * self.steps : (within + 1) * self.steps + 1]
        return Window(codes[:-1], codes[1:], reset=self._reset(index, len(codes) - 1))

    def _block(self, block: int) -> torch.Tensor:
        """Return the codes of some windows that lie side by side, `[steps + 1, rows]`; the last ones are kept."""
        if self._held[0] != block:
            start = block * self._windows * self.steps
            stop = min(start + self._windows * self.steps, self.stripe)
            read = self.codes.read_rows([row * self.stripe + start for row in range(self.rows)], stop + 1 - start)
            self._held = block, torch.from_numpy(read.T.astype(np.int64, order="C"))
        return self._held[1]

    def _reset(self, index: int, steps: int) -> torch.Tensor | None:
        if index > 0 and not self.begin_in_turn:
            return None
        reset = torch.zeros(steps, self.rows, dtype=torch.bool)
        reset[0, index % self.rows if index else slice(None)] = True
        return reset
