"""A film with another sound: its pictures as they are, packet by packet, and a track that is made for it."""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, final

import numpy as np

from statewise.data.audio.sound import Samples
from statewise.data.video.film import Film, video_library
from statewise.errors import DataError, UsageError
from statewise.shown import in_line

TRACKS = {".mp4": "aac", ".m4v": "aac", ".mov": "aac", ".mkv": "flac", ".webm": "libopus"}
"How sound is coded in a film of each ending."
OPUS_RATE = 48_000
AAC_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"Sound of another rate is coded at the next of these."
BIT_RATE = 160_000


def check_film_name(path: Path) -> None:
    """Raise `UsageError` for the name of a film that cannot be written."""
    if path.suffix.lower() not in TRACKS:
        raise UsageError(f"{path} ends in none of {', '.join(TRACKS)}: give another name for the film")


def write_with_sound(film: Film, out: Path, samples: Iterator[Samples], rate: int, start: float, *, keep: bool) -> None:
    """Write a film whose pictures are those of another, with a sound that begins at `start` of its clock.

    Pictures are copied as they are coded, with their times, and how they are turned. With `keep` the tracks that there
    are come first and the new one after them, else they are left out. The film is written whole or not at all. Raises
    `DataError` where the pictures cannot be in a film of that ending, `OSError` where the disk does not take it.
    """
    check_film_name(out)
    av = video_library()
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp{out.suffix}")
    try:
        _Muxed(av, film, temporary, samples, rate, start, keep).write()
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)


@final
class _Muxed:
    """One film that is written."""

    def __init__(
        self, av: Any, film: Film, out: Path, samples: Iterator[Samples], rate: int, start: float, keep: bool
    ) -> None:
        self.av, self.film, self.out, self.rate, self.start, self.keep = av, film, out, rate, start, keep
        self.samples = samples
        self.given = 0
        self.is_over = False

    def write(self) -> None:
        """Write it."""
        av, film = self.av, self.film
        try:
            with film._opened() as (source, stream), av.open(str(self.out), "w") as target:
                streams = {stream.index: target.add_stream_from_template(stream)}
                for track in source.streams.audio if self.keep else ():
                    streams[track.index] = target.add_stream_from_template(track)
                made = self._track(target)
                chosen = [source.streams[index] for index in streams]
                for packet in _with_decoding_times(source.demux(chosen)):
                    until = float(packet.dts * packet.time_base)
                    packet.stream = streams[packet.stream.index]
                    target.mux(packet)
                    self._encode(target, made, until)
                self._encode(target, made, None)
                target.mux(made.encode(None))
        except (av.error.FFmpegError, ValueError) as error:
            if isinstance(error, OSError) and getattr(error, "errno", 0) in (2, 13, 28):
                raise
            why = in_line(getattr(error, "strerror", None) or str(error))[:80]
            raise DataError(
                f"the pictures of {film.title} cannot be put into {self.out.suffix} ({why}): give a name that ends in "
                ".mkv"
            ) from None

    def _track(self, target: Any) -> Any:
        name = TRACKS[self.out.suffix.lower()]
        rates = {"aac": AAC_RATES, "libopus": (OPUS_RATE,)}.get(name, (self.rate,))
        made = target.add_stream(name, rate=next((rate for rate in rates if rate >= self.rate), rates[-1]))
        made.layout = "mono"
        if name != "flac":
            made.bit_rate = BIT_RATE
        return made

    def _encode(self, target: Any, made: Any, until: float | None) -> None:
        """Write sound up to a time, or all that is left."""
        while not self.is_over and (until is None or self.start + self.given / self.rate <= until):
            piece = next(self.samples, None)
            if piece is None:
                self.is_over = True
                return
            if not len(piece):
                continue
            pcm = (piece.clip(-1, 1) * 32767).round().astype("<i2")
            frame = self.av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm[None]), format="s16", layout="mono")
            frame.sample_rate, frame.time_base = self.rate, Fraction(1, self.rate)
            frame.pts = round(self.start * self.rate) + self.given
            self.given += len(piece)
            target.mux(made.encode(frame))


def _with_decoding_times(packets: Iterator[Any]) -> Iterator[Any]:
    """Yield packets that hold something, each with a time of decoding: Matroska says none for the first ones."""
    waiting: dict[int, list[Any]] = {}
    begun: set[int] = set()
    for packet in packets:
        index = packet.stream.index
        if not packet.size:
            continue
        if packet.dts is None and index not in begun:
            waiting.setdefault(index, []).append(packet)
            continue
        begun.add(index)
        yield from _dated(waiting.pop(index, []), packet.dts)
        if packet.dts is None:
            packet.dts = packet.pts
        yield packet
    for own in waiting.values():
        yield from _dated(own, None)


def _dated(packets: list[Any], following: int | None) -> Iterator[Any]:
    """Yield packets that come before a time of decoding, each with one that is earlier than all that follow."""
    times = [packet.pts for packet in packets if packet.pts is not None]
    first = min(times, default=0) if following is None else min([following, *times])
    for place, packet in enumerate(packets):
        packet.dts = first - (len(packets) - place) * max(1, packet.duration or 1)
        yield packet
