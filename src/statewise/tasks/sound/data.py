"""Clips as windows, one a row, each a little different in every epoch of training."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.batches import Batches, Example, collated
from statewise.data.left_out import LeftOutCount
from statewise.data.sounding.prepared_sounding import PreparedSounding, sounding_with
from statewise.data.sounding.sounding_codec import SoundingCodec
from statewise.data.sounding.sounding_steps import StepPlan, edges_of, targets_of
from statewise.data.video.film import Picture
from statewise.data.video.part_folders import ClipPart
from statewise.data.window import Epochs, Window
from statewise.kernels.native_tensors import room
from statewise.task import Data, Part
from statewise.tasks.sound.baselines import simple_sounds
from statewise.tasks.sound.metrics import JudgedSound

SCORED_ROWS, SCORED_NUMBERS = 16, 1 << 24


@final
@dataclass(frozen=True)
class FilmVarying:
    """How clips vary in training: see the settings of the same names."""

    mirror: bool = False
    shift: int = 0
    light: float = 0.0


def varied_frames(frames: Picture, how: FilmVarying, draw: np.random.Generator) -> tuple[Picture, float]:
    """Return frames `[T, H, W, C]` as an epoch has them, mirrored and moved, and how much brighter they are."""
    if how.mirror and draw.random() < 0.5:
        frames = frames[:, :, ::-1]
    if how.shift:
        for axis, by in enumerate(draw.integers(-how.shift, how.shift + 1, 2), start=1):
            frames = _moved(frames, int(by), axis)
    return frames, 1 + draw.uniform(-how.light, how.light) if how.light else 1.0


def _moved(frames: Picture, by: int, axis: int) -> Picture:
    """Return frames that are moved along an axis; what is at the edge is repeated."""
    if not by:
        return frames
    size = frames.shape[axis]
    return frames.take((np.arange(size) - by).clip(0, size - 1), axis=axis)


@final
class SoundingBatches(Epochs):
    """Batches of clips of about equal length, each of which is otherwise in every epoch of training.

    What is read at a place follows from the seed, the epoch and the clip alone, so that training resumes exactly. A
    longer clip than `longest` steps is several stretches, that begin elsewhere in every epoch.
    """

    def __init__(
        self,
        clips: PreparedSounding,
        numbers: NDArray[np.int64],
        rows: int,
        *,
        seed: int | None = None,
        varying: FilmVarying | None = None,
        longest: int = 0,
    ) -> None:
        self.clips, self.rows, self.seed, self.longest = clips, rows, seed, longest
        self.varying = varying or FilmVarying()
        self.plans = {int(n): clips.codec.plan(clips.told[n].times, clips.told[n].seconds) for n in numbers}
        self.places = [
            (n, piece)
            for n, plan in self.plans.items()
            for piece in range(max(1, round(len(plan.times) / longest)) if longest else 1)
        ]
        own = [min(len(self.plans[n].times), longest or len(self.plans[n].times)) for n, _ in self.places]
        self.batches = Batches(range(len(self.places)), own, rows, seed=seed)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.batches)

    def in_epoch(self, epoch: int, index: int) -> Window:
        """Return a batch of an epoch."""
        own = [self._stretch(*self.places[n], epoch) for n in self.batches.order(epoch)[index]]
        # collated as numbers of steps; the steps themselves are written where they will lie
        window = collated([stretch.example for stretch in own], self.rows)
        steps = room(*window.inputs.shape[:2], self.clips.codec.numbers)
        for row, stretch in enumerate(own):
            length, into = len(stretch.plan.times), steps[:, row].numpy()
            self.clips.codec.steps(stretch.frames, stretch.plan, stretch.bright, into[:length])
            into[length:] = 0
        steps[:, len(own) :] = 0
        return window._replace(inputs=steps)

    def _stretch(self, number: int, piece: int, epoch: int) -> "_Stretch":
        clips, codec = self.clips, self.clips.codec
        plan, frames, bright = self.plans[number], clips.frames(number), 1.0
        edges = edges_of(plan.times, codec.picture_rate, codec.look_ahead)
        if self.seed is not None:
            draw = np.random.default_rng([self.seed, epoch, number, piece])
            if 0 < self.longest < len(plan.times):
                first = int(draw.integers(0, len(plan.times) - self.longest + 1))
                own = slice(first, first + self.longest)
                plan, edges = StepPlan(plan.frames[own], plan.times[own]), edges[own]
                begins = int(plan.frames[0])
                frames = frames[begins : int(plan.frames[-1]) + 1]
                plan = plan._replace(frames=plan.frames - begins)
            frames, bright = varied_frames(frames, self.varying, draw)
        targets = targets_of(clips.envelopes(number), clips.told[number].hits, edges, codec.cells)
        scored = edges[:, 0] >= -1e-6
        if not scored.any():
            scored[-1] = True
        example = Example(torch.arange(len(edges)), torch.from_numpy(targets), scored=torch.from_numpy(scored))
        return _Stretch(plan, frames, bright, example)


class _Stretch(NamedTuple):
    """What is read of a clip: frames at their times, so much brighter, with what is to be said of them."""

    plan: StepPlan
    frames: Picture
    bright: float
    example: Example


@dataclass(frozen=True)
class SoundingData(Data):
    """Clips in three parts, with what is known of them without learning."""

    task: Any  # a Sound, whose module imports this one
    clips: PreparedSounding
    cache: Path
    scored: ClipPart = "held_out"

    @property
    def codec(self) -> SoundingCodec:
        """What turns clips into steps, and what is said into sound."""
        return self.clips.codec

    @property
    def facts(self) -> dict[str, Any]:
        """How many clips there are, of how many seconds and strokes, the materials, what was left out, the digest."""
        return self.clips.facts

    @property
    def notices(self) -> Sequence[str]:
        """What was left out, and where what was kept had to be made again: that it had."""
        facts, told = self.facts, LeftOutCount.of("clip", self.facts).told()
        if facts["frames_left_out"]:
            told.append(f"{facts['frames_left_out']:,} frames left out: damaged, or no later than the one before")
        if facts["hits_outside"]:
            told.append(f"{facts['hits_outside']:,} strokes left out: before or after the pictures of their clip")
        if facts["materials_unknown"]:
            told.append(f"{facts['materials_unknown']:,} strokes of materials that the training part does not have")
        return [*told, *([self.clips.notice] if self.clips.notice else [])]

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        """Return batches of clips: stretches of them to learn from, and whole ones to be scored."""
        numbers = self.numbers(part)
        if part == "training":
            how = {"seed": self.task.seed, "varying": self.task.varying, "longest": self.task.sequence_length}
            return SoundingBatches(self.clips, numbers, rows or self.task.batch_size, **how)
        longest = max(len(self.clips.told[n].times) for n in numbers)
        fitting = max(1, SCORED_NUMBERS // (longest * self.codec.numbers))
        return SoundingBatches(self.clips, numbers, min(rows or SCORED_ROWS, len(numbers), fitting))

    def numbers(self, part: Part) -> NDArray[np.int64]:
        """Return which clips are learned from, or scored."""
        return self.clips.numbers("training" if part == "training" else self.scored)

    def baselines(self) -> Mapping[str, dict[str, float]]:
        """Return what simple methods score."""
        for _ in self.prepare_baselines():
            pass
        return {name: judged.metrics() for name, judged in self.by_method.items()}

    @property
    def by_method(self) -> dict[str, JudgedSound]:
        """What each simple method says of each clip of the scored part."""
        found: dict[str, JudgedSound] = vars(self)["_by_method"]
        return found

    def prepare_baselines(self) -> Iterator[float]:
        """Find what simple methods say, unless that was done before, yielding how much is done."""
        if "_by_method" not in vars(self):
            found: dict[str, JudgedSound] = {}
            yield from simple_sounds(self.training_clips, self.clips, self.numbers("held_out"), found)
            vars(self)["_by_method"] = found

    @property
    def training_clips(self) -> PreparedSounding:
        """The clips that are learned from."""
        return self.clips

    def validating(self) -> "SoundingData":
        """Return the part that was kept for checks, where there is one."""
        has_one = self.scored == "held_out" and len(self.clips.numbers("validation"))
        return replace(self, scored="validation") if has_one else self

    def on(self, source: Sequence[str], cache: Path) -> "SoundingData":
        """Return this training part with other clips to be scored, all of them."""
        return OtherClips(self.task, sounding_with(self.codec, source, cache), cache, trained=self)


@dataclass(frozen=True)
class OtherClips(SoundingData):
    """Clips of another source to be scored, with the training part of `trained`."""

    trained: Any = None

    @property
    def facts(self) -> dict[str, Any]:
        """The facts of the training part, and those of what is scored."""
        return {**self.trained.facts, **self.clips.facts}

    @property
    def training_clips(self) -> PreparedSounding:
        """The clips that are learned from."""
        found: PreparedSounding = self.trained.training_clips
        return found

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        """Return the training part of the one, or all of the other."""
        if part == "training":
            found: Sequence[Window] = self.trained.windows(part, rows=rows, steps=steps)
            return found
        return super().windows(part, rows=rows, steps=steps)
