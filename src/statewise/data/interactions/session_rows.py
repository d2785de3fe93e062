"""Sessions as windows: many rows side by side, each running through its sessions one after another."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, final

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.code_file import CodeFile
from statewise.data.window import LazyWindows, Window
from statewise.errors import DataError

HELD_PLACES = 1 << 17
"How many places are read at once: a megabyte, so that opening the file costs a window next to nothing."


class Places(NamedTuple):
    """Places of whole sessions: what was read, what came next, and where the session of each begins."""

    read: NDArray[np.int64]
    wanted: NDArray[np.int64]
    begins: NDArray[np.int64]

    @property
    def positions(self) -> NDArray[np.int64]:
        """How many events of its session were read before each place."""
        return np.arange(len(self.read)) - self.begins

    @property
    def sessions(self) -> NDArray[np.int64]:
        """The number of the session of each place."""
        return np.cumsum(self.positions == 0) - 1

    @classmethod
    def of(cls, written: NDArray[np.int32]) -> "Places":
        """Return what places `[n, 2]`, as they are kept in files, stand for.

        >>> Places.of(np.array([[-5, 0], [0, 7], [-8, 2]], np.int32))
        Places(read=array([4, 0, 7]), wanted=array([0, 7, 2]), begins=array([0, 0, 2]))
        """
        is_begin = written[:, 0] < 0
        read = np.where(is_begin, -1 - written[:, 0], written[:, 0]).astype(np.int64)
        begins = np.maximum.accumulate(np.where(is_begin, np.arange(len(written)), 0))
        return cls(read, written[:, 1].astype(np.int64), begins)

    @classmethod
    def joined(cls, pieces: "Sequence[Places]") -> "Places":
        """Return the places of several pieces, one after another."""
        offsets = np.cumsum([0, *(len(piece.read) for piece in pieces)])
        begins = [piece.begins + offset for piece, offset in zip(pieces, offsets, strict=False)]
        return cls(*(np.concatenate(parts) for parts in ([p.read for p in pieces], [p.wanted for p in pieces], begins)))


def read_places(codes: CodeFile, most: int) -> Iterator[Places]:
    """Yield the first `most` places of a file, some whole sessions at a time; the last may be cut short."""
    start, count = 0, min(len(codes) // 2, most)
    while start < count:
        written = codes.read(2 * start, 2 * min(start + HELD_PLACES, count)).reshape(-1, 2)
        begins = np.flatnonzero(written[:, 0] < 0)
        whole = len(written) if start + len(written) == count or len(begins) < 2 else int(begins[-1])
        yield Places.of(written[:whole].astype(np.int32))
        start += whole


@final
class SessionRows(LazyWindows):
    """Places cut into `rows` equal stripes, which are read side by side, `steps` at a time.

    A row reads its sessions one after another, and resets with each. Window `i` continues window `i - 1` in every
    row. A session that a stripe cuts in two goes on in the next with no past. The last window may be shorter;
    what does not fill a stripe (fewer than `rows` places) is left out.
    Source: the session-parallel mini-batches of Hidasi et al. 2016, section 3.1.1, here of any length in time.

    Raises `DataError` where a stripe would be shorter than one window.
    """

    def __init__(self, codes: CodeFile, rows: int, steps: int) -> None:
        self.codes, self.rows, self.steps = codes, rows, steps
        self.stripe = len(codes) // 2 // rows
        self._windows = max(1, HELD_PLACES // (rows * steps))
        self._held = -1, torch.empty(0)
        if self.stripe < steps:
            raise DataError(
                f"the sessions have {len(codes) // 2:,} events to predict, but {rows} rows of {steps} steps need "
                f"{rows * steps:,}: give more sessions, or a smaller batch size or sequence length"
            )

    def __len__(self) -> int:
        return (self.stripe + self.steps - 1) // self.steps

    def at(self, index: int) -> Window:
        """Return the places of all rows that window `index` reads."""
        block, within = divmod(index, self._windows)
        places = self._block(block)[within * self.steps : (within + 1) * self.steps]
        read, wanted = places[..., 0], places[..., 1]
        reset = read < 0
        if index == 0:
            reset = reset.clone()
            reset[0] = True
        return Window(torch.where(read < 0, -1 - read, read), wanted, reset=reset)

    def _block(self, block: int) -> torch.Tensor:
        """Return the places of some windows that lie side by side, `[steps, rows, 2]`; the last ones are kept."""
        if self._held[0] != block:
            start = block * self._windows * self.steps
            stop = min(start + self._windows * self.steps, self.stripe)
            starts = [2 * (row * self.stripe + start) for row in range(self.rows)]
            read = self.codes.read_rows(starts, 2 * (stop - start)).reshape(self.rows, -1, 2)
            self._held = block, torch.from_numpy(read.transpose(1, 0, 2).astype(np.int64, order="C"))
        return self._held[1]
