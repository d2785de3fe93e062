"""Clips with sound: films, or arrays of frames with a file of sound, and what is struck in them."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from statewise.data.audio import sound as sounds
from statewise.data.audio.sound import Samples, SoundFile
from statewise.data.movement.movement_arrays import film_of, load_npy
from statewise.data.naming import path_of
from statewise.data.sounding.film_hits import TIMES_SUFFIX, FilmHit, read_hits
from statewise.data.source_paths import corpus_named
from statewise.data.texts import digest, find_files
from statewise.data.video.film import ENDINGS, Film, Look, VideoFrame
from statewise.data.video.film_sound import has_sound, picture_span, sound_of
from statewise.data.video.part_folders import PART_OF_FOLDER, ClipPart, say_parts
from statewise.errors import DataError

NEXT_TO = ("_denoised", "_mic", "")
"What the names of a film and of its own sound may have after what they share, as in the Greatest Hits."
WITHOUT = "without sound"
FEWEST_FRAMES = 2


class NotSounding(NamedTuple):
    """Something that is no clip with sound, why, and where it stands."""

    why: str
    where: str


class HeardPicture(NamedTuple):
    """A clip as it was read: frames with their times since the first, how long it is, and its sound."""

    times: "np.typing.NDArray[np.float64]"
    frames: "np.typing.NDArray[np.uint8]"
    seconds: float
    samples: Samples
    left_out: int


@dataclass(frozen=True)
class SoundingClip:
    """A film or an array of frames, with sound of its own or in a file, and a table of what is struck."""

    name: str
    path: Path
    sound: Path | None
    table: Path | None
    part: ClipPart | None
    untimed: float

    @property
    def files(self) -> list[Path]:
        """All files that it lies in."""
        return [path for path in (self.path, self.sound, self.table) if path is not None]

    @property
    def digest(self) -> bytes:
        """What it holds, as a sha256."""
        return hashlib.sha256(digest(self.files).encode()).digest()

    def hits(self) -> list[FilmHit] | None:
        """Return what its table says is struck, None where there is none."""
        return None if self.table is None else read_hits(self.table)

    def read(self, look: Look, rate: int, longest: float) -> HeardPicture:
        """Return its frames and its sound, from the first frame on. Raises `DataError` where it has not both."""
        frames, times, left_out, seconds = self._pictures(look, longest)
        if len(frames) < FEWEST_FRAMES:
            raise DataError(f"{self.name} has one frame only: give a film")
        samples = self._sound(rate, times[0], seconds)
        if not np.isfinite(samples).all():
            raise DataError(f"{self.name} has sound that is not a number: save it again")
        return HeardPicture(np.array(times) - times[0], np.stack(frames), seconds, samples, left_out)

    def first_frame(self, look: Look) -> VideoFrame:
        """Return its first frame."""
        return next(iter(self._film(look, 1e9)[0]))

    def _film(self, look: Look, longest: float) -> "tuple[Iterator[VideoFrame], Film | None]":
        if self.path.suffix.lower() != ".npy":
            film = Film(self.path, self.name)
            return film.frames(look, longest), film
        pictures = load_npy(self.path)
        if pictures.ndim not in (3, 4) or pictures.dtype != np.uint8 or not len(pictures):
            raise DataError(f"{self.name} holds no frames: give bytes [T, H, W] or [T, H, W, 3]")
        pictures = pictures if pictures.ndim == 4 else pictures[..., None]
        return iter(film_of(self.name, pictures, rate=self.untimed).frames(look)), None

    def _pictures(self, look: Look, longest: float) -> tuple[list[np.ndarray], list[float], int, float]:
        read, film = self._film(look, longest)
        frames, times = [], []
        for frame in read:
            frames.append(frame.picture)
            times.append(frame.seconds)
        if film is None:
            return frames, times, 0, len(frames) / self.untimed
        span = picture_span(film)
        return frames, times, film.left_out, max(span.end, times[-1]) - times[0]

    def _sound(self, rate: int, start: float, seconds: float) -> Samples:
        wanted = round(seconds * rate)
        if self.sound is None:
            found = sound_of(Film(self.path, self.name), rate, start, seconds)
            if found is None:
                raise DataError(f"{self.name} has no sound")
            return found
        samples, _ = SoundFile(self.sound).samples(rate)
        return np.concatenate([samples[:wanted], np.zeros(max(0, wanted - len(samples)), np.float32)])


def sounding_clips(sources: Sequence[str], untimed: float) -> list[SoundingClip | NotSounding]:
    """Return the clips of sources, in order; what is none is returned as such, to be counted.

    Folders called train, validation and test, where all of the outermost are, say the part.
    """
    found: list[SoundingClip | NotSounding] = []
    for source in sources:
        files = find_files([source], "films")
        root = path_of(source) if corpus_named(source) is None else _common(files)
        films = [path for path in files if path.suffix.lower() in ENDINGS or path.suffix.lower() == ".npy"]
        names = {path: _named(root, path) for path in films}
        outermost = {name.split("/")[0] for name in names.values()}
        has_parts = say_parts(outermost)
        for path in films:
            part = PART_OF_FOLDER[names[path].split("/")[0]] if has_parts else None
            clip = SoundingClip(names[path], path, _sound_next_to(path), _table_next_to(path), part, untimed)
            found.append(_checked(clip))
    return found


def _common(files: Sequence[Path]) -> Path:
    """Return the folder that holds all files."""
    return Path(os.path.commonpath([path.parent for path in files]))


def _named(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if root.is_dir() else path.name


def _checked(clip: SoundingClip) -> SoundingClip | NotSounding:
    if clip.sound is not None:
        return clip
    if clip.path.suffix.lower() == ".npy":
        return NotSounding(WITHOUT, clip.name)
    try:
        return clip if has_sound(Film(clip.path, clip.name)) else NotSounding(WITHOUT, clip.name)
    except DataError as error:
        return NotSounding("that cannot be read", f"{clip.name}: {error}")


def _stems(path: Path) -> list[str]:
    stem = path.stem
    for ending in NEXT_TO:
        if ending and stem.endswith(ending):
            return [stem, stem.removesuffix(ending)]
    return [stem]


def _sound_next_to(path: Path) -> Path | None:
    names = [f"{stem}{more}{ending}" for stem in _stems(path) for more in NEXT_TO for ending in sorted(sounds.ENDINGS)]
    return next((found for name in names if (found := path.with_name(name)).is_file()), None)


def _table_next_to(path: Path) -> Path | None:
    names = [name for stem in _stems(path) for name in (f"{stem}.csv", f"{stem}{TIMES_SUFFIX}")]
    return next((found for name in names if (found := path.with_name(name)).is_file()), None)
