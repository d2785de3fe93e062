"""Drawings as windows, one drawing a row, stretched and thinned at random in each epoch of training."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise.data.batches import Batches, Example, Varying, collated
from statewise.data.strokes.drawing import Part as Third
from statewise.data.strokes.prepared import PreparedDrawings, Rows, StrokeCodec, drawings_with
from statewise.data.window import Epochs, Window
from statewise.task import Data, Part
from statewise.tasks.sketch.baselines import Movements, parts_of
from statewise.tasks.sketch.metrics import measured
from statewise.tasks.sketch.opener import Given

SCORED_ROWS = 128


def as_steps(rows: Rows) -> Tensor:
    """Return rows of `dx, dy, lift` as steps of `dx, dy` and a one-hot pen that draws on or is lifted, `[n, 5]`.

    >>> as_steps(np.array([[3, 4, 1]], dtype=np.float32)).tolist()
    [[3.0, 4.0, 0.0, 1.0, 0.0]]
    """
    lifts = rows[:, 2:] > 0
    return torch.from_numpy(
        np.concatenate([rows[:, :2], ~lifts, lifts, np.zeros_like(lifts)], axis=1, dtype=np.float32)
    )


def example_of(rows: Rows, label: int, *, opens: bool) -> Example:
    """Return a drawing of n rows as n + 1 steps: from the pen on the paper to the last row, then to the end."""
    steps = as_steps(np.concatenate([np.zeros((1, 3), np.float32), rows]))
    end = torch.tensor([[0.0, 0.0, 0.0, 0.0, 1.0]])
    targets = torch.cat([steps[1:], end])
    return Example(steps, targets, context=Given(Varying(targets), torch.tensor(label)) if opens else None)


def thinned(rows: Rows, stretch: float, dropped: float, draw: np.random.Generator, lean: float = 0.0) -> Rows:
    """Return a drawing made wider or narrower, higher or lower, without some points in the middle of its strokes.

    With `lean` its upright lines lean to a side, and its level ones rise or fall, by up to that share of their length.
    """
    found = rows.copy()
    found[:, :2] *= draw.uniform(1 - stretch, 1 + stretch, 2)
    if lean:
        down, across = draw.uniform(-lean, lean, 2)
        found[:, :2] = found[:, :2] @ np.array([[1.0, down], [across, 1.0]])
    after_lift = np.concatenate([[False], rows[:-1, 2] > 0])
    keep = (draw.random(len(rows)) >= dropped) | (rows[:, 2] > 0) | after_lift
    points = found[:, :2].cumsum(axis=0)[keep]
    return np.column_stack([np.diff(points, axis=0, prepend=0), rows[keep, 2]]).astype(np.float32)


@final
class DrawingBatches(Epochs):
    """Batches of drawings of about equal length, of each of which every epoch has another form.

    What is read at a place follows from the seed, the epoch and the drawing alone, so that training resumes exactly.
    """

    def __init__(
        self,
        drawings: PreparedDrawings,
        numbers: NDArray[np.int64],
        rows: int,
        *,
        opens: bool,
        seed: int | None = None,
        stretch: float = 0.0,
        dropped: float = 0.0,
        lean: float = 0.0,
        untold: float = 0.0,
    ) -> None:
        starts = np.concatenate([[0], drawings.ends[:-1]])
        lengths = (drawings.ends - starts)[numbers] + 1
        self.drawings, self.numbers, self.rows, self.opens = drawings, numbers, rows, opens
        self.seed, self.stretch, self.dropped, self.lean, self.untold = seed, stretch, dropped, lean, untold
        self.batches = Batches(range(len(numbers)), lengths.tolist(), rows, seed=seed)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.batches)

    @property
    def padding(self) -> float:
        """The share of all places of an epoch at which no drawing is."""
        return self.batches.padding

    def in_epoch(self, epoch: int, index: int) -> Window:
        """Return a batch of an epoch."""
        return collated([self._example(place, epoch) for place in self.batches.order(epoch)[index]], self.rows)

    def _example(self, place: int, epoch: int) -> Example:
        number = int(self.numbers[place])
        rows, label = self.drawings.offsets(number), int(self.drawings.labels[number])
        if self.seed is not None and (self.stretch or self.dropped or self.lean or self.untold):
            draw = np.random.default_rng([self.seed, epoch, number])
            rows = thinned(rows, self.stretch, self.dropped, draw, self.lean)
            label = len(self.drawings.codec.classes) if self.untold and draw.random() < self.untold else label
        return example_of(rows, label, opens=self.opens)


@dataclass(frozen=True)
class SketchData(Data):
    """Drawings in three parts, with movements as a simple method sees them."""

    task: Any  # a Sketch, whose module imports this one
    drawings: PreparedDrawings
    cache: Path
    scored: Third = "held_out"

    @property
    def codec(self) -> StrokeCodec:
        """What turns strokes into steps."""
        return self.drawings.codec

    @property
    def facts(self) -> dict[str, Any]:
        """How many drawings there are, what was left out and why, how long they are, and the digest."""
        return self.drawings.facts

    @property
    def notices(self) -> Sequence[str]:
        """What was left out, and where what was kept had to be made again: that it had."""
        left_out = [f"{count:,} drawings were left out: {why}" for why, count in self.facts["left_out"].items()]
        return [*left_out, *([self.drawings.notice] if self.drawings.notice else [])]

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        """Return batches of whole drawings, however many `steps` are asked for."""
        numbers = self.drawings.numbers("training" if part == "training" else self.scored)
        opens = self.task.opens
        if part == "training":
            task = self.task
            return DrawingBatches(
                self.drawings,
                numbers,
                rows or task.batch_size,
                opens=opens,
                seed=task.seed,
                stretch=task.stretch,
                dropped=task.dropped_points,
                lean=task.lean,
                untold=task.class_dropout,
            )
        return DrawingBatches(self.drawings, numbers, min(rows or SCORED_ROWS, len(numbers)), opens=opens)

    def baselines(self) -> Mapping[str, dict[str, float]]:
        """Return what movements score that know only the pen, or also the movement before."""
        for _ in self.prepare_baselines():
            pass
        return {name: measured(nats, places, self.codec.longest) for name, (nats, places) in self.by_drawing.items()}

    @property
    def by_drawing(self) -> "dict[str, tuple[Any, Any]]":
        """What each simple method needs for each drawing of the held-out part, in nats, and their places."""
        found: dict[str, tuple[Any, Any]] = vars(self)["_by_drawing"]
        return found

    def prepare_baselines(self) -> Iterator[float]:
        """Fit and score the simple methods, unless that was done before, yielding how much is done."""
        if "_by_drawing" in vars(self):
            return
        training = [self.drawings.offsets(int(number)) for number in self.drawings.numbers("training")]
        held_out = [self.drawings.offsets(int(number)) for number in self.drawings.numbers(self.scored)]
        found = {}
        for number, (name, sees_last) in enumerate(METHODS.items(), start=1):
            method = Movements.fit(training, sees_last=sees_last)
            scores = [method.nats(*parts_of(rows)) for rows in held_out]
            found[name] = np.array(scores), np.array([len(rows) + 1 for rows in held_out])
            yield number / len(METHODS)
        vars(self)["_by_drawing"] = found

    def validating(self) -> "SketchData":
        """Return the part that was kept for checks, where there is one."""
        has_one = self.scored == "held_out" and len(self.drawings.numbers("validation"))
        return replace(self, scored="validation") if has_one else self

    def on(self, source: Sequence[str], cache: Path) -> "SketchData":
        """Return this training part with other drawings to be scored, all of them."""
        other = drawings_with(self.codec, source, cache, by_class=self.task.by_class)
        return replace(self, drawings=joined(self.drawings, other), cache=cache, scored="held_out")


METHODS = {"one Gaussian a pen state": False, "bigram of movements": True}


def joined(one: PreparedDrawings, other: PreparedDrawings) -> PreparedDrawings:
    """Return the training part of some drawings with the held-out part of others."""
    kept = one.numbers("training")
    starts = np.concatenate([[0], one.ends[:-1]])
    rows = np.concatenate([*(one.rows[starts[n] : one.ends[n]] for n in kept), other.rows])
    lengths = np.concatenate([(one.ends - starts)[kept], np.diff(other.ends, prepend=0)])
    parts = np.concatenate([one.parts[kept], other.parts])
    facts = {**one.facts, **other.facts}
    return PreparedDrawings(
        one.codec, rows, lengths.cumsum(), np.concatenate([one.labels[kept], other.labels]), parts, facts
    )
