"""The sound of a film: made as it is watched, written as a film, as WAV and as a table of strokes."""

import base64
import io
import math
import tempfile
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from statewise.data.audio.integrated_loudness import LoudnessMeter
from statewise.data.audio.sound import Samples
from statewise.data.naming import path_of
from statewise.data.sounding.film_hits import hits_table
from statewise.data.sounding.sounding_codec import SoundingCodec
from statewise.data.video.film import Film, VideoFrame
from statewise.data.video.film_muxing import check_film_name, write_with_sound
from statewise.data.video.film_sound import has_sound, picture_span
from statewise.data.video.frame_folder import FrameFolder
from statewise.errors import UsageError
from statewise.model import Model
from statewise.run.files import saving, write_whole
from statewise.task import Answer
from statewise.tasks.shared.films import film_given
from statewise.tasks.sound.making import SoundRules
from statewise.tasks.sound.strokes import StrokeMade
from statewise.tasks.sound.watching import FilmWatcher

Existing = Literal["replace", "keep"]
LARGEST_SENT = 1 << 25
LONGEST = 6 * 3600.0
"Seconds of a film."
PIECE = 1 << 16
"Samples that are read at once from where they are kept."
LOUDEST, MOST_GAIN = 0.989, 60.0
"The largest sample that is written, and decibels by which sound may be made louder or softer."
NO_ROOM = "give another place"


@dataclass(frozen=True)
class SoundWanted:
    """Where a sound is to be written, and how loud: `gain` in decibels, or a whole loudness in LUFS."""

    out: str | None = None
    wav: str | None = None
    events: str | None = None
    existing: Existing = "replace"
    gain: float = 0.0
    loudness: float | None = None

    def __post_init__(self) -> None:
        if self.existing not in ("replace", "keep"):
            raise UsageError(f"--existing {str(self.existing)[:20]} is not known: give replace or keep")
        if not -MOST_GAIN <= self.gain <= MOST_GAIN:
            raise UsageError(f"--gain {self.gain:g} is out of bounds: give -{MOST_GAIN:g} to {MOST_GAIN:g} decibels")
        if self.loudness is not None and not -70 <= self.loudness <= 0:
            raise UsageError(f"--loudness {self.loudness:g} is out of bounds: give -70 to 0 LUFS, as -23")
        if self.out is not None:
            check_film_name(path_of(self.out))
        if self.wav is not None and path_of(self.wav).suffix.lower() != ".wav":
            raise UsageError(f"{self.wav} does not end in .wav: give another name for the sound")
        names = [str(path_of(name)) for name in (self.out, self.wav, self.events) if name is not None]
        if len(set(names)) < len(names):
            raise UsageError(f"{names[-1]} is named for two things: give each a name of its own")


@dataclass(frozen=True)
class FilmSound:
    """The sound of a film: its samples, where they are not written to files alone, how long it is, and the strokes."""

    seconds: float
    rate: int
    strokes: tuple[StrokeMade, ...]
    samples: Samples | None
    decibels: float
    frames_left_out: int
    files: tuple[str, ...] = ()

    def __str__(self) -> str:
        count = f"{len(self.strokes)} stroke{'s' if len(self.strokes) != 1 else ''}"
        told = f"{self.seconds:.2f} s of sound, {count}"
        if self.frames_left_out:
            told += f", {self.frames_left_out:,} frames left out: damaged, or no later than the one before"
        return "\n".join([told, *(f"{name} written" for name in self.files)])

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values; the sound as a WAV file in base 64 where it is not in a file."""
        strokes = [one.as_json() for one in self.strokes]
        told: dict[str, Any] = {"seconds": round(self.seconds, 4), "rate": self.rate, "strokes": strokes}
        told |= {"frames_left_out": self.frames_left_out, "files": list(self.files)}
        if self.samples is not None:
            content = io.BytesIO()
            write_wave(content, iter([self.samples]), self.rate)
            told["wav"] = base64.b64encode(content.getvalue()).decode()
        return told


def write_wave(file: BinaryIO, pieces: Iterator[Samples], rate: int) -> None:
    """Write sound of one channel as 16-bit WAV."""
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        for piece in pieces:
            out.writeframes((piece.clip(-1, 1) * 32767).round().astype("<i2").tobytes())


@dataclass
class _Given:
    """A film that sound is made for: its frames, and how long its pictures are shown, where that is known before."""

    title: str
    frames: Iterator[VideoFrame]
    film: Film | None
    seconds: float | None
    start: float


def given_film(given: Any, codec: SoundingCodec, times: Any = None) -> _Given:
    """Return the frames of a path, of the bytes of a film, or of an array `[T, H, W]` or `[T, H, W, C]` of bytes.

    Raises `DataError` for what is no film, or has no frame.
    """
    found = film_given(given, codec, times)
    if isinstance(found, Film):
        span = picture_span(found)
        return _Given(found.title, found.frames(codec.look, LONGEST), found, span.seconds, span.start)
    if isinstance(found, FrameFolder):
        return _Given(found.title, found.frames(codec.look, LONGEST), None, None, 0.0)
    return _Given(found.title, iter(found.frames(codec.look)), None, found.seconds, 0.0)


def sound_made(
    model: Model[Any], codec: SoundingCodec, given: _Given, rules: SoundRules, sure: float, wanted: SoundWanted
) -> Iterator[StrokeMade | FilmSound | float]:
    """Yield each stroke as it is seen, and at the end the sound of the whole film, which is in the files by then.

    Between them comes, now and then, how much is done.
    """
    if wanted.out is not None and given.film is None:
        raise UsageError(f"{given.title} is not a file of a film: give --wav instead of --out")
    for flag, name in (("--out", wanted.out), ("--wav", wanted.wav), ("--events", wanted.events)):
        if name is not None and _is_same(given.film, path_of(name)):
            raise UsageError(f"{name} is the film itself, which stays as it is: give another {flag}")
    watcher, meter = FilmWatcher(model, codec, rules, sure), LoudnessMeter(codec.ear.rate)
    strokes: list[StrokeMade] = []
    with tempfile.TemporaryFile() as kept:

        def keep(samples: Samples) -> None:
            with saving("the sound on its way", "free some room for temporary files"):
                kept.write(samples.tobytes())
            meter.push(samples)

        for frame in given.frames:
            piece = watcher.push(frame.seconds, frame.picture)
            keep(piece.samples)
            strokes += piece.strokes
            yield from piece.strokes
            if given.seconds:
                yield min(1.0, watcher.shown / given.seconds)
        last = watcher.finish(given.seconds)
        keep(last.samples)
        strokes += last.strokes
        yield from last.strokes
        decibels = decibels_of(meter, wanted)
        files = _write(kept, given, codec.ear.rate, decibels, strokes, wanted)
        samples = None
        if wanted.out is None and wanted.wav is None:
            samples = np.concatenate([np.zeros(0, np.float32), *_read_back(kept, decibels)])
        left_out = watcher.left_out + (given.film.left_out if given.film else 0)
        told = (watcher.seconds, codec.ear.rate, tuple(strokes), samples, decibels, left_out, files)
        yield FilmSound(*told)


def _is_same(film: Film | None, out: Path) -> bool:
    """Say whether a film would be written over itself."""
    source = film.source if film is not None else None
    return isinstance(source, Path) and out.exists() and source.exists() and out.samefile(source)


def decibels_of(meter: LoudnessMeter, wanted: SoundWanted) -> float:
    """Return by how many decibels a sound is made louder, so that no sample is beyond what can be written."""
    decibels = wanted.gain
    if wanted.loudness is not None and math.isfinite(lufs := meter.lufs()):
        decibels += wanted.loudness - lufs
    most = 20 * math.log10(LOUDEST / meter.peak) if meter.peak > 0 else decibels
    return min(decibels, most)


def _read_back(kept: Any, decibels: float) -> Iterator[Samples]:
    kept.seek(0)
    factor = np.float32(10 ** (decibels / 20))
    while raw := kept.read(4 * PIECE):
        yield np.frombuffer(raw, np.float32) * factor


def _write(
    kept: Any, given: _Given, rate: int, decibels: float, strokes: list[StrokeMade], wanted: SoundWanted
) -> tuple[str, ...]:
    files = []
    if wanted.out is not None and given.film is not None:
        keep = wanted.existing == "keep" and has_sound(given.film)
        pieces = _read_back(kept, decibels)
        with saving(wanted.out, NO_ROOM):
            write_with_sound(given.film, path_of(wanted.out), pieces, rate, given.start, keep=keep)
        files.append(wanted.out)
    if wanted.wav is not None:
        path = path_of(wanted.wav)
        temporary = path.with_name(f".{path.name}.tmp")
        try:
            with saving(str(path), NO_ROOM):
                with temporary.open("wb") as out:
                    write_wave(out, _read_back(kept, decibels), rate)
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        files.append(wanted.wav)
    if wanted.events is not None:
        with saving(wanted.events, NO_ROOM):
            write_whole(path_of(wanted.events), hits_table(one.hit for one in strokes).encode())
        files.append(wanted.events)
    return tuple(files)


def one_film(film: Any, sent: str | None) -> Any:
    """Return what was given: a film, or one in base 64. Raises `UsageError` for none or both."""
    if (film is None) == (sent is None):
        raise UsageError("give one film: a path, or its bytes in base 64")
    if sent is None:
        return film
    if len(sent) > LARGEST_SENT:
        raise UsageError(f"the film of {len(sent):,} characters is too long: give at most {LARGEST_SENT:,}")
    try:
        return base64.b64decode(sent, validate=True)
    except ValueError:
        raise UsageError("the film is not base 64: give the bytes of a film in it") from None


def shown_sound(found: Iterator[StrokeMade | FilmSound | float]) -> Answer:
    """Return what is shown of a sound: each stroke as it is seen, and what was written."""
    far = [0.0]

    def lines() -> Iterator[str]:
        for one in found:
            if isinstance(one, float):
                far[0] = one
            yield "" if isinstance(one, float) else f"{one}\n"

    def as_json() -> dict[str, Any]:
        last = [one for one in found if isinstance(one, FilmSound)][-1]
        return {"answer": [last.as_json()]}

    return Answer(lines(), as_json, "", far=lambda: far[0])
