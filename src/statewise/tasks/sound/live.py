"""Sound under way: frames come one at a time, each answered by the sound that is known now."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from statewise.data.audio.sound import Samples
from statewise.data.sounding.sounding_codec import SoundingCodec
from statewise.errors import DataError
from statewise.inputs import Inputs
from statewise.state import read_tensors, write_tensors
from statewise.stream import Stream
from statewise.task import Live
from statewise.tasks.shared.films import (
    FINISH,
    FRAME_WORDS,
    RESTART,
    frame_given,
    read_input,
    refused_input,
    with_time,
)
from statewise.tasks.sound.making import JoinedStretches, NoiseBands, StruckPieces
from statewise.tasks.sound.strokes import StrokeMade
from statewise.tasks.sound.watching import NOTHING, FilmWatcher, SoundPiece

LONGEST_BUFFER = 1 << 22
WAYS = (NoiseBands, StruckPieces, JoinedStretches)


@dataclass(frozen=True)
class SoundSoFar:
    """Sound that goes on from what came before, and the strokes that were seen; `seconds` is how much was made."""

    samples: Samples
    strokes: tuple[StrokeMade, ...]
    seconds: float
    rate: int
    delay: float

    def __str__(self) -> str:
        lines = [f"stroke {one}" for one in self.strokes]
        return "\n".join([*lines, f"{self.seconds:9.3f} s"])

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values: the sound as 16-bit samples, the low byte first, in base 64."""
        pcm = (self.samples.clip(-1, 1) * 32767).round().astype("<i2").tobytes()
        told = {"sound": base64.b64encode(pcm).decode(), "rate": self.rate, "seconds": round(self.seconds, 4)}
        return {**told, "delay": round(self.delay, 4), "strokes": [one.as_json() for one in self.strokes]}


@dataclass
class SoundUnderWay(Live):
    """Watches frames as they come; `make` begins a watcher."""

    make: Callable[[], FilmWatcher]
    watcher: FilmWatcher = field(init=False)

    def __post_init__(self) -> None:
        self.watcher = self.make()

    @property
    def inputs(self) -> Inputs:
        """What `push` takes: a frame, with or without its time, `finish` or `restart`."""
        return Inputs(FRAME_WORDS, ("string", "object"), RESTART, binary=lambda raw: base64.b64encode(raw).decode())

    def push(self, line: Any) -> SoundSoFar:
        """Read a frame; or end the film, or forget it.

        Raises `UsageError` for what is no frame, `DataError` for a time that is none; nothing has changed then.
        """
        given = line.strip() if isinstance(line, str) else line
        if isinstance(given, str) and given == RESTART:
            self.watcher = self.make()
            return self._told(NOTHING)
        if isinstance(given, str) and given == FINISH:
            return self._told(self.watcher.finish())
        watcher = self.watcher
        seconds, picture = frame_of(given, watcher.codec)
        if seconds is None:
            begun = watcher.begun
            seconds = 0.0 if begun is None else begun + watcher.shown + 1 / watcher.codec.untimed
        return self._told(watcher.push(seconds, picture))

    def _told(self, piece: SoundPiece) -> SoundSoFar:
        watcher = self.watcher
        return SoundSoFar(piece.samples, piece.strokes, watcher.seconds, watcher.codec.ear.rate, watcher.delay)

    def save(self) -> bytes:
        """Return all that is known: the state of the network, the last changes, cells and sound that is not over."""
        known = self.watcher
        made, tensors = known.instrument, {}
        if known.begun is not None and known.last is not None and known.steps.grey is not None:
            tensors = {
                "last": torch.from_numpy(known.last.copy()),
                "grey": torch.from_numpy(known.steps.grey.copy()),
                "changes": torch.from_numpy(known.steps.changes.copy()),
            }
        times = [np.nan if known.begun is None else known.begun, known.read, known.shown, known.steps.time]
        counts = [known.made, known.ahead, known.left_out, known.grid.told, known.finder.given, made_count(made)]
        return write_tensors(
            {
                **tensors,
                "stream": torch.frombuffer(bytearray(known.stream.save()), dtype=torch.uint8),
                "times": torch.tensor([*times, known.grid.filled], dtype=torch.float64),
                "counts": torch.tensor([*counts, WAYS.index(type(made))]),
                "sums": torch.tensor(known.grid.sums),
                "finder": torch.tensor(known.finder.held),
                **instrument_tensors(made),
            }
        )

    @classmethod
    def open(cls, make: Callable[[], FilmWatcher], saved: bytes) -> "SoundUnderWay":
        """Go on from saved bytes. Raises `DataError` where they are something else, or of another way."""
        found = cls(make)
        try:
            told, _ = read_tensors(saved, "the saved sound")
            _restore(found.watcher, told)
        except (KeyError, ValueError, IndexError, TypeError, OverflowError, RuntimeError):
            raise DataError("the saved sound is damaged, or is something else: start again") from None
        return found


def made_count(instrument: Any) -> int:
    """Return how many cells an instrument was given."""
    found: int = instrument.noise.given if isinstance(instrument, NoiseBands) else instrument.given
    return found


def instrument_tensors(instrument: Any) -> dict[str, torch.Tensor]:
    """Return what an instrument knows besides."""
    if isinstance(instrument, NoiseBands):
        return {"noise": torch.from_numpy(instrument.noise.last.copy())}
    found = {"held": torch.tensor(instrument.held), "ready": torch.from_numpy(instrument.ready.copy())}
    if isinstance(instrument, StruckPieces):
        codec = instrument.codec
        rows = [
            [one.seconds, one.strength, codec.number_of(one.material), one.confidence, one.cell]
            for one in instrument.waiting
        ]
        found["waiting"] = torch.tensor(rows, dtype=torch.float64).reshape(-1, 5)
        found["number"] = torch.tensor([instrument.number])
    return found


def _restore(watcher: FilmWatcher, told: dict[str, Any]) -> None:
    codec = watcher.codec
    counts = [int(n) for n in told["counts"].tolist()]
    begun, read, shown_at, time, filled = (float(n) for n in told["times"].tolist())
    if counts[-1] != WAYS.index(type(watcher.instrument)) or not all(-(2**53) < n < 2**53 for n in counts):
        raise ValueError("another way, or counts that cannot be")
    if not np.isfinite([read, shown_at, time, filled]).all() or not 0 <= filled <= 1:
        raise ValueError("times that cannot be")
    stream = Stream.open(watcher.model, bytes(told["stream"].numpy().tobytes()))
    if "last" in told:
        last, grey, changes = (told[name].numpy() for name in ("last", "grey", "changes"))
        _check(last, codec.shape, np.uint8)
        _check(grey, (1, *codec.shape[:2]), np.float32)
        _check(changes, (codec.moves - 1, *codec.shape[:2]), np.float32)
        if not np.isfinite(begun):
            raise ValueError("a beginning that cannot be")
        watcher.begun, watcher.last = begun, last.copy()
        watcher.steps.grey, watcher.steps.changes, watcher.steps.time = grey.copy(), changes.copy(), time
    sums, held = told["sums"].numpy(), told["finder"].numpy()
    _check(sums, (codec.said,), np.float64)
    _check(held, watcher.finder.held.shape, np.float64)
    watcher.read, watcher.shown, watcher.stream = read, shown_at, stream
    watcher.made, watcher.ahead, watcher.left_out, watcher.grid.told, watcher.finder.given = counts[:5]
    watcher.grid.filled, watcher.grid.sums, watcher.finder.held = filled, sums.copy(), held.copy()
    _restore_instrument(watcher.instrument, codec, told, counts[5])


def _restore_instrument(instrument: Any, codec: SoundingCodec, told: dict[str, Any], given: int) -> None:
    bands = codec.ear.bands
    if isinstance(instrument, NoiseBands):
        last = told["noise"].numpy()
        _check(last, (bands,), np.float32)
        instrument.noise.given, instrument.noise.last = given, last.copy()
        return
    held, ready = told["held"].numpy(), told["ready"].numpy()
    _check(held, (len(held), bands), np.float64)
    _check(ready, (len(ready),), np.float32)
    if not instrument.lag * codec.ear.cell <= len(ready) <= LONGEST_BUFFER or len(held) > 1000:
        raise ValueError("buffers of sizes that cannot be")
    instrument.given, instrument.held, instrument.ready = given, held.copy(), ready.copy()
    if isinstance(instrument, StruckPieces):
        rows, number = told["waiting"].numpy(), int(told["number"][0])
        _check(rows, (len(rows), 5), np.float64)
        if not 0 <= number < 2**53 or len(rows) > 1000:
            raise ValueError("strokes that cannot be")
        names = ["", *codec.materials]
        instrument.number = number
        instrument.waiting = [StrokeMade(t, s, names[int(m) + 1], c, int(cell)) for t, s, m, c, cell in rows.tolist()]


def _check(array: Any, shape: tuple[int, ...], kind: Any) -> None:
    is_finite = array.dtype == kind and array.shape == tuple(shape) and np.isfinite(array).all()
    if not is_finite:
        raise ValueError("what was saved does not fit")


def frame_of(given: Any, codec: SoundingCodec) -> tuple[float | None, Any]:
    """Return the time of a frame, if it says one, and its picture `[H, W, C]`. Raises `UsageError` for what is none."""
    try:
        seconds, image = with_time(read_input(given, "frame"), "image")
        return seconds, frame_given(image, codec)
    except (TypeError, ValueError, OverflowError):
        raise refused_input(given, "frame", FRAME_WORDS) from None
