"""Frames of a film by their time stamps, one at a time, as large and in as many colours as is wanted."""

import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from statewise.disk.reading import open_file
from statewise.errors import DataError, MissingExtra
from statewise.shown import in_line

Picture = NDArray[np.uint8]
ENDINGS = frozenset({".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".ogv", ".wmv", ".gif", ".apng"})
"What the names of films end in."
MOST_PIXELS = 1 << 26
"Of one frame."
USUAL_RATE = 25.0
"Frames a second where neither the frames nor the film say when they are shown."
LONGEST_SECONDS = 600.0
CAMERA = re.compile(r"/dev/video\d+")


class TooLongFilm(DataError):
    """A film is longer than what is read of one."""


class VideoFrame(NamedTuple):
    """A picture `[H, W, C]`, of one channel (grey) or three (red, green, blue), and when it is shown, in seconds."""

    seconds: float
    picture: Picture


@final
@dataclass(frozen=True)
class Look:
    """How frames are wanted: `height` and `width` in pixels, or None as they are; grey or in colours.

    >>> Look(16, 48, grey=True).channels
    1
    """

    height: int | None = None
    width: int | None = None
    grey: bool = False

    @property
    def channels(self) -> int:
        """How many numbers a pixel has."""
        return 1 if self.grey else 3


class FilmFacts(NamedTuple):
    """The size of a film as it is shown, its mean frames a second, and its seconds; None where it does not say."""

    height: int
    width: int
    rate: float | None
    seconds: float | None


def video_library() -> Any:
    """Return PyAV. Raises `MissingExtra` where it is not installed."""
    try:
        import av
    except ImportError:
        raise MissingExtra("films need PyAV: pip install 'statewise[gesture]'") from None
    return av


@final
@dataclass
class Film:
    """A film: a file, the bytes of one, or a camera such as `/dev/video0`.

    `left_out` counts the frames of the last reading that came no later than the one before, or could not be decoded.
    """

    source: Path | bytes
    title: str = ""
    left_out: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.title = self.title or (str(self.source) if isinstance(self.source, Path) else "the film")

    @property
    def is_camera(self) -> bool:
        """Whether it is a camera, whose frames are shown when they come."""
        return isinstance(self.source, Path) and CAMERA.fullmatch(str(self.source)) is not None

    def facts(self) -> FilmFacts:
        """Return its size, rate and length. Raises `DataError` where it is no film."""
        with self._opened() as (container, stream):
            height, width = stream.codec_context.height, stream.codec_context.width
            first = next(self._decoded(container, stream), None)
            if first is not None and first.rotation % 180:
                height, width = width, height
            rate = float(stream.average_rate) if stream.average_rate else None
            length = stream.duration and float(stream.duration * stream.time_base)
            return FilmFacts(height, width, rate, length or (container.duration or 0) / 1e6 or None)

    def frames(self, look: Look | None = None, longest: float = LONGEST_SECONDS) -> Iterator[VideoFrame]:
        """Yield its frames as they are shown: turned where the film says so, each later than the one before.

        One frame at a time is in memory. Raises `DataError` where there is no film or no frame, `TooLongFilm` where it
        goes on for longer than `longest` seconds.
        """
        how, self.left_out = look or Look(), 0
        with self._opened() as (container, stream):
            usual = float(stream.average_rate or stream.base_rate or USUAL_RATE)
            began, latest = None, -math.inf
            for frame in self._decoded(container, stream):
                seconds = frame.time
                if seconds is None:
                    seconds = 0.0 if began is None else latest + 1 / usual
                if seconds <= latest:
                    self.left_out += 1
                    continue
                began = seconds if began is None else began
                latest = seconds
                if seconds - began > longest:
                    raise TooLongFilm(f"{self.title} is longer than {longest:,.0f} s: give a part of it")
                yield VideoFrame(seconds, as_picture(frame, how))
            if began is None:
                raise DataError(f"{self.title} has no frame that can be read: it is damaged, was cut, or is empty")

    def _opened(self) -> "_Opened":
        return _Opened(self)

    def _decoded(self, container: Any, stream: Any) -> Iterator[Any]:
        """Yield decoded frames; a packet that is damaged is left out."""
        av = video_library()
        try:
            for packet in container.demux(stream):
                try:
                    yield from packet.decode()
                except av.error.EOFError:
                    return
                except av.error.FFmpegError:
                    self.left_out += 1
        except av.error.FFmpegError as error:
            raise DataError(f"{self.title} cannot be read on ({_why(error)}): it is damaged or was cut") from None


class _Opened:
    """A film's container and its first video stream, for a block."""

    def __init__(self, film: Film) -> None:
        self.film = film

    def __enter__(self) -> tuple[Any, Any]:
        av, film = video_library(), self.film
        self._file: Any = None
        try:
            if film.is_camera:
                self._container = av.open(str(film.source), format="v4l2")
            else:
                is_path = isinstance(film.source, Path)
                self._file = open_file(film.source, DataError) if is_path else None  # type: ignore[arg-type]
                raw: Any = self._file.__enter__() if self._file else io.BytesIO(film.source)  # type: ignore[arg-type]
                # a playlist may name other files and hosts: nothing but this file is ever opened
                self._container = av.open(raw, metadata_errors="replace", options={"protocol_whitelist": "none"})
        except (av.error.FFmpegError, ValueError) as error:
            self._close_file()
            raise DataError(f"{film.title} is not a film that can be read ({_why(error)}): {ADVICE}") from None
        if not self._container.streams.video:
            self.__exit__()
            raise DataError(f"{film.title} has no pictures, only sound or data: {ADVICE}")
        stream = self._container.streams.video[0]
        height, width = stream.codec_context.height, stream.codec_context.width
        if height * width > MOST_PIXELS:
            self.__exit__()
            raise DataError(f"{film.title} has frames of {width:,} x {height:,}: more than {MOST_PIXELS:,} pixels")
        stream.codec_context.thread_count = 1
        return self._container, stream

    def __exit__(self, *error: object) -> None:
        self._container.close()
        self._close_file()

    def _close_file(self) -> None:
        if self._file:
            self._file.__exit__(None, None, None)


ADVICE = "give MP4, WebM, MOV, MKV, AVI, MPEG or GIF"


def as_picture(frame: Any, look: Look) -> Picture:
    """Return a decoded frame as it is shown: turned, of the size and in the colours that are wanted."""
    turns = round(frame.rotation / 90) % 4
    height, width = (look.width, look.height) if turns % 2 else (look.height, look.width)
    form = "gray" if look.grey else "rgb24"
    small = frame.reformat(width or frame.width, height or frame.height, form, interpolation="AREA")
    found = small.to_ndarray()
    picture: Picture = np.ascontiguousarray(np.rot90(found, turns))
    return picture[:, :, None] if picture.ndim == 2 else picture


def _why(error: Exception) -> str:
    return in_line(getattr(error, "strerror", None) or str(error) or type(error).__name__)[:80]
