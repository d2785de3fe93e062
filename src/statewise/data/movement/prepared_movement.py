"""Movements made ready: even samples and labels of all recordings, one after another in two files."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.data.movement.movement_codec import MovementCodec, Samples
from statewise.data.movement.recording import MovementPart
from statewise.disk.reading import read_file
from statewise.errors import DataError
from statewise.plain.strict_json import read_json

NAMES = SAMPLES, LABELS, TOLD = "samples.bin", "labels.bin", "recordings.json"
LARGEST_TOLD = 1 << 28
MOST_IN_MEMORY = 1 << 26
"Bytes of samples that are kept in memory: of ten times as many none is."


class MovementFacts(NamedTuple):
    """What is known of a recording, besides its samples; `label` is "" where labels are of samples."""

    name: str
    label: str
    person: str | None
    part: str
    samples: int
    seconds: float


@dataclass(frozen=True)
class PreparedMovement:
    """Even samples of all recordings one after another in a file, of which one at a time is read, and what was done."""

    codec: MovementCodec
    folder: Path
    told: tuple[MovementFacts, ...]
    facts: dict[str, Any]
    notice: str | None = None

    def numbers(self, part: MovementPart) -> NDArray[np.int64]:
        """Return which recordings are of a part."""
        return np.array([n for n, one in enumerate(self.told) if one.part == part], np.int64)

    def _start(self, number: int) -> int:
        if "_starts" not in vars(self):
            vars(self)["_starts"] = np.cumsum([0, *(one.samples for one in self.told)])
        return int(vars(self)["_starts"][number])

    def samples(self, number: int, first: int = 0, count: int | None = None) -> Samples:
        """Return even samples of a recording: `[T, D]`, or frames `[T, H, W, C]`; some or all of them."""
        codec = self.codec
        count = self.told[number].samples - first if count is None else count
        if (known := self._in_memory) is not None:
            return known[0][self._start(number) + first :][:count]
        kind, width = _form_of(codec)
        place = (self._start(number) + first) * width * np.dtype(kind).itemsize
        found = np.fromfile(self.folder / SAMPLES, kind, count * width, offset=place)
        return found.reshape(-1, *(codec.shape if codec.is_film else (width,)))

    @property
    def _in_memory(self) -> tuple[Samples, NDArray[np.int16]] | None:
        """All samples and labels, where they are few; else they are read when they are wanted."""
        if "_held" not in vars(self):
            path, (kind, width) = self.folder / SAMPLES, _form_of(self.codec)
            held = None
            if path.stat().st_size <= MOST_IN_MEMORY:
                shape = self.codec.shape if self.codec.is_film else (width,)
                held = np.fromfile(path, kind).reshape(-1, *shape), np.fromfile(self.folder / LABELS, np.int16)
            vars(self)["_held"] = held
        found: tuple[Samples, NDArray[np.int16]] | None = vars(self)["_held"]
        return found

    def labels(self, number: int, first: int = 0, count: int | None = None) -> NDArray[np.int16]:
        """Return the number of the class of each even sample, -1 where it is not known."""
        count = self.told[number].samples - first if count is None else count
        if (known := self._in_memory) is not None:
            return known[1][self._start(number) + first :][:count]
        return np.fromfile(self.folder / LABELS, np.int16, count, offset=2 * (self._start(number) + first))

    def steps(self, number: int) -> int:
        """Return how many steps a recording has."""
        return -(-self.told[number].samples // self.codec.stride)


def _form_of(codec: MovementCodec) -> tuple[Any, int]:
    """Return the type of the numbers of a sample, and how many there are."""
    return (np.uint8, math.prod(codec.shape)) if codec.is_film else (np.float32, len(codec.columns))


def read_movement(folder: Path) -> PreparedMovement:
    """Return the recordings that a folder holds. Raises `DataError` where its files do not fit each other."""
    told = read_json(read_file(folder / TOLD, LARGEST_TOLD, DataError), most_values=1 << 26)
    codec = MovementCodec.read(told["codec"])
    known = tuple(MovementFacts(*one) for one in told["told"])
    samples = sum(one.samples for one in known)
    width = math.prod(codec.shape) if codec.is_film else 4 * len(codec.columns)
    fits = (folder / SAMPLES).stat().st_size == width * samples and (folder / LABELS).stat().st_size == 2 * samples
    if not fits:
        raise DataError(f"{folder} holds files that do not fit each other")
    return PreparedMovement(codec, folder, known, told["facts"])
