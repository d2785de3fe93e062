"""Movements made ready once: even samples and labels of all recordings, by content hash, in three parts."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.cache import kept
from statewise.data.left_out import LeftOutCount
from statewise.data.movement.landmark_layouts import Layout, groups_of
from statewise.data.movement.movement_codec import MovementCodec, MovementExample, Samples
from statewise.data.movement.movement_files import WANTED, movement_files, read_recordings
from statewise.data.movement.movement_split import FEWEST, MovementSplit, ToSplit, parts_of
from statewise.data.movement.recording import (
    BACKGROUNDS,
    FilmLike,
    Movement,
    MovementPart,
    MovementReading,
    NotRead,
    Seconds,
)
from statewise.data.texts import digest
from statewise.data.video.film import Look
from statewise.disk.reading import read_file
from statewise.errors import DataError, UsageError
from statewise.plain.strict_json import read_json
from statewise.shown import in_line

FORMAT = 1
"What is kept in a cache is made again where this is another number."
NAMES = SAMPLES, LABELS, TOLD = "samples.bin", "labels.bin", "recordings.json"
PARTS: tuple[MovementPart, ...] = ("training", "validation", "held_out")
LARGEST_TOLD = 1 << 28
MOST_RATE, MOST_FILM_RATE, USUAL_STEPS = 60.0, 15.0, 12.0
"Even samples a second of numbers and of frames at most, and steps a second, where nothing is said."
KNOWN_LAYOUTS: tuple[Layout, ...] = ("hand", "hands", "pose", "holistic")
EXAMPLES, EXAMPLE_NUMBERS = 3, 100_000
MOST_PICTURE = 512
MOST_IN_MEMORY = 1 << 26
"Bytes of samples that are kept in memory: of ten times as many none is."
UNKNOWN = -1
"The label of a sample whose class was never trained: it is read and not scored."
SMALLEST_DEVIATION = 1e-4


@final
@dataclass(frozen=True)
class MovementPreparing:
    """How recordings are made ready: the settings that samples, labels and parts depend on."""

    reading: MovementReading = field(default_factory=MovementReading)
    layout: Layout = "auto"
    rate: float | None = None
    stack: int | None = None
    stride: int | None = None
    size: int = 32
    grey: bool = True
    gap: float = 0.5
    background: str | None = None
    split: MovementSplit = "person"
    held_out: float = 0.2
    validation: float = 0.1
    held_out_people: tuple[str, ...] = ()


class MovementFacts(NamedTuple):
    """What is known of a recording, besides its samples; `label` is "" where labels are of samples."""

    name: str
    label: str
    person: str | None
    part: str
    samples: int
    seconds: float


@dataclass(frozen=True)
class PreparedMovement:
    """Even samples of all recordings one after another in a file, of which one at a time is read, and what was done."""

    codec: MovementCodec
    folder: Path
    told: tuple[MovementFacts, ...]
    facts: dict[str, Any]
    notice: str | None = None

    def numbers(self, part: MovementPart) -> NDArray[np.int64]:
        """Return which recordings are of a part."""
        return np.array([n for n, one in enumerate(self.told) if one.part == part], np.int64)

    def _start(self, number: int) -> int:
        if "_starts" not in vars(self):
            vars(self)["_starts"] = np.cumsum([0, *(one.samples for one in self.told)])
        return int(vars(self)["_starts"][number])

    def samples(self, number: int, first: int = 0, count: int | None = None) -> Samples:
        """Return even samples of a recording: `[T, D]`, or frames `[T, H, W, C]`; some or all of them."""
        codec = self.codec
        count = self.told[number].samples - first if count is None else count
        if (known := self._in_memory) is not None:
            return known[0][self._start(number) + first :][:count]
        kind, width = _form_of(codec)
        place = (self._start(number) + first) * width * np.dtype(kind).itemsize
        found = np.fromfile(self.folder / SAMPLES, kind, count * width, offset=place)
        return found.reshape(-1, *(codec.shape if codec.is_film else (width,)))

    @property
    def _in_memory(self) -> tuple[Samples, NDArray[np.int16]] | None:
        """All samples and labels, where they are few; else they are read when they are wanted."""
        if "_held" not in vars(self):
            path, (kind, width) = self.folder / SAMPLES, _form_of(self.codec)
            held = None
            if path.stat().st_size <= MOST_IN_MEMORY:
                shape = self.codec.shape if self.codec.is_film else (width,)
                held = np.fromfile(path, kind).reshape(-1, *shape), np.fromfile(self.folder / LABELS, np.int16)
            vars(self)["_held"] = held
        found: tuple[Samples, NDArray[np.int16]] | None = vars(self)["_held"]
        return found

    def labels(self, number: int, first: int = 0, count: int | None = None) -> NDArray[np.int16]:
        """Return the number of the class of each even sample, -1 where it is not known."""
        count = self.told[number].samples - first if count is None else count
        if (known := self._in_memory) is not None:
            return known[1][self._start(number) + first :][:count]
        return np.fromfile(self.folder / LABELS, np.int16, count, offset=2 * (self._start(number) + first))

    def steps(self, number: int) -> int:
        """Return how many steps a recording has."""
        return -(-self.told[number].samples // self.codec.stride)


def _form_of(codec: MovementCodec) -> tuple[Any, int]:
    """Return the type of the numbers of a sample, and how many there are."""
    return (np.uint8, math.prod(codec.shape)) if codec.is_film else (np.float32, len(codec.columns))


def prepare_movement(sources: Sequence[str], preparing: MovementPreparing, cache: Path) -> PreparedMovement:
    """Return recordings as even samples in three parts; they are made once, and kept in `cache` by their contents.

    Raises `DataError` where nothing can be read, there is one class only, or a class has too few recordings.
    """
    contents = digest(movement_files(sources))
    asked = json.dumps([FORMAT, contents, [Path(s).name for s in sources], asdict(preparing)])
    key = hashlib.sha256(asked.encode()).hexdigest()[:16]
    found, notice = kept(cache, key, NAMES, lambda folder: _build(sources, contents, preparing, folder), _read)
    return replace(found, notice=notice)


def movement_with(
    codec: MovementCodec, sources: Sequence[str], reading: MovementReading, cache: Path
) -> PreparedMovement:
    """Return other recordings, all of them held out, by a codec that there is."""
    contents = digest(movement_files(sources))
    asked = json.dumps([FORMAT, contents, reading._asdict(), codec.as_json()])
    key = hashlib.sha256(asked.encode()).hexdigest()[:16]

    def make(folder: Path) -> None:
        written = _Written(codec, folder)
        written.take(read_recordings(sources, reading))
        told = [one._replace(part="held_out") for one in written.told]
        written.finish(codec, told, written.named, contents, is_new=False)

    found, notice = kept(cache, key, NAMES, make, _read)
    return replace(found, notice=notice)


def _build(sources: Sequence[str], contents: str, preparing: MovementPreparing, folder: Path) -> None:
    codec = codec_for(sources, preparing)
    written = _Written(codec, folder)
    written.take(read_recordings(sources, preparing.reading))
    whole = all(names is None for names in written.named)
    _check_people(written, preparing)
    to_split = [
        ToSplit(one.label, one.person, part, hashed)
        for one, part, hashed in zip(written.told, written.parts, written.digests, strict=True)
    ]
    how = (preparing.split, preparing.held_out, preparing.validation, preparing.held_out_people)
    parts = parts_of(to_split, *how)
    told = [one._replace(part=part or "") for one, part in zip(written.told, parts, strict=True)]
    codec = _with_classes(codec, told, written.named, preparing.background, whole=whole)
    written.finish(codec, told, written.named, contents, is_new=True)


def _check_people(written: "_Written", preparing: MovementPreparing) -> None:
    people = {one.person for one in written.told if one.person is not None}
    if preparing.reading.person is None:
        return
    if not people:
        raise UsageError(
            f"--person {preparing.reading.person} names no person in these recordings: name another column"
        )
    if len(people) == 1 and preparing.split == "person":
        written.left_out_notes.append(
            f"there is one person only ({in_line(next(iter(people)))}): recordings of the same person are held out, so "
            "nothing is known of other people"
        )


def codec_for(sources: Sequence[str], preparing: MovementPreparing) -> MovementCodec:
    """Return how samples are made, by what the first recordings are; it knows no classes yet."""
    first: list[Movement] = []
    for found in read_recordings(sources, preparing.reading):
        if isinstance(found, Movement):
            first.append(found)
        if len(first) == 20:
            break
    if not first:
        raise DataError(f"{', '.join(sources)} holds no recorded movement: {WANTED}")
    if first[0].is_film:
        return _film_codec(first, preparing)
    width = first[0].values.shape[1]  # type: ignore[union-attr]
    groups = groups_of(preparing.layout, width)
    rate = preparing.rate or min(MOST_RATE, _usual_rate(first, preparing.reading.rate))
    lengths = [_seconds(one, preparing.reading.rate) for one in first]
    stack = preparing.stack or _usual_stack(rate, float(np.median(lengths)))
    columns = first[0].columns or tuple(f"x{n}" for n in range(width))
    layout = preparing.layout
    if layout == "auto":
        layout = next((name for name in KNOWN_LAYOUTS if _fits(name, width)), "none")
    kind: Any = "landmarks" if groups else "sensors"
    stride = preparing.stride or stack
    gap, untimed = max(preparing.gap, 3 / rate), preparing.reading.rate
    return MovementCodec(kind, columns, (0, 0, 0), layout, rate, stack, stride, gap, untimed)


def _fits(layout: Layout, width: int) -> bool:
    try:
        return bool(groups_of(layout, width))
    except UsageError:
        return False


def _usual_stack(rate: float, seconds: float) -> int:
    """Return how many samples are one step: about a twelfth of a second, and no gesture shorter than ten steps."""
    return max(1, min(round(rate / USUAL_STEPS), int(seconds * rate / 10)))


def _usual_rate(first: Sequence[Movement], without_times: float) -> float:
    rates = [without_times if one.times is None else _rate(one.times) for one in first]
    known = [rate for rate in rates if rate]
    rate = float(np.median(known)) if known else without_times
    return float(round(rate)) if rate > 2 else rate


def _rate(times: Seconds) -> float:
    steps = np.diff(times[np.isfinite(times)])
    steps = steps[steps > 0]
    return 1 / float(np.median(steps)) if len(steps) else 0.0


def _seconds(one: Movement, without_times: float) -> float:
    if one.times is not None and np.isfinite(one.times).any():
        return float(np.nanmax(one.times) - np.nanmin(one.times))
    return len(one.values) / without_times


def _film_codec(first: Sequence[Movement], preparing: MovementPreparing) -> MovementCodec:
    film = first[0].values
    assert isinstance(film, FilmLike)
    picture, times = None, []
    for one in first[:3]:
        try:
            for number, frame in enumerate(one.values.frames(Look(grey=preparing.grey))):  # type: ignore[union-attr]
                picture = frame.picture if picture is None else picture
                times.append(frame.seconds)
                if number == 100:
                    break
        except DataError:
            continue
    if picture is None:
        raise DataError(f"{film.title} and the films after it cannot be read: give MP4, WebM, GIF or pictures")
    height, width, channels = picture.shape
    wide = min(MOST_PICTURE, max(8, round(preparing.size * width / height)))
    usual = _rate(np.array(times)) or preparing.reading.rate
    rate = preparing.rate or min(MOST_FILM_RATE, float(round(usual)) or usual)
    shape = (preparing.size, wide, channels)
    stack = preparing.stack or 2
    gap, untimed = max(preparing.gap, 3 / rate), preparing.reading.rate
    return MovementCodec("frames", (), shape, "none", rate, stack, preparing.stride or 1, gap, untimed)


def _with_classes(
    codec: MovementCodec,
    told: Sequence[MovementFacts],
    named: Sequence[Sequence[str] | None],
    background: str | None,
    *,
    whole: bool,
) -> MovementCodec:
    """Return a codec that knows the classes and the background. Raises `DataError` for one class, or too few of one."""
    counts = Counter[str]()
    for one, names in zip(told, named, strict=True):
        if names is None:
            counts[one.label] += 1
        else:
            counts.update(name for n, name in enumerate(names) if n == 0 or names[n - 1] != name)
    known = background if background is not None else next((n for n in counts if n.lower() in BACKGROUNDS), None)
    if "" in counts:
        known = known or "background"
        counts[known] += counts.pop("")
    if background is not None and background not in counts:
        raise UsageError(f"--background {background} is not a class: there are {', '.join(sorted(counts))[:200]}")
    if len(counts) < 2:
        raise DataError(f"there is one class only, {in_line(next(iter(counts)))}: give recordings of two or more")
    few = sorted(name for name, count in counts.items() if count < FEWEST)
    if few:
        told_few = ", ".join(f"{in_line(name)} ({counts[name]})" for name in few[:10])
        raise DataError(
            f"too few recordings of {told_few}: {FEWEST} of each class are needed, to learn from and to score; record "
            "more, or take the class out"
        )
    classes = tuple(sorted(counts))
    number = classes.index(known) if known is not None else None
    lengths = [one.samples for one in told if one.part == "training"] or [1]
    typical = max(1, round(float(np.median(lengths)) / codec.stride)) if whole else _typical(told, named, known, codec)
    return replace(codec, classes=classes, background=number, whole=whole, typical=typical)


def _typical(
    told: Sequence[MovementFacts], named: Sequence[Sequence[str] | None], background: str | None, codec: MovementCodec
) -> int:
    """Return how many steps a stretch of a gesture usually has."""
    lengths = []
    for names in named:
        if names is None:
            continue
        edges = [0, *(n for n in range(1, len(names)) if names[n] != names[n - 1]), len(names)]
        lengths += [stop - start for start, stop in pairwise(edges) if names[start] not in ("", background)]
    return max(1, round(float(np.median(lengths or [1])) / codec.stride))


class _Written:
    """Recordings on their way into a folder: samples as they come, and all that is known besides."""

    def __init__(self, codec: MovementCodec, folder: Path) -> None:
        self.codec, self.folder = codec, folder
        self.told: list[MovementFacts] = []
        self.named: list[list[str] | None] = []
        self.parts: list[MovementPart | None] = []
        self.digests: list[bytes] = []
        self.left_out = LeftOutCount("recording")
        self.left_out_notes: list[str] = []
        self.late = 0

    def take(self, recordings: Iterator[Movement | NotRead]) -> None:
        """Write the samples of recordings; what cannot be used is counted."""
        with (self.folder / SAMPLES).open("wb") as file:
            for one in recordings:
                if isinstance(one, NotRead):
                    self.left_out.add(one.why, one.where)
                    continue
                try:
                    even, names, seconds = self._even(one)
                except DataError as error:
                    self.left_out.add("that cannot be read", f"{one.name}: {error}"[:300])
                    continue
                even.tofile(file)
                self.told.append(MovementFacts(one.name, one.label, one.person, "", len(even), seconds))
                self.named.append(names)
                self.parts.append(one.part)
                self.digests.append(hashlib.sha256(even.tobytes()).digest())
        if not self.told:
            raise DataError(f"no recording can be used: {'; '.join(self.left_out.told())[:300] or WANTED}")

    def _even(self, one: Movement) -> tuple[Samples, list[str] | None, float]:
        codec = self.codec
        if one.is_film != codec.is_film:
            raise DataError("some recordings are films and some are numbers: give sources of one kind")
        if codec.is_film:
            return self._even_film(one)
        values: Any = one.values
        if values.shape[1] != len(codec.columns):
            raise DataError(f"it has {values.shape[1]} numbers in a sample, where others have {len(codec.columns)}")
        times = np.arange(len(values)) / codec.untimed if one.times is None else one.times
        is_timed = np.isfinite(times)
        if not is_timed.any():
            raise DataError("it has no time at any sample")
        if not np.isfinite(values).any():
            raise DataError("all its numbers are missing")
        self.late += int((~is_timed).sum())
        times, values = times[is_timed], values[is_timed]
        even = codec.even_steps()
        found = even.push(times, codec.cleaned(values))
        self.late += even.left_out
        names = None
        if one.labels is not None:
            own = [name for name, is_there in zip(one.labels, is_timed, strict=True) if is_there]
            places = np.searchsorted(np.maximum.accumulate(times), times[0] + np.arange(len(found)) / codec.rate + 1e-6)
            names = [own[max(0, place - 1)] for place in places]
        return found, names, float(np.nanmax(times) - times[0])

    def _even_film(self, one: Movement) -> tuple[Samples, None, float]:
        even, parts, began, last = self.codec.even_steps(), [], None, 0.0
        for frame in one.values.frames(self.codec.look):  # type: ignore[union-attr]
            began = frame.seconds if began is None else began
            last = frame.seconds
            parts.append(even.push(np.array([frame.seconds]), frame.picture[None]))
        if began is None:
            raise DataError("it has no frame")
        self.late += even.left_out
        return np.concatenate(parts), None, last - began

    def finish(
        self,
        codec: MovementCodec,
        told: Sequence[MovementFacts],
        named: Sequence[Sequence[str] | None],
        contents: str,
        *,
        is_new: bool,
    ) -> None:
        """Write labels, and what is known; a codec that is new learns what is usual."""
        told = self._labelled(codec, told, named)
        prepared = PreparedMovement(codec, self.folder, tuple(told), {})
        if is_new:
            codec = _usual(prepared)
            prepared = replace(prepared, codec=codec)
            codec = replace(codec, examples=_examples(prepared))
        facts = _facts(codec, told, self.left_out, contents, is_new=is_new)
        facts |= {"samples_left_out": self.late, "remarks": self.left_out_notes}
        written = {"facts": facts, "codec": codec.as_json(), "told": [list(one) for one in told]}
        (self.folder / TOLD).write_text(json.dumps(written))

    def _labelled(
        self, codec: MovementCodec, told: Sequence[MovementFacts], named: Sequence[Sequence[str] | None]
    ) -> list[MovementFacts]:
        """Write the label of every sample; a recording of a class that was never trained is of no part."""
        found = []
        usual = codec.classes[codec.background] if codec.background is not None else ""
        with (self.folder / LABELS).open("wb") as file:
            for one, names in zip(told, named, strict=True):
                each = [one.label or usual] * one.samples if names is None else [name or usual for name in names]
                numbers = np.array([codec.number_of(name) for name in each], np.int16)
                numbers.tofile(file)
                if not (numbers >= 0).any():
                    self.left_out.add("of a class that was never trained", f"{one.name}: {one.label}")
                    one = one._replace(part="")  # noqa: PLW2901
                found.append(one)
        return found


def _usual(prepared: PreparedMovement) -> MovementCodec:
    """Return the codec with means and deviations of the training part, and the middle of its mirror."""
    codec, count = prepared.codec, None
    inside = seen = 0
    for number in prepared.numbers("training"):
        samples = prepared.samples(int(number))
        found = codec.compared_numbers(samples).astype(np.float64)
        if count is None:
            count, sums, squares = (np.zeros(found.shape[1]) for _ in range(3))
        is_there = np.isfinite(found)
        known = np.where(is_there, found, 0.0)
        count += is_there.sum(axis=0)
        sums += known.sum(axis=0)
        squares += (known**2).sum(axis=0)
        for group in codec.groups:
            own = samples[:, group.start : group.stop : group.channels]
            own = own[np.isfinite(own)]
            inside, seen = inside + int(((own >= 0) & (own <= 1)).sum()), seen + len(own)
    if count is None:
        raise DataError("no recording is left to learn from: give more, or other shares")
    if (
        codec.is_film
    ):  # one mean and one deviation for all pixels: a corner that is always dark is no news when it is not
        count, sums, squares = (np.full(len(part), part.sum()) for part in (count, sums, squares))
    means = sums / np.maximum(1, count)
    deviations = np.sqrt((squares / np.maximum(1, count) - means**2).clip(0))
    about = 0.5 if seen and inside > 0.8 * seen else 0.0
    steady = np.where(deviations < SMALLEST_DEVIATION * np.maximum(1.0, np.abs(means)), 1.0, deviations)
    return replace(codec.with_usual(means, steady), mirror_about=about)


def _examples(prepared: PreparedMovement) -> tuple[MovementExample, ...]:
    """Return a few recordings of different classes that are not learned, their beginnings where they are long."""
    part: MovementPart = "validation" if len(prepared.numbers("validation")) else "held_out"
    codec, chosen = prepared.codec, dict[str, MovementExample]()
    most = max(1, EXAMPLE_NUMBERS // codec.numbers)
    for number in prepared.numbers(part):
        one = prepared.told[int(number)]
        labels = prepared.labels(int(number))
        name = one.label or codec.classes[int(labels[(labels >= 0).argmax()])]
        if name not in chosen:
            chosen[name] = MovementExample.of(name, codec.steps(prepared.samples(int(number)))[:most])
        if len(chosen) == EXAMPLES:
            break
    return tuple(chosen.values())


def _facts(
    codec: MovementCodec, told: Sequence[MovementFacts], left_out: LeftOutCount, contents: str, *, is_new: bool
) -> dict[str, Any]:
    facts: dict[str, Any] = {"unit": "recording", "classes": list(codec.classes), "kind": codec.kind}
    for part in PARTS:
        own = [one for one in told if one.part == part]
        if own:
            facts[part], facts[f"{part}_seconds"] = len(own), round(sum(one.seconds for one in own), 2)
            facts[f"{part}_people"] = sorted({one.person for one in own if one.person is not None})
    for part in ("training", "held_out") if is_new else ("held_out",):
        if part not in facts:
            raise DataError(
                f"of {len(told):,} recordings none is left for the {part.replace('_', '-')} part: give more, or other "
                f"shares ({'; '.join(left_out.told())[:200] or 'none was left out'})"
            )
    return {**facts, **left_out.facts(), "sha256": contents}


def _read(folder: Path) -> PreparedMovement:
    """Return the recordings that a folder holds. Raises `DataError` where its files do not fit each other."""
    told = read_json(read_file(folder / TOLD, LARGEST_TOLD, DataError), most_values=1 << 26)
    codec = MovementCodec.read(told["codec"])
    known = tuple(MovementFacts(*one) for one in told["told"])
    samples = sum(one.samples for one in known)
    width = math.prod(codec.shape) if codec.is_film else 4 * len(codec.columns)
    fits = (folder / SAMPLES).stat().st_size == width * samples and (folder / LABELS).stat().st_size == 2 * samples
    if not fits:
        raise DataError(f"{folder} holds files that do not fit each other")
    return PreparedMovement(codec, folder, known, told["facts"])
