"""Recordings as windows, one a row, each a little different in every epoch of training."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.batches import Batches, Example, collated
from statewise.data.movement.movement_cache import movement_with
from statewise.data.movement.movement_codec import MovementCodec, Samples
from statewise.data.movement.prepared_movement import PreparedMovement
from statewise.data.movement.recording import MovementPart, Values
from statewise.data.window import Epochs, Window
from statewise.shown import in_line
from statewise.task import Data, Part
from statewise.tasks.gesture.baselines import simple_methods
from statewise.tasks.gesture.deciding import step_weights
from statewise.tasks.gesture.metrics import GesturesJudged

SCORED_ROWS, SCORED_NUMBERS = 64, 1 << 24


@final
@dataclass(frozen=True)
class MovementVarying:
    """How recordings vary in training: see the settings of the same names."""

    mirror: bool = False
    speed: float = 0.0
    noise: float = 0.0
    shift: int = 0
    early: float = 0.0


def varied_samples(
    codec: MovementCodec, samples: Samples, labels: NDArray[np.int16], how: MovementVarying, draw: np.random.Generator
) -> tuple[Samples, NDArray[np.int16]]:
    """Return even samples and their labels as an epoch has them: slower or faster, mirrored, moved."""
    if how.speed:
        factor = float(np.exp(draw.uniform(-how.speed, how.speed)))
        count = max(1, round(len(samples) / factor))
        places = np.minimum(np.arange(count) * factor, len(samples) - 1)
        low, share = places.astype(np.int64), (places % 1)[:, None]
        nearest = np.minimum(np.round(places).astype(np.int64), len(samples) - 1)
        if codec.is_film:
            samples = samples[nearest]
        else:
            before = samples[low]
            samples = before + (samples[np.minimum(low + 1, len(samples) - 1)] - before) * share.astype(np.float32)
        labels = labels[nearest]
    if how.mirror and draw.random() < 0.5:
        samples = codec.mirrored(samples)
    if codec.is_film and how.shift:
        down, right = draw.integers(-how.shift, how.shift + 1, 2)
        samples = _shifted(samples, int(down), int(right))
    return samples, labels


def _shifted(frames: Samples, down: int, right: int) -> Samples:
    """Return frames moved by so many pixels, their edges repeated."""
    rows = (np.arange(frames.shape[1]) - down).clip(0, frames.shape[1] - 1)
    columns = (np.arange(frames.shape[2]) - right).clip(0, frames.shape[2] - 1)
    return np.asarray(frames[:, rows][:, :, columns])


@final
class MovementBatches(Epochs):
    """Batches of recordings of about equal length, each of which is otherwise in every epoch of training.

    What is read at a place follows from the seed, the epoch and the recording alone, so that training resumes exactly.
    A longer recording than `longest` steps is several stretches, that begin elsewhere in every epoch. A step is scored
    by chance, as likely as it counts: the mean of such losses is the loss in which steps count so much.
    """

    def __init__(
        self,
        movement: PreparedMovement,
        numbers: NDArray[np.int64],
        rows: int,
        *,
        seed: int | None = None,
        varying: MovementVarying | None = None,
        longest: int = 0,
    ) -> None:
        self.movement, self.rows, self.seed, self.longest = movement, rows, seed, longest
        self.varying = varying or MovementVarying()
        lengths = [movement.steps(int(n)) for n in numbers]
        pieces = [max(1, round(length / longest)) if longest else 1 for length in lengths]
        self.places = [(int(n), piece) for n, count in zip(numbers, pieces, strict=True) for piece in range(count)]
        own = [
            min(length, longest) if longest else length
            for length, count in zip(lengths, pieces, strict=True)
            for _ in range(count)
        ]
        self.batches = Batches(range(len(self.places)), own, rows, seed=seed)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.batches)

    def in_epoch(self, epoch: int, index: int) -> Window:
        """Return a batch of an epoch."""
        return collated([self._example(*self.places[n], epoch) for n in self.batches.order(epoch)[index]], self.rows)

    def _example(self, number: int, piece: int, epoch: int) -> Example:
        movement, codec = self.movement, self.movement.codec
        if self.seed is None:
            steps, labels = codec.steps(movement.samples(number)), codec.step_labels(movement.labels(number))
            return _example(steps, labels, None)
        draw = np.random.default_rng([self.seed, epoch, number, piece])
        count = movement.told[number].samples
        wanted = min(count, round(self.longest * codec.stride * (1 + self.varying.speed)))
        first = int(draw.integers(0, count - wanted + 1))
        samples, labels16 = movement.samples(number, first, wanted), movement.labels(number, first, wanted)
        samples, labels16 = varied_samples(codec, samples, labels16, self.varying, draw)
        steps, labels = codec.steps(samples)[: self.longest], codec.step_labels(labels16)[: self.longest]
        if self.varying.noise:
            steps += np.float32(self.varying.noise) * draw.standard_normal(steps.shape, np.float32)
        scored = None
        if codec.whole and self.varying.early:
            scored = draw.random(len(steps)) < step_weights(len(steps), codec.typical, self.varying.early)
            scored[-1] = True
        return _example(steps, labels, scored)


def _example(steps: Values, labels: NDArray[np.int64], scored: Any) -> Example:
    is_known = labels >= 0
    scored = is_known if scored is None else scored & is_known
    return Example(torch.from_numpy(steps), torch.from_numpy(labels.clip(0)), scored=torch.from_numpy(scored))


@dataclass(frozen=True)
class GestureData(Data):
    """Recordings in three parts, with what is known of them without learning."""

    task: Any  # a Gesture, whose module imports this one
    movement: PreparedMovement
    cache: Path
    scored: MovementPart = "held_out"

    @property
    def codec(self) -> MovementCodec:
        """What turns recordings into steps."""
        return self.movement.codec

    @property
    def facts(self) -> dict[str, Any]:
        """How many recordings there are, of how many people and seconds, the classes, what was left out, the digest."""
        return self.movement.facts

    @property
    def notices(self) -> Sequence[str]:
        """What was left out, and where what was kept had to be made again: that it had."""
        from statewise.data.left_out import LeftOutCount

        told = LeftOutCount.of("recording", self.facts).told()
        if self.facts["samples_left_out"]:
            told.append(
                f"{self.facts['samples_left_out']:,} samples left out: without a time, or no later than the one before"
            )
        told += map(in_line, self.facts["remarks"])
        return [*told, *([self.movement.notice] if self.movement.notice else [])]

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        """Return batches of recordings: stretches of them to learn from, and whole ones to be scored."""
        numbers = self.numbers(part)
        if part == "training":
            how = {"seed": self.task.seed, "varying": self.task.varying, "longest": self.task.sequence_length}
            return MovementBatches(self.movement, numbers, rows or self.task.batch_size, **how)
        longest = max(self.movement.steps(int(n)) for n in numbers)
        fitting = max(1, SCORED_NUMBERS // (longest * self.codec.numbers))
        return MovementBatches(self.movement, numbers, min(rows or SCORED_ROWS, len(numbers), fitting))

    def numbers(self, part: Part) -> NDArray[np.int64]:
        """Return which recordings are learned from, or scored."""
        return self.movement.numbers("training" if part == "training" else self.scored)

    def baselines(self) -> Mapping[str, dict[str, float]]:
        """Return what simple methods score."""
        for _ in self.prepare_baselines():
            pass
        return {name: judged.metrics() for name, judged in self.by_method.items()}

    @property
    def by_method(self) -> dict[str, GesturesJudged]:
        """What each simple method says of each recording of the scored part."""
        found: dict[str, GesturesJudged] = vars(self)["_by_method"]
        return found

    def prepare_baselines(self) -> Iterator[float]:
        """Find what simple methods say, unless that was done before, yielding how much is done."""
        if "_by_method" not in vars(self):
            found: dict[str, GesturesJudged] = {}
            yield from simple_methods(self.training_movement, self.movement, self.numbers("held_out"), found)
            vars(self)["_by_method"] = found

    @property
    def training_movement(self) -> PreparedMovement:
        """The recordings that are learned from."""
        return self.movement

    def validating(self) -> "GestureData":
        """Return the part that was kept for checks, where there is one."""
        has_one = self.scored == "held_out" and len(self.movement.numbers("validation"))
        return replace(self, scored="validation") if has_one else self

    def on(self, source: Sequence[str], cache: Path) -> "GestureData":
        """Return this training part with other recordings to be scored, all of them."""
        other = movement_with(self.codec, source, self.task.reading, cache)
        return OtherGestures(self.task, other, cache, trained=self)


@dataclass(frozen=True)
class OtherGestures(GestureData):
    """Recordings of another source to be scored, with the training part of `trained`."""

    trained: Any = None

    @property
    def facts(self) -> dict[str, Any]:
        """The facts of the training part, and those of what is scored."""
        return {**self.trained.facts, **self.movement.facts}

    @property
    def training_movement(self) -> PreparedMovement:
        """The recordings that are learned from."""
        found: PreparedMovement = self.trained.training_movement
        return found

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        """Return the training part of the one, or all of the other."""
        if part == "training":
            found: Sequence[Window] = self.trained.windows(part, rows=rows, steps=steps)
            return found
        return super().windows(part, rows=rows, steps=steps)
