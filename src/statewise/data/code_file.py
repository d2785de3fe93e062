"""A long row of codes in a file, of which only what is asked for is ever in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import RawIOBase
from pathlib import Path
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from statewise.disk.reading import file_size
from statewise.errors import DataError


@final
@dataclass(frozen=True)
class CodeFile:
    """Codes of one integer type, one after another, from `start` to `stop`.

    A piece is read when it is asked for. The file is not kept mapped, since pages once touched would count as this
    process's memory, and an epoch touches them all.
    """

    path: Path
    dtype: np.dtype[Any]
    start: int
    stop: int
    choices: int | None = None

    @classmethod
    def whole(cls, path: Path, dtype: np.dtype[Any], choices: int | None = None) -> Self:
        """Return all the codes of a file; with `choices`, none of which is as large, nor below `-choices`."""
        return cls(path, dtype, 0, file_size(path, DataError) // dtype.itemsize, choices)

    def __len__(self) -> int:
        return self.stop - self.start

    def part(self, start: int, stop: int) -> Self:
        """Return a part of these codes, without reading it."""
        return replace(self, start=self.start + start, stop=min(self.start + stop, self.stop))

    def read(self, start: int = 0, stop: int | None = None) -> NDArray[np.integer[Any]]:
        """Return the codes from `start` to `stop`. Raises `DataError` where the file is gone or was cut."""
        return self.read_rows([start], len(self.part(start, len(self) if stop is None else stop))).reshape(-1)

    def read_rows(self, starts: Sequence[int], count: int) -> NDArray[np.integer[Any]]:
        """Return `count` codes from each start, `[starts, count]`, with the file opened once."""
        codes = np.empty((len(starts), count), self.dtype)
        try:
            with self.path.open("rb", buffering=0) as file:
                for row, start in zip(codes, starts, strict=True):
                    file.seek((self.start + start) * self.dtype.itemsize)
                    self._fill(file, memoryview(row).cast("B"))
        except OSError as error:
            raise DataError(f"cannot read {self.path} ({error.strerror}): it is made again at the next start") from None
        if self.choices is not None and codes.size and not -self.choices <= codes.min() <= codes.max() < self.choices:
            raise DataError(f"{self.path} holds a code that stands for nothing: remove it, and it is made again")
        return codes

    def _fill(self, file: RawIOBase, space: memoryview) -> None:
        while len(space):
            count = file.readinto(space)
            if not count:
                raise DataError(f"{self.path} was cut short while it was read: it is made again at the next start")
            space = space[count:]
