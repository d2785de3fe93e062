"""Gestures under way: samples come one or several at a time, each answered by what is seen now."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from statewise.data.movement.movement_codec import MovementCodec
from statewise.errors import DataError, UsageError
from statewise.inputs import Inputs
from statewise.state import read_tensors, write_tensors
from statewise.stream import Stream
from statewise.task import Live
from statewise.tasks.gesture.answers import StepSeen, Watcher
from statewise.tasks.gesture.events import GestureEvent
from statewise.tasks.shared.films import (
    FINISH,
    FRAME_WORDS,
    RESTART,
    frame_given,
    read_input,
    refused_input,
    with_time,
)


@dataclass(frozen=True)
class GesturesSoFar:
    """What is seen after the last samples: nothing new where they filled no step."""

    steps: tuple[StepSeen, ...]
    last: tuple[GestureEvent, ...] = ()

    @property
    def events(self) -> tuple[GestureEvent, ...]:
        """The gestures that ended."""
        return (*(event for step in self.steps for event in step.events), *self.last)

    def __str__(self) -> str:
        lines = [f"event {event}" for event in self.last]
        return "\n".join([*map(str, self.steps), *lines]) or "."

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values: the newest step, and every event that ended."""
        newest = self.steps[-1].as_json() if self.steps else {}
        return {**newest, "events": [event.as_json() for event in self.events]}


@dataclass
class GesturesUnderWay(Live):
    """Watches samples as they come; `make` begins a watcher."""

    make: Callable[[], Watcher]
    watcher: Watcher = field(init=False)

    def __post_init__(self) -> None:
        self.watcher = self.make()

    @property
    def _codec(self) -> MovementCodec:
        return self.watcher.codec

    @property
    def inputs(self) -> Inputs:
        """What `push` takes: a sample, with or without its time, `finish` or `restart`."""
        return inputs_of(self._codec)

    def push(self, line: Any) -> GesturesSoFar:
        """Read a sample; or end the recording, or forget it.

        Raises `UsageError` for what is no sample, `DataError` for a time that is none; nothing has changed then.
        """
        given = line.strip() if isinstance(line, str) else line
        if isinstance(given, str) and given == RESTART:
            self.watcher = self.make()
            return GesturesSoFar(())
        if isinstance(given, str) and given == FINISH:
            last = tuple(self.watcher.finish())
            return GesturesSoFar((), last)
        seconds, values = sample_of(given, self._codec)
        if seconds is None:
            known = self.watcher.maker.even
            begun = known.begun or 0.0
            seconds = begun if known.held is None else begun + known.latest + 1 / self._codec.untimed
        return GesturesSoFar(tuple(self.watcher.push(np.array([seconds]), values[None])))

    def save(self) -> bytes:
        """Return the state of the network, the last samples, and the event that is going on."""
        known = self.watcher
        even = known.maker.even
        real = [np.nan if even.begun is None else even.begun, even.latest]
        told = {
            "stream": torch.frombuffer(bytearray(known.stream.save()), dtype=torch.uint8),
            "times": torch.tensor(real, dtype=torch.float64),
            "counts": torch.tensor([even.given, even.left_out, known.maker.given, known.stream.steps]),
            "held": torch.empty(0) if even.held is None else torch.from_numpy(np.array(even.held)),
            "steps": torch.empty(0) if known.maker._held is None else torch.from_numpy(known.maker._held.copy()),
            **known.finder.tensors(),
        }
        return write_tensors(told)

    @classmethod
    def open(cls, make: Callable[[], Watcher], saved: bytes) -> "GesturesUnderWay":
        """Go on from saved bytes. Raises `DataError` where they are something else."""
        found = cls(make)
        try:
            told, _ = read_tensors(saved, "the saved gestures")
            _restore(found.watcher, told)
        except (KeyError, ValueError, IndexError, TypeError, OverflowError, RuntimeError):
            raise DataError("the saved gestures are damaged, or are something else: start again") from None
        return found


def _restore(watcher: Watcher, told: dict[str, Any]) -> None:
    codec, even = watcher.codec, watcher.maker.even
    stream = Stream.open(watcher.model, bytes(told["stream"].numpy().tobytes()))
    begun, latest = told["times"].tolist()
    given, left_out, read, _ = told["counts"].tolist()
    sample = codec.shape if codec.is_film else (len(codec.columns),)
    if told["held"].numel():
        held, steps = told["held"].numpy(), told["steps"].numpy()
        width = codec.compared + codec.flags
        fits = held.shape == sample and steps.shape == (codec.stack - 1, width) and np.isfinite(steps).all()
        fits = fits and 0 <= given < 2**53 and 0 <= read < 2**53 and np.isfinite([begun, latest]).all()
        fits = fits and held.dtype == (np.uint8 if codec.is_film else np.float32) and steps.dtype == np.float32
        if not fits:
            raise ValueError("what was saved does not fit")
        even.begun, even.latest, even.held, even.given, even.left_out = begun, latest, held.copy(), given, left_out
        watcher.maker.given, watcher.maker._held = read, steps.copy()
    watcher.finder.go_on(told)
    watcher.stream = stream


def inputs_of(codec: MovementCodec) -> Inputs:
    """Return what a sample of a run is given as."""
    if codec.is_film:
        return Inputs(FRAME_WORDS, ("string", "object"), RESTART, binary=lambda raw: base64.b64encode(raw).decode())
    few = [0.0] * len(codec.columns)
    words = (
        f'a sample of {len(few)} numbers, null where one is missing, or {{"time": seconds, "values": such}}; '
        'or "finish", "restart"'
    )
    return Inputs(words, ("array", "object", "string"), few)


def sample_of(given: Any, codec: MovementCodec) -> tuple[float | None, Any]:
    """Return the time of a sample, if it says one, and its numbers or its frame. Raises `UsageError` for anything else.

    From a line a sample may be JSON, or numbers between commas, one more than there are being the time before them.
    """
    try:
        opened = read_input(given, "sample", "[{")
        if isinstance(opened, str) and not codec.is_film:
            opened = _of_cells(opened.split(","), len(codec.columns))
        time, value = with_time(opened, "image" if codec.is_film else "values")
        if codec.is_film:
            return time, frame_given(value, codec)
        numbers = np.array([np.nan if one is None else float(one) for one in value], np.float64)
    except (TypeError, ValueError, OverflowError):
        raise _refused(given, codec) from None
    if numbers.shape != (len(codec.columns),):
        raise _refused(given, codec)
    with np.errstate(over="ignore"):
        values = np.where(np.abs(numbers) <= 1e18, numbers, np.nan).astype(np.float32)
    return time, values


def _of_cells(cells: Sequence[str], count: int) -> Any:
    found = [None if cell.strip().lower() in ("", "nan", "null") else cell for cell in cells]
    return {"time": found[0], "values": found[1:]} if len(found) == count + 1 else found


def _refused(given: Any, codec: MovementCodec) -> UsageError:
    return refused_input(given, "sample", inputs_of(codec).words)
