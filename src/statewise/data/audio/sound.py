"""Sound out of files of any kind, rate and number of channels, as one channel at the rate that is wanted."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from statewise.disk.reading import open_file
from statewise.errors import DataError, MissingExtra, UsageError

Samples = NDArray[np.float32]
ENDINGS = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".w64", ".caf"})
"What the names of sound files end in."
LOWEST_RATE, HIGHEST_RATE, MOST_CHANNELS = 1_000, 768_000, 256
BLOCK_SECONDS = 1.0
WHERE = re.compile(r"^Error opening <.*?>: |\.$")
"What a message of libsndfile has besides what is wrong: an object that was opened."
LONGEST_SECONDS = 24 * 3600
"Of one sound that is read at once."


class TooLong(DataError):
    """A sound is longer than what is read at once."""


def library(name: str) -> Any:
    """Return the package that reads files (`soundfile`), changes rates (`soxr`) or counts errors (`jiwer`).

    Raises `MissingExtra` where it is not installed.
    """
    from importlib import import_module

    try:
        return import_module(name)
    except (ImportError, OSError):  # soundfile is there, but not the library that it calls
        raise MissingExtra(f"sound needs {name}: pip install 'statewise[speech]'") from None


def check_rate(rate: object) -> int:
    """Return a sampling rate. Raises `UsageError` where it is none.

    >>> check_rate(16000)
    16000
    """
    if isinstance(rate, bool) or not isinstance(rate, int) or not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise UsageError(
            f"rate {str(rate)[:20]} is not a sampling rate: give whole samples a second, {LOWEST_RATE:,} to "
            f"{HIGHEST_RATE:,}"
        )
    return rate


@final
class Resampler:
    """Changes the rate of a sound that comes in pieces: what comes out does not depend on where they are cut.

    >>> to_low = Resampler(16000, 8000)
    >>> len(to_low.push(np.zeros(1600, np.float32))) + len(to_low.finish())
    800
    """

    def __init__(self, rate: int, wanted: int) -> None:
        self.rate, self.wanted = rate, wanted
        self._stream = None if rate == wanted else library("soxr").ResampleStream(rate, wanted, 1, dtype="float32")

    def push(self, samples: Samples) -> Samples:
        """Return what is ready after some more samples."""
        return samples if self._stream is None else np.asarray(self._stream.resample_chunk(samples), np.float32)

    def finish(self) -> Samples:
        """Return what was held back, once the sound is over."""
        nothing = np.zeros(0, np.float32)
        return nothing if self._stream is None else np.asarray(self._stream.resample_chunk(nothing, last=True))


@final
class SoundFile:
    """A file of sound, or its bytes, read in blocks of one channel at its own rate.

    Several channels become their mean. Raises `DataError` for what is no sound, has none, was cut, or holds what is no
    number.
    """

    def __init__(self, source: "Path | bytes", title: str | None = None) -> None:
        self.source = source
        self.title = title or (str(source) if isinstance(source, Path) else "the sound")

    def blocks(self, start: float = 0.0, end: float | None = None) -> Iterator[tuple[int, Samples]]:
        """Yield the rate and a second at a time, from `start` to before `end`, both in seconds."""
        soundfile = library("soundfile")
        if isinstance(self.source, bytes):
            yield from self._read(soundfile, io.BytesIO(self.source), start, end)
            return
        with open_file(self.source, DataError) as file:
            yield from self._read(soundfile, file, start, end)

    def _read(self, soundfile: Any, file: Any, start: float, end: float | None) -> Iterator[tuple[int, Samples]]:
        try:
            with soundfile.SoundFile(file) as opened:
                rate, left = self._stretch(opened, start, end)
                opened.seek(int(start * rate))
                while left > 0:
                    block = opened.read(min(left, int(BLOCK_SECONDS * rate)), dtype="float32", always_2d=True)
                    if not len(block):
                        raise DataError(f"{self.title} was cut: {left / rate:.2f} s of what it says are not there")
                    left -= len(block)
                    if not np.isfinite(block).all():
                        raise DataError(f"{self.title} holds samples that are not numbers: save it again as 16-bit WAV")
                    yield rate, block.mean(axis=1, dtype=np.float32)
        except soundfile.SoundFileError as error:
            told = WHERE.sub("", " ".join(str(error).split()))
            raise DataError(
                f"{self.title} cannot be read as sound ({told[:120]}): give WAV, FLAC, OGG or MP3"
            ) from None

    def _stretch(self, opened: Any, start: float, end: float | None) -> tuple[int, int]:
        """Return the rate and how many samples lie between two times."""
        rate, frames = opened.samplerate, opened.frames
        if not LOWEST_RATE <= rate <= HIGHEST_RATE or opened.channels > MOST_CHANNELS:
            raise DataError(
                f"{self.title} has {rate:,} samples a second in {opened.channels} channels: give usual sound"
            )
        first, last = int(start * rate), frames if end is None else min(int(end * rate), frames)
        if first >= last:
            raise DataError(f"{self.title} has no sound{f' after {start:g} s' if start else ''}: give a recording")
        return rate, last - first

    def samples(
        self, rate: int | None = None, start: float = 0.0, end: float | None = None, longest: float = LONGEST_SECONDS
    ) -> tuple[Samples, int]:
        """Return all samples of a stretch with their rate: the one that is wanted, or that of the file."""
        found: list[Samples] = []
        to_rate: Resampler | None = None
        seconds = 0.0
        for own, block in self.blocks(start, end):
            to_rate = to_rate or Resampler(own, rate or own)
            seconds += len(block) / own
            if seconds > longest:
                raise TooLong(f"{self.title} is longer than {longest:g} s: cut it into pieces")
            found.append(to_rate.push(block))
        assert to_rate is not None
        return np.concatenate([*found, to_rate.finish()]), to_rate.wanted

    def rate(self) -> int:
        """Return the rate of the file."""
        return next(self.blocks())[0]


def of_pcm(raw: bytes) -> Samples:
    """Return 16-bit samples, the low byte first, as numbers from -1 to 1. Raises `DataError` for half a sample.

    >>> of_pcm(b"\\x00\\x40").tolist()
    [0.5]
    """
    if len(raw) % 2:
        raise DataError(f"{len(raw):,} bytes hold half a sample: give whole 16-bit samples, the low byte first")
    return np.frombuffer(raw, "<i2").astype(np.float32) / np.float32(32768)
