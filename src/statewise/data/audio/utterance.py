"""What was said: where its sound lies, its text, and whose voice it is."""

import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from statewise.data.archives import BROKEN
from statewise.data.audio.sound import Samples, SoundFile
from statewise.errors import DataError

LARGEST_MEMBER = 1 << 28
"Of one sound in a zip."
Part = Literal["training", "validation", "held_out"]


@dataclass(frozen=True)
class Clip:
    """A sound, or the stretch of one between two times in seconds: a file, or a member of a zip."""

    path: Path
    member: str | None = None
    start: float = 0.0
    end: float | None = None

    @property
    def title(self) -> str:
        """Its name in messages."""
        return f"{self.path}:{self.member}" if self.member else str(self.path)

    def file(self) -> SoundFile:
        """Return the sound, to be read. Raises `DataError` where a member cannot be unpacked."""
        return SoundFile(self.path if self.member is None else self._unpacked(self.member), self.title)

    def samples(self, rate: int | None, longest: float) -> tuple[Samples, int]:
        """Return its samples and their rate. Raises `DataError` for what cannot be read, or is longer."""
        return self.file().samples(rate, self.start, self.end, longest)

    def _unpacked(self, member: str) -> bytes:
        try:
            seen = self.path.stat()
            with opened_zip(self.path, seen.st_size, seen.st_mtime_ns).open(member) as file:
                content = file.read(LARGEST_MEMBER + 1)
        except BROKEN as error:
            raise DataError(f"{self.title} cannot be unpacked: {error or type(error).__name__}") from None
        if len(content) > LARGEST_MEMBER:
            raise DataError(f"{self.title} is refused: it has more than {LARGEST_MEMBER:,} bytes")
        return content


@lru_cache(maxsize=1)
def opened_zip(path: Path, size: int, changed: int) -> zipfile.ZipFile:
    """Return a zip, opened once for all that is read of it: to list 2,000 members takes longer than to read one."""
    return zipfile.ZipFile(path)


@dataclass(frozen=True)
class FrameArray:
    """Frames that another program made, as an array `[T, F]` of an `.npz`."""

    path: Path
    name: str

    @property
    def title(self) -> str:
        """Its name in messages."""
        return f"{self.path}:{self.name}"


@dataclass(frozen=True)
class Utterance:
    """One thing that was said, by whom if that is known, and in which part of the data if the source says so."""

    name: str
    sound: Clip | FrameArray
    text: str
    speaker: str | None = None
    part: Part | None = None


class NotTaken(NamedTuple):
    """What a source lists but is not taken, and why."""

    reason: str


def is_silent(samples: Samples) -> bool:
    """Say whether there is nothing to hear: every sample is the same.

    >>> is_silent(np.full(100, 0.5, np.float32))
    True
    """
    return not len(samples) or float(np.ptp(samples)) == 0.0
