"""What a speech model answers: the text of a recording, with times, as lines, as JSON, as captions of a film."""

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from statewise.bounds import shown
from statewise.data.archives import BROKEN
from statewise.data.audio.sound import Resampler, Samples, SoundFile, TooLong
from statewise.data.audio.speech_codec import MOST_NUMBERS, SpeechCodec
from statewise.data.naming import path_of
from statewise.data.window import Window
from statewise.disk.reading import read_file
from statewise.errors import DataError, UsageError
from statewise.model import Model, evaluating
from statewise.run.files import saving, write_whole
from statewise.task import Answer
from statewise.tasks.speech.beam import Chances
from statewise.tasks.speech.decoding import Listening, Transcript

LARGEST_ARRAY = 1 << 28
LARGEST_SENT = 1 << 25
CAPTIONS = (".srt", ".vtt")


@dataclass(frozen=True)
class Recording:
    """A sound that was given: a file, its bytes, or samples with their rate."""

    file: SoundFile | None
    samples: Samples | None = None
    rate: int = 0

    def pieces(self) -> Iterator[tuple[int, Samples]]:
        """Yield the rate and some samples after another."""
        if self.file is not None:
            yield from self.file.blocks()
        elif self.samples is not None:
            yield self.rate, self.samples


def chances_of(model: Model[Any], steps: Any) -> Chances:
    """Return the log-probabilities `[T, V]` of the labels at steps `[T, D]` of one sound."""
    weights = next(model.parameters())
    xs = torch.from_numpy(steps).to(weights).unsqueeze(1)
    with evaluating(model), torch.no_grad():
        logits, _ = model.scan(Window(xs, xs), model.begin(1))
    found: Chances = logits[:, 0].double().log_softmax(dim=-1).cpu().numpy()
    return found


def sent(audio: str) -> bytes:
    """Return the bytes of a file that came in base 64. Raises `UsageError` where it is none."""
    if len(audio) > LARGEST_SENT:
        raise UsageError(f"audio of {len(audio):,} characters is too long: give at most {LARGEST_SENT:,}, or a stream")
    try:
        return base64.b64decode(audio, validate=True)
    except ValueError:
        raise UsageError("audio is not base 64: give the bytes of a sound file in it") from None


def recording_of(given: Any, rate: int | None) -> Recording:
    """Return a sound that was given as a path, as bytes, or as an array of samples with its rate."""
    if isinstance(given, bytes):
        return Recording(SoundFile(given))
    if isinstance(given, str | Path):
        return Recording(SoundFile(path_of(given)))
    try:
        samples = np.asarray(given, np.float32)
    except (TypeError, ValueError):
        samples = np.zeros((0, 0), np.float32)
    if samples.ndim != 1 or not len(samples) or rate is None:
        raise UsageError(
            "the sound was not given: give a path, the bytes of a file, or an array of samples with its rate"
        )
    if not np.isfinite(samples).all():
        raise DataError("the sound holds samples that are not numbers: give numbers from -1 to 1")
    return Recording(None, samples, rate)


def frames_given(given: Any, codec: SpeechCodec) -> Any:
    """Return frames `[T, F]` that were given as an array, or as the path of an `.npy` file.

    Raises `DataError` for anything else, and for frames of another width.
    """
    numbers = len(codec.stacking.means)
    found = given
    if isinstance(given, str | Path):
        path = path_of(given)
        try:
            found = np.load(io.BytesIO(read_file(path, LARGEST_ARRAY, DataError)), allow_pickle=False)
        except BROKEN as error:
            raise DataError(
                f"{path} is not an array ({' '.join(str(error).split())[:80]}): give frames as .npy"
            ) from None
    if not isinstance(found, np.ndarray) or found.ndim != 2 or found.shape[1] != numbers or numbers > MOST_NUMBERS:
        raise DataError(f"this run reads frames of {numbers} numbers: give an array [T, {numbers}], or one as .npy")
    if not len(found) or found.dtype.kind not in "fiu" or not np.isfinite(found).all():
        raise DataError(f"the frames of {shown(str(given)[:60])} are empty, or no finite numbers: give others")
    return found.astype(np.float32)


def heard_in_frames(model: Model[Any], how: Listening, frames: Any) -> Transcript:
    """Return what is said in frames of another program, at once."""
    codec = how.codec
    steps = codec.stacking.steps(codec.frames_of_array(frames))
    heard = how.heard(chances_of(model, steps))
    return replace(heard, end=len(frames) / codec.frames_per_second)


def heard_at_once(model: Model[Any], how: Listening, recording: Recording) -> Transcript:
    """Return what is said in a whole recording, for a network that reads both ways.

    Raises `TooLong` for one that is longer than an utterance may be.
    """
    codec = how.codec
    assert codec.front_end is not None
    longest, rate = codec.longest * codec.seconds_per_step, codec.front_end.rate
    if recording.file is not None:
        samples, _ = recording.file.samples(rate, longest=longest)
    else:
        assert recording.samples is not None
        if len(recording.samples) > longest * recording.rate:
            raise TooLong(f"the sound is longer than {longest:g} s: cut it into pieces")
        to_rate = Resampler(recording.rate, rate)
        samples = np.concatenate([to_rate.push(recording.samples), to_rate.finish()])
    heard = how.heard(chances_of(model, codec.stacking.steps(codec.frames(samples))))
    end = len(samples) / rate
    words = tuple(replace(word, start=min(word.start, end), end=min(word.end, end)) for word in heard.words)
    return replace(heard, words=words, end=end)


def lines_of_grammar(path: str) -> list[str]:
    """Return the sentences of a file, one a line. Raises `DataError` where there is none."""
    try:
        lines = read_file(path_of(path), LARGEST_ARRAY, DataError).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 at byte {error.start}: save it as UTF-8") from None
    found = [line for line in lines if line.strip()]
    if not found:
        raise DataError(f"{path} has no sentence: give one a line")
    return found


def clock(seconds: float, mark: str) -> str:
    """Return a time as captions have it.

    >>> clock(3661.5, ",")
    '01:01:01,500'
    """
    whole = round(seconds * 1000)
    return f"{whole // 3_600_000:02d}:{whole // 60_000 % 60:02d}:{whole // 1000 % 60:02d}{mark}{whole % 1000:03d}"


def captions(heard: Sequence[Transcript], kind: str) -> str:
    """Return texts as captions of a film, `.srt` or `.vtt`.

    >>> print(captions([Transcript("to be", 1.0, start=0.5, end=2.0)], ".srt"), end="")
    1
    00:00:00,500 --> 00:00:02,000
    to be
    <BLANKLINE>
    """
    mark = "," if kind == ".srt" else "."
    found = [] if kind == ".srt" else ["WEBVTT", ""]
    for number, one in enumerate((one for one in heard if one.text), start=1):
        start, end = (one.words[0].start, one.words[-1].end) if one.words else (one.start, one.end)
        found += [*([str(number)] if kind == ".srt" else []), f"{clock(start, mark)} --> {clock(end, mark)}"]
        found += [one.text, ""]
    return "\n".join(found) + "\n"


def kind_of(path: str) -> str:
    """Return what a name of captions ends in. Raises `UsageError` for anything but .srt and .vtt."""
    kind = Path(path).suffix.lower()
    if kind not in CAPTIONS:
        raise UsageError(f"captions are written as .srt or .vtt, and {path} ends in neither: give another name")
    return kind


def put_captions(path: str, heard: Sequence[Transcript]) -> str:
    """Write captions to a file, whole or not at all, and say so."""
    with saving(path, "give another place"):
        write_whole(Path(path), captions(heard, kind_of(path)).encode())
    return f"{path} holds the captions"


def answer_of(heard: Iterator[Transcript], notices: Sequence[str] = ()) -> Answer:
    """Return texts to be shown as they come."""
    return Answer((f"{one}\n" for one in heard), lambda: {"answer": [one.as_json() for one in heard]}, "", notices)
