"""What a network answers of a recording: what it is, how early that was clear, and the gestures in it."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from statewise.data.movement.clip_folders import is_clip_list
from statewise.data.movement.movement_arrays import load_npy
from statewise.data.movement.movement_codec import MovementCodec, StepMaker
from statewise.data.movement.movement_tables import TIME, is_headless, seconds_of
from statewise.data.movement.recording import MovementReading, Seconds, as_numbers_array
from statewise.data.naming import path_of
from statewise.data.tables.columns import numbers as as_numbers
from statewise.data.tables.tables import column_names, read_table, title_of
from statewise.data.video.film import ENDINGS
from statewise.errors import DataError, UsageError
from statewise.model import Model
from statewise.stream import Stream
from statewise.task import Answer
from statewise.tasks.gesture.deciding import Decision, decided, so_far
from statewise.tasks.gesture.events import EventFinder, EventRules, GestureEvent
from statewise.tasks.gesture.network import logs_of
from statewise.tasks.shared.both_ways import CANNOT_STREAM, BothWays
from statewise.tasks.shared.films import film_given

LIKELY, LARGEST_SENT = 5, 1 << 25
PIECE = 64
"Samples that are read at once."


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


Pieces = Iterator[tuple[Seconds, Any]]


def pieces_of(given: Any, codec: MovementCodec, reading: MovementReading, times: Any = None) -> Pieces:
    """Yield the samples of one recording with their times, some at a time: a path, bytes of a film, or an array.

    Raises `DataError` for what cannot be read, or has other numbers than the run was trained on.
    """
    if isinstance(given, bytes) or (codec.is_film and not hasattr(given, "columns") and not isinstance(given, Mapping)):
        yield from _of_film(given, codec, times)
    elif isinstance(given, str | Path):
        yield from _of_path(path_of(given), codec, reading)
    elif hasattr(given, "columns") or isinstance(given, Mapping):
        yield from _of_table(given, codec, reading)
    else:
        yield from _of_array(given, codec, times)


def _of_film(given: Any, codec: MovementCodec, times: Any) -> Pieces:
    if not codec.is_film:
        raise UsageError("a film was given, and this run reads numbers: give a table or an array")
    for frame in film_given(given, codec, times).frames(codec.look):
        yield np.array([frame.seconds]), frame.picture[None]


def _of_array(given: Any, codec: MovementCodec, times: Any) -> Pieces:
    try:
        found = np.asarray(given)
        values = as_numbers_array(found, "the array") if found.size else np.zeros((0, 0), np.float32)
    except (ValueError, TypeError) as error:
        raise DataError(f"what was given cannot be read ({error}): give an array, or the path of a recording") from None
    seconds = np.arange(len(values)) / codec.untimed if times is None else np.asarray(times, np.float64)
    if seconds.shape != (len(values),):
        raise UsageError(f"{len(values):,} samples were given with {len(np.ravel(seconds)):,} times: give one for each")
    yield from _pieces(seconds, _fitting(values, codec))


def _fitting(values: Any, codec: MovementCodec) -> Any:
    if not len(values):
        raise DataError("the recording has no sample: give one or more")
    if values.shape[1] != len(codec.columns):
        raise DataError(
            f"the recording has {values.shape[1]:,} numbers in a sample, and this run reads {len(codec.columns):,}: "
            "give what it was trained on"
        )
    return values


def _pieces(seconds: Any, values: Any) -> Pieces:
    is_timed = np.isfinite(seconds)
    if not is_timed.any():
        raise DataError("the recording has no time at any sample: mend the column, or take it out")
    seconds, values = seconds[is_timed], values[is_timed]
    for start in range(0, len(values), PIECE):
        yield seconds[start : start + PIECE], values[start : start + PIECE]


def _of_path(path: Path, codec: MovementCodec, reading: MovementReading) -> Pieces:
    if path.suffix.lower() in ENDINGS:
        raise DataError(
            f"{path} is a film, and this run reads {len(codec.columns):,} numbers: give a table or an array"
        )
    if path.suffix.lower() == ".npy":
        yield from _of_array(load_npy(path), codec, None)
        return
    if path.suffix.lower() in (".csv", ".txt") and path.is_file() and (is_headless(path) or is_clip_list(path)):
        raise DataError(f"{path} has no names of columns: give a table that has, or one recording as .npy")
    yield from _of_table(path, codec, reading)


def _of_table(table: Any, codec: MovementCodec, reading: MovementReading) -> Pieces:
    """Yield the samples of a table, on the disk or in memory, by the names of its columns."""
    title = title_of(table)
    if codec.is_film:
        raise UsageError(f"{title} is a table, and this run watches films: give a clip")
    names = column_names(table)
    if missing := [name for name in codec.columns if name not in names]:
        raise DataError(
            f"{title} has no column {missing[0]}, which this run was trained on ({len(missing)} are missing)"
        )
    time = reading.time or next((name for name in names if name.strip().lower() in TIME), None)
    wanted: dict[str, Any] = dict.fromkeys(codec.columns, as_numbers)
    if time is not None:
        wanted[time] = seconds_of
    columns = read_table(table, wanted).columns
    values = as_numbers_array(np.stack([columns[name] for name in codec.columns], axis=1), title)
    seconds = columns[time] if time is not None else np.arange(len(values)) / codec.untimed
    yield from _pieces(seconds, _fitting(values, codec))


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


def one_of(recording: Any, table: Any, film: str | None) -> Any:
    """Return what was given: a recording, a table, or a film in base 64. Raises `UsageError` for none or several."""
    given = [one for one in (recording, table, film) if one is not None]
    if len(given) != 1:
        raise UsageError("give one recording: a path, a table, or a film in base 64")
    if film is None:
        return given[0]
    if len(film) > LARGEST_SENT:
        raise UsageError(
            f"the film of {len(film):,} characters is too long: give at most {LARGEST_SENT:,}, or a stream"
        )
    try:
        return base64.b64decode(film, validate=True)
    except ValueError:
        raise UsageError("the film is not base 64: give the bytes of a film in it") from None


def put_why(
    path: str, model: Model[Any], codec: MovementCodec, given: Any, reading: MovementReading, times: Any, early: float
) -> str:
    """Draw what moved the decision about a recording, and say so."""
    from statewise.tasks.gesture.why import draw_moved, moved_by

    maker = StepMaker(codec)
    steps = np.concatenate([maker.push(*piece)[1] for piece in pieces_of(given, codec, reading, times)])
    logs = logs_of(model, steps)
    chances = so_far(logs, codec.typical, early) if codec.whole else np.exp(logs)
    label = int(chances[-1].argmax())
    draw_moved(path, codec, moved_by(model, codec, steps, label, early), chances[:, label], codec.classes[label])
    return f"{path} shows what moved the decision for {codec.classes[label]}"


def shown_answer(found: Iterator[Any], notices: Sequence[str]) -> Answer:
    """Return what is shown of an answer, as it comes."""
    return Answer((f"{one}\n" for one in found), lambda: {"answer": [one.as_json() for one in found]}, "", notices)
