"""The frames of utterances: of sounds as a front end makes them, or of arrays as they were given."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from statewise.data.archives import BROKEN
from statewise.data.audio.front_end import Frames, FrontEnd
from statewise.data.audio.sound import TooLong
from statewise.data.audio.speech_codec import MOST_NUMBERS, SpeechCodec, cleaned
from statewise.data.audio.speech_preparing import SpeechPreparing
from statewise.data.audio.utterance import LARGEST_MEMBER, FrameArray, Utterance, is_silent
from statewise.errors import DataError, UsageError

USUAL_RATE = 16_000


def codec_for(utterances: Sequence[Utterance], preparing: SpeechPreparing) -> SpeechCodec:
    """Return how frames are made, by what the first sounds are: at their rate, but no more than 16 kHz."""
    arrays = [one.sound for one in utterances if isinstance(one.sound, FrameArray)]
    if arrays and len(arrays) < len(utterances):
        raise DataError("some utterances are sounds and some are arrays: give sources of one kind")
    if arrays:
        return preparing.codec(None, Arrays().read(arrays[0]).shape[1])
    rate = preparing.rate or min(USUAL_RATE, _first_rate(utterances))
    front_end = FrontEnd(rate, preparing.kind, preparing.bands)
    if int((front_end.filters.sum(axis=0) > 0).sum()) < preparing.bands:
        raise UsageError(f"--bands {preparing.bands} are too many for {rate:,} samples a second: give fewer")
    return preparing.codec(front_end, front_end.numbers)


def _first_rate(utterances: Sequence[Utterance]) -> int:
    for one in utterances:
        assert not isinstance(one.sound, FrameArray)
        try:
            return one.sound.file().rate()
        except DataError:
            continue
    raise DataError(f"none of the {len(utterances):,} sounds can be read: give WAV, FLAC, OGG or MP3")


class Arrays:
    """Arrays of frames, of which one file is open at a time."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._opened: Any = None

    def read(self, array: FrameArray) -> Frames:
        """Return the frames of an array. Raises `DataError` where it is not a matrix of numbers, or too large."""
        try:
            if array.path != self._path:
                if not array.path.is_file():
                    raise DataError(f"{array.path} is not a plain file: give one that is")
                self._opened, self._path = np.load(array.path, allow_pickle=False), array.path
            if self._opened.zip.getinfo(f"{array.name}.npy").file_size > LARGEST_MEMBER:
                raise DataError(f"{array.title} is refused: it has more than {LARGEST_MEMBER:,} bytes")
            found = np.asarray(self._opened[array.name])
        except BROKEN as error:
            raise DataError(f"{array.title} cannot be read ({' '.join(str(error).split())[:80]})") from None
        if found.ndim != 2 or not 0 < found.shape[1] <= MOST_NUMBERS or found.dtype.kind not in "fiu" or not len(found):
            raise DataError(f"{array.title} is not an array of frames: give numbers [T, F]")
        return found.astype(np.float32)


def heard_frames(
    codec: SpeechCodec, utterances: Sequence[Utterance], left_out: Counter[str]
) -> Iterator[tuple[Utterance, Frames, float]]:
    """Yield utterances with their frames and seconds; those that cannot be used are counted."""
    longest, arrays = codec.longest * codec.seconds_per_step, Arrays()
    for one in utterances:
        try:
            frames, seconds = _frames_of(codec, one, longest, arrays)
        except TooLong:
            left_out[f"that are longer than {longest:.3g} s"] += 1
            continue
        except DataError:
            left_out["that cannot be read, or are empty"] += 1
            continue
        steps = 1 + (len(frames) - codec.stacking.count) // codec.stacking.stride
        if seconds == 0:
            left_out["that are silent"] += 1
        elif steps > codec.longest:
            left_out[f"that are longer than {longest:.3g} s"] += 1
        elif not cleaned(one.text):
            left_out["whose text has no letter"] += 1
        elif frames.shape[1] != len(codec.stacking.means):
            left_out["with another number of numbers in a frame"] += 1
        elif not np.isfinite(frames).all():
            left_out["with numbers that are not finite"] += 1
        else:
            yield one, frames, seconds


def _frames_of(codec: SpeechCodec, one: Utterance, longest: float, arrays: Arrays) -> tuple[Frames, float]:
    """Return the frames of an utterance, and its seconds: none where it is silent."""
    if isinstance(one.sound, FrameArray):
        frames = arrays.read(one.sound)
        return codec.frames_of_array(frames), len(frames) / codec.frames_per_second
    if codec.front_end is None:
        raise DataError(f"{one.sound.title} is sound, and this run reads arrays")
    samples, rate = one.sound.samples(codec.front_end.rate, longest)
    return codec.frames(samples), 0.0 if is_silent(samples) else len(samples) / rate
