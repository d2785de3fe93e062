"""Lines of handwriting as windows, one line a row, leaning and stretched at random in each epoch of training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.batches import Batches, Example, Varying, collated
from statewise.data.strokes.lines_codec import LinesCodec
from statewise.data.strokes.prepared import PARTS, Rows
from statewise.data.strokes.prepared_lines import PreparedLines, lines_with
from statewise.data.window import Epochs, Window
from statewise.task import Part
from statewise.tasks.sketch.data import SCORED_ROWS, SketchData, example_of


def line_example(rows: Rows, text: NDArray[np.int64]) -> Example:
    """Return a line of n rows as n + 1 steps, from the pen on the paper to the end, with its letters as context."""
    return example_of(rows, 0, opens=False)._replace(context=Varying(torch.from_numpy(text)))


def leaning(rows: Rows, stretch: float, lean: float, draw: np.random.Generator) -> Rows:
    """Return a line made wider or narrower, higher or lower, and leaning to a side."""
    wide, high = draw.uniform(1 - stretch, 1 + stretch, 2)
    shape = np.array([[wide, 0.0], [draw.uniform(-lean, lean), high]])
    return np.column_stack([rows[:, :2] @ shape, rows[:, 2]]).astype(np.float32)


@final
class LineBatches(Epochs):
    """Batches of lines of about equal length, each of which leans otherwise in every epoch.

    What is read at a place follows from the seed, the epoch and the line alone, so that training resumes exactly.
    """

    def __init__(
        self,
        lines: PreparedLines,
        numbers: NDArray[np.int64],
        rows: int,
        *,
        seed: int | None = None,
        stretch: float = 0.0,
        lean: float = 0.0,
    ) -> None:
        lengths = np.diff(lines.ends, prepend=0)[numbers] + 1
        self.lines, self.numbers, self.rows = lines, numbers, rows
        self.seed, self.stretch, self.lean = seed, stretch, lean
        self.batches = Batches(range(len(numbers)), lengths.tolist(), rows, seed=seed)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.batches)

    def in_epoch(self, epoch: int, index: int) -> Window:
        """Return a batch of an epoch."""
        return collated([self._example(place, epoch) for place in self.batches.order(epoch)[index]], self.rows)

    def _example(self, place: int, epoch: int) -> Example:
        number = int(self.numbers[place])
        rows = self.lines.offsets(number)
        if self.seed is not None and (self.stretch or self.lean):
            rows = leaning(rows, self.stretch, self.lean, np.random.default_rng([self.seed, epoch, number]))
        return line_example(rows, self.lines.text(number))


@dataclass(frozen=True)
class HandwritingData(SketchData):
    """Lines in three parts, no writer in two of them; the simple methods are those of drawings."""

    drawings: PreparedLines  # type: ignore[assignment]

    @property
    def codec(self) -> LinesCodec:  # type: ignore[override]
        """What turns lines into steps, and texts into letters."""
        return self.drawings.codec

    @property
    def notices(self) -> Sequence[str]:
        """What was left out, and where what was kept had to be made again: that it had."""
        left_out = [f"{count:,} lines or letters were left out: {why}" for why, count in self.facts["left_out"].items()]
        return [*left_out, *([self.drawings.notice] if self.drawings.notice else [])]

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        """Return batches of whole lines, however many `steps` are asked for."""
        numbers = self.drawings.numbers("training" if part == "training" else self.scored)
        if part == "training":
            how = {"seed": self.task.seed, "stretch": self.task.stretch, "lean": self.task.lean}
            return LineBatches(self.drawings, numbers, rows or self.task.batch_size, **how)
        return LineBatches(self.drawings, numbers, min(rows or SCORED_ROWS, len(numbers)))

    def on(self, source: Sequence[str], cache: Path) -> "HandwritingData":
        """Return this training part with other lines to be scored, all of them."""
        other = lines_with(self.codec, source, self.task.composing, cache)
        return replace(self, drawings=lines_joined(self.drawings, other), cache=cache, scored="held_out")


def lines_joined(one: PreparedLines, other: PreparedLines) -> PreparedLines:
    """Return the training part of some lines with other lines as the held-out part."""
    parts = np.where(one.parts == PARTS.index("training"), one.parts, len(PARTS)).astype(np.uint8)
    return PreparedLines(
        one.codec,
        np.concatenate([one.rows, other.rows]),
        np.concatenate([one.ends, other.ends + len(one.rows)]),
        np.concatenate([one.letters, other.letters]),
        np.concatenate([one.spelled, other.spelled + len(one.letters)]),
        np.concatenate([one.writers, other.writers + 1 + one.writers.max()]),
        np.concatenate([parts, other.parts]),
        {**one.facts, **other.facts},
    )
