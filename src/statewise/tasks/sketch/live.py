"""A drawing under way: strokes come as they are drawn, each is scored, and any can be taken back."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch

from statewise.bounds import shown
from statewise.data.strokes import offsets_of
from statewise.data.strokes.drawing import MOST_STROKES, Floats, drawing_of
from statewise.data.strokes.json_lines import LONGEST_LINE
from statewise.errors import DataError, UsageError
from statewise.inputs import Inputs
from statewise.plain.strict_json import read_json
from statewise.shown import counted
from statewise.state import read_tensors, write_tensors
from statewise.task import Live
from statewise.tasks.sketch.answers import Artist
from statewise.tasks.sketch.drawing_on import nats_of

UNDO = "undo"
WORDS = 'a stroke as [[x, y], ...], or "undo" for the last one'


class StrokeScored(NamedTuple):
    """What the last stroke cost, what all of them cost, and how likely it is that the drawing ends here."""

    strokes: int
    nats: float
    nats_per_point: float
    end: float

    def __str__(self) -> str:
        return f"{counted(self.strokes, 'stroke')}, {self.nats_per_point:.3f} nats a point, ends here: {self.end:.0%}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return self._asdict()


@dataclass
class DrawingUnderWay(Live):
    """Reads stroke after stroke on paper of a known size; `undo` takes the last one back.

    A stroke is scored as it will be read later, simplified; so the strokes themselves are what is known, and a fork is
    a copy of them.
    """

    artist: Artist
    side: float
    strokes: list[Floats] = field(default_factory=list)

    @property
    def inputs(self) -> Inputs:
        """What `push` takes: a stroke, or `undo`."""
        return Inputs(WORDS, ("array", "string"), [[0, 0], [30, 40]])

    def push(self, line: Any) -> StrokeScored:
        """Read a stroke, or take the last one back, and return what is drawn by now.

        Raises `UsageError` where there is nothing to take back, the drawing gets longer than the model was trained on,
        or a line is neither; `DataError` for a stroke of no numbers.
        """
        given = _parsed(line)
        if given == UNDO:
            if not self.strokes:
                raise UsageError("there is no stroke to take back: draw one first")
            strokes = self.strokes[:-1]
        else:
            drawn = drawing_of([given], "the stroke").strokes
            if not drawn:
                raise UsageError("the stroke has no point: give at least one [x, y]")
            strokes = [*self.strokes, *drawn]
        scored = self._scored(strokes)
        self.strokes = strokes
        return scored

    def _scored(self, strokes: list[Floats]) -> StrokeScored:
        codec = self.artist.codec
        if not strokes:
            return StrokeScored(0, 0.0, 0.0, 0.0)
        rows = offsets_of(codec.preparing.strokes(strokes, self.side))
        if len(rows) > codec.longest or len(strokes) > MOST_STROKES:
            raise UsageError(f"with this stroke the drawing has more than {codec.longest:,} points: take one back")
        rows[:, :2] /= codec.scale
        generator = self.artist.generator.get_state()
        nats = nats_of(self.artist.model, rows, self.artist.context(None, 1))
        self.artist.generator.set_state(generator)  # the same latent numbers for every stroke
        return StrokeScored(len(strokes), float(nats[:-1].sum()), float(nats[:-1].mean()), float(np.exp(-nats[-1])))

    def fork(self) -> "DrawingUnderWay":
        """Return the same drawing once more, to go on otherwise."""
        return DrawingUnderWay(self.artist, self.side, [*self.strokes])

    def save(self) -> bytes:
        """Return the strokes and the size of the paper, as bytes."""
        lengths = torch.tensor([len(stroke) for stroke in self.strokes], dtype=torch.int64)
        points = torch.from_numpy(np.concatenate([*self.strokes, np.zeros((0, 2))]))
        side = torch.tensor([self.side], dtype=torch.float64)
        return write_tensors({"lengths": lengths, "points": points, "side": side}, {})

    @classmethod
    def open(cls, artist: Artist, saved: bytes) -> "DrawingUnderWay":
        """Go on from saved bytes. Raises `DataError` where they are something else."""
        try:
            tensors, _ = read_tensors(saved, "the saved drawing")
            lengths, points, side = tensors["lengths"], tensors["points"], float(tensors["side"][0])
            ends = [0, *lengths.cumsum(0).tolist()]
            is_sound = (
                points.dim() == 2 and points.shape[1] == 2 and ends[-1] == len(points) and bool((lengths > 0).all())
            )
            is_sound = is_sound and bool(points.isfinite().all()) and 0 < side < 1e9
        except (KeyError, ValueError, IndexError, TypeError):
            is_sound = False
        if not is_sound:
            raise DataError("the saved drawing is damaged, or is something else: start again")
        array = points.double().numpy()
        return cls(artist, side, [array[start:end] for start, end in pairwise(ends)])


def _parsed(line: Any) -> Any:
    if not isinstance(line, str) or line.strip() == UNDO:
        return line.strip() if isinstance(line, str) else line
    try:
        return read_json(line[: LONGEST_LINE + 1].encode())  # one that is cut is none
    except ValueError:
        raise UsageError(f"the line {shown(line)} is not a stroke: give {WORDS}") from None
