"""Films as users give them to a task: whole, as a path, as bytes or as frames in memory; or one frame at a time."""

import base64
import json
import tempfile
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from statewise.bounds import shown
from statewise.data.movement.movement_arrays import film_of, load_npy
from statewise.data.movement.recording import FilmLike
from statewise.data.naming import path_of
from statewise.data.video.film import Film, Look, Picture
from statewise.data.video.film_writer import write_film
from statewise.data.video.frame_folder import FrameFolder
from statewise.errors import DataError, UsageError
from statewise.plain.strict_json import read_json

FINISH, RESTART = "finish", "restart"
"What ends a film that comes frame by frame, and what forgets it."
FRAME_WORDS = (
    f'a frame as the bytes of a picture in base 64, or {{"time": seconds, "image": such}}; or "{FINISH}", "{RESTART}"'
)
LARGEST = 1 << 25
"Characters of one input."
AN_ARRAY = "the array"


class SeesFrames(Protocol):
    """What knows how frames are read: their shape, and how many a second there are where no time is said."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""

    @property
    def look(self) -> Look:
        """How they are read."""

    @property
    def untimed(self) -> float:
        """Frames a second where no time is said."""


def film_given(given: Any, codec: SeesFrames, times: Any = None) -> Film | FrameFolder | FilmLike:
    """Return a film of a path, of the bytes of one, of a folder of pictures, or of frames in memory.

    These are bytes `[T, H, W]` or `[T, H, W, C]`, also as `.npy`, with the `times` of them in seconds where they are
    known. Raises `DataError` for what is no film, `UsageError` for other times than frames.
    """
    if isinstance(given, str | Path):
        path = path_of(given)
        if path.is_dir():
            return FrameFolder(path, codec.untimed)
        return _in_memory(str(path), load_npy(path), codec, None) if path.suffix.lower() == ".npy" else Film(path)
    return Film(given) if isinstance(given, bytes) else _in_memory(AN_ARRAY, given, codec, times)


def _in_memory(title: str, given: Any, codec: SeesFrames, times: Any) -> FilmLike:
    try:
        found = np.asarray(given)
        seconds = None if times is None else np.asarray(times, np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f"{title} cannot be read ({error}): give frames [T, H, W] or [T, H, W, 3] of bytes") from None
    if found.ndim not in (3, 4) or found.dtype != np.uint8 or not len(found):
        raise DataError(f"{title} is not a film: give frames [T, H, W] or [T, H, W, 3] of bytes")
    if seconds is not None and seconds.shape != (len(found),):
        raise UsageError(f"{len(found):,} frames were given with {seconds.size:,} times: give one for each")
    return film_of(title, found if found.ndim == 4 else found[..., None], seconds, codec.untimed)


def still_film() -> str:
    """Return a film of a few frames, in which nothing moves, as its bytes in base 64."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "still.gif")
        write_film(path, [np.full((16, 16, 3), 90, np.uint8)] * 4, [0.0, 0.1, 0.2, 0.3])
        return base64.b64encode(path.read_bytes()).decode()


def read_input(given: Any, what: str, opens: str = "{") -> Any:
    """Return what one input of a stream holds: text that begins with one of `opens` is read as JSON.

    Raises `UsageError` for one that is too long, `ValueError` for one that is no JSON.
    """
    if isinstance(given, str) and len(given) > LARGEST:
        raise UsageError(f"the {what} has {len(given):,} characters: give at most {LARGEST:,}")
    is_json = isinstance(given, str) and bool(given) and given[0] in opens
    return read_json(given.encode()) if is_json else given


def with_time(given: Any, name: str) -> tuple[float | None, Any]:
    """Return the time in seconds that an input says, if it says one, and what it holds as `name`, or is itself.

    Raises `ValueError` or `TypeError` for a time that is none, or for other names.

    >>> with_time({"time": 2, "image": "abc"}, "image"), with_time("abc", "image")
    ((2.0, 'abc'), (None, 'abc'))
    """
    if not isinstance(given, dict):
        return None, given
    if set(given) - {"time", name}:
        raise ValueError("names that are not known")
    seconds = None if given.get("time") is None else float(given["time"])
    if seconds is not None and not np.isfinite(seconds):
        raise ValueError("it is not a time")
    return seconds, given.get(name)


def frame_given(given: Any, codec: SeesFrames) -> Picture:
    """Return a frame `[H, W, C]`, given as such or as the bytes of a picture in base 64.

    Raises `ValueError` or `TypeError` for anything else, `DataError` for bytes that are no picture.
    """
    if isinstance(given, np.ndarray):
        if given.shape != codec.shape or given.dtype != np.uint8:
            raise ValueError("the frame has another shape")
        return given
    if not isinstance(given, str):
        raise TypeError("this is not a text")
    content = base64.b64decode(given, validate=True)
    return next(Film(content, "the frame").frames(codec.look)).picture


def refused_input(given: Any, what: str, wanted: str) -> UsageError:
    """Return the error of an input that cannot be read."""
    try:
        said = json.dumps(given)[:40]
    except (TypeError, ValueError):
        said = shown(given)
    return UsageError(f"the {what} {said} cannot be read: give {wanted}")
