"""The sound of a film by its time stamps, and from when to when its pictures are shown."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from statewise.data.audio.sound import Samples
from statewise.data.video.film import USUAL_RATE, Film, video_library
from statewise.errors import DataError

LARGEST_GAP = 0.05
"Seconds by which sound may be off its time stamps: more is filled with silence, or cut."


class PictureSpan(NamedTuple):
    """From when to when pictures are shown, in seconds of the film's own clock, and how many there are."""

    start: float
    end: float
    frames: int

    @property
    def seconds(self) -> float:
        """How long pictures are shown."""
        return self.end - self.start


def picture_span(film: Film) -> PictureSpan:
    """Return from when to when pictures are shown; nothing is decoded. Raises `DataError` where there is none."""
    av = video_library()
    with film._opened() as (container, stream):
        usual = 1 / float(stream.average_rate or stream.base_rate or USUAL_RATE)
        shown: dict[float, float] = {}
        try:
            for packet in container.demux(stream):
                if packet.pts is None:
                    continue
                shown[float(packet.pts * packet.time_base)] = float((packet.duration or 0) * packet.time_base)
        except av.error.FFmpegError as error:
            raise DataError(f"{film.title} cannot be read on ({error.strerror}): it is damaged or was cut") from None
        if not shown:
            raise DataError(f"{film.title} has no frame that can be read: it is damaged, was cut, or is empty")
        times = np.sort(np.array(list(shown)))
        usual = float(np.median(np.diff(times))) if len(times) > 1 else usual
        last = shown[float(times[-1])]
        # programs that say nothing of the last frame write a tick, or nothing
        return PictureSpan(float(times[0]), float(times[-1]) + (last if last > usual / 2 else usual), len(times))


def has_sound(film: Film) -> bool:
    """Say whether a film has a sound track."""
    with film._opened() as (container, _):
        return bool(container.streams.audio)


def sound_pieces(film: Film, rate: int, start: float) -> Iterator[Samples]:
    """Yield the first sound track as one channel of `rate` samples a second, from `start` of the film's clock on.

    What the track begins later is silence, what it begins earlier is left out. A packet that is damaged is left out.
    Nothing is yielded where there is no track.
    """
    av = video_library()
    with film._opened() as (container, _):
        if not container.streams.audio:
            return
        track = container.streams.audio[0]
        resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
        given = 0
        for frame in _decoded(film, container, track, av):
            time = frame.time
            if time is not None:
                late = round((time - start) * rate) - given
                if late > LARGEST_GAP * rate:
                    yield np.zeros(late, np.float32)
                    given += late
            frame.pts = None  # places are counted here: the clock of the resampler is not that of the film
            for piece in resampler.resample(frame):
                samples = np.asarray(piece.to_ndarray()[0], np.float32)
                if given == 0 and time is not None:
                    samples = samples[max(0, round((start - time) * rate)) :]
                given += len(samples)
                yield samples
        for piece in resampler.resample(None):
            yield np.asarray(piece.to_ndarray()[0], np.float32)


def _decoded(film: Film, container: Any, track: Any, av: Any) -> Iterator[Any]:
    try:
        for packet in container.demux(track):
            try:
                yield from packet.decode()
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                continue
    except av.error.FFmpegError as error:
        raise DataError(f"{film.title} cannot be read on ({error.strerror}): it is damaged or was cut") from None


def sound_of(film: Film, rate: int, start: float, seconds: float) -> Samples | None:
    """Return the sound of so many seconds from `start` on: longer is cut, shorter is silent; None without a track."""
    wanted, found, given = round(seconds * rate), [], 0
    for piece in sound_pieces(film, rate, start):
        found.append(piece)
        given += len(piece)
        if given >= wanted:
            break
    if not found:
        return None
    joined = np.concatenate(found)[:wanted]
    return np.concatenate([joined, np.zeros(wanted - len(joined), np.float32)])
