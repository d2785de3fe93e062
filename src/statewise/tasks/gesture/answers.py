"""What a network answers of a recording: what it is, how early that was clear, and the gestures in it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from statewise.data.movement.movement_codec import MovementCodec, StepMaker
from statewise.data.movement.recording import MovementReading, Seconds
from statewise.errors import DataError, UsageError
from statewise.model import Model
from statewise.stream import Stream
from statewise.task import Answer
from statewise.tasks.gesture.deciding import Decision, decided, so_far
from statewise.tasks.gesture.events import EventFinder, EventRules, GestureEvent
from statewise.tasks.gesture.given import Pieces, recordings_of
from statewise.tasks.gesture.network import logs_of
from statewise.tasks.shared.both_ways import CANNOT_STREAM, BothWays

LIKELY = 5


@dataclass(frozen=True)
class GestureAnswer:
    """What a recording is: a class with its confidence, the likeliest ones, and when that was decided.

    `decided` are the seconds after which the class was sure enough, `share` of the recording; `events` are the gestures
    in it. All times are in seconds since its beginning.
    """

    label: str
    confidence: float
    likely: dict[str, float]
    decided: float
    share: float
    seconds: float
    events: tuple[GestureEvent, ...]
    left_out: int = 0
    is_sure: bool = True
    chances: Mapping[str, float] = field(default_factory=dict)
    "How likely every class is; `likely` has the first of them alone."

    def __str__(self) -> str:
        clear = f"clear after {self.decided:.2f} s ({100 * self.share:.0f} %)" if self.is_sure else "never sure enough"
        first = f"{self.label} ({self.confidence:.2f}), {clear}"
        return "\n".join([first, *map(str, self.events)])

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        told = {name: round(getattr(self, name), 4) for name in ("confidence", "decided", "share", "seconds")}
        likely = {name: round(value, 4) for name, value in self.likely.items()}
        events = [event.as_json() for event in self.events]
        return {"label": self.label, **told, "likely": likely, "events": events, "samples_left_out": self.left_out}


@dataclass(frozen=True)
class StepSeen:
    """What is likeliest after a step, and the gestures that ended there."""

    seconds: float
    label: str
    confidence: float
    going_on: str | None
    events: tuple[GestureEvent, ...]

    def __str__(self) -> str:
        lines = [f"{self.seconds:8.2f} s  {self.label} ({self.confidence:.2f})"]
        return "\n".join([*lines, *(f"event {event}" for event in self.events)])

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        told = {"seconds": round(self.seconds, 4), "label": self.label, "confidence": round(self.confidence, 4)}
        return {**told, "going_on": self.going_on, "events": [event.as_json() for event in self.events]}


def answer_of(
    model: Model[Any], codec: MovementCodec, pieces: Pieces, rules: EventRules, sure: float, early: float
) -> GestureAnswer:
    """Return what one recording is."""
    maker, steps, times = StepMaker(codec), [], []
    for seconds, values in pieces:
        own_times, own = maker.push(seconds, values)
        steps.append(own)
        times.append(own_times)
    joined = np.concatenate(steps) if steps else np.zeros((0, codec.numbers), np.float32)
    if not len(joined):
        raise DataError("the recording has no sample: give one or more")
    logs = logs_of(model, joined)
    finder = EventFinder(codec.classes, codec.background, rules)
    events = [e for t, p in zip(np.concatenate(times), np.exp(logs), strict=True) for e in finder.push(float(t), p)]
    events += finder.finish()
    chances = so_far(logs, codec.typical, early) if codec.whole else np.exp(logs)
    last: Any = chances[-1] if codec.whole else chances.mean(axis=0)
    one = (
        decided(chances, sure)
        if codec.whole
        else Decision(int(last.argmax()), float(last.max()), len(logs), bool(last.max() >= sure))
    )
    order = np.argsort(-last)[:LIKELY]
    return GestureAnswer(
        codec.classes[int(last.argmax())],
        float(last.max()),
        {codec.classes[n]: float(last[n]) for n in order},
        one.steps * codec.seconds_per_step,
        one.steps / len(logs),
        len(logs) * codec.seconds_per_step,
        tuple(events),
        maker.even.left_out,
        one.is_sure,
        {name: float(chance) for name, chance in zip(codec.classes, last, strict=True)},
    )


class Watcher:
    """Watches samples as they come: `push` some with their times, `finish` at the end.

    It holds the state of the network, the last samples, and the event that is going on: as much after ten hours as
    after ten minutes.
    """

    def __init__(self, model: Model[Any], codec: MovementCodec, rules: EventRules) -> None:
        if isinstance(model.core, BothWays):
            raise UsageError(CANNOT_STREAM)
        self.model, self.codec, self.rules = model, codec, rules
        self.stream = Stream(model, history=0)
        self.maker = StepMaker(codec)
        self.finder = EventFinder(codec.classes, codec.background, rules)

    def push(self, seconds: Seconds, values: Any) -> list[StepSeen]:
        """Return what is seen at each step that is known now. Raises `DataError` for times that are none."""
        times, steps = self.maker.push(seconds, values)
        found = []
        for time, step in zip(times, steps, strict=True):
            chances = self.stream.push(step).double().softmax(dim=-1).numpy()
            events = self.finder.push(float(time), chances)
            label, confidence = self.finder.label
            found.append(StepSeen(float(time), label, confidence, self.finder.going_on, tuple(events)))
        return found

    def finish(self) -> list[GestureEvent]:
        """Return the gesture that was going on at the end."""
        return self.finder.finish()


def put_why(
    path: str, model: Model[Any], codec: MovementCodec, given: Any, reading: MovementReading, times: Any, early: float
) -> str:
    """Draw what moved the decision about a recording, and say so."""
    from statewise.tasks.gesture.why import draw_moved, moved_by

    maker = StepMaker(codec)
    steps = np.concatenate([maker.push(*piece)[1] for piece in next(recordings_of(given, codec, reading, times))])
    logs = logs_of(model, steps)
    chances = so_far(logs, codec.typical, early) if codec.whole else np.exp(logs)
    label = int(chances[-1].argmax())
    draw_moved(path, codec, moved_by(model, codec, steps, label, early), chances[:, label], codec.classes[label])
    return f"{path} shows what moved the decision for {codec.classes[label]}"


def shown_answer(found: Iterator[Any], notices: Sequence[str]) -> Answer:
    """Return what is shown of an answer, as it comes."""
    return Answer((f"{one}\n" for one in found), lambda: {"answer": [one.as_json() for one in found]}, "", notices)
