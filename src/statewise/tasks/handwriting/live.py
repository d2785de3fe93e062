"""A text under way: strokes come as a user or the model draws them, and any can be taken back."""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from statewise.bounds import check_whole, shown
from statewise.data.strokes import offsets_of
from statewise.data.strokes.drawing import MOST_STROKES, Floats, drawing_of
from statewise.data.strokes.json_lines import LONGEST_LINE
from statewise.data.strokes.lines_codec import LETTER_INK
from statewise.data.strokes.prepared import Rows
from statewise.errors import DataError, UsageError
from statewise.inputs import Inputs
from statewise.plain.strict_json import read_json
from statewise.state import read_tensors, write_tensors
from statewise.task import Live
from statewise.tasks.handwriting.answers import Scribe
from statewise.tasks.handwriting.writing_on import Read, read, write

UNDO, WRITE = "undo", "write"
WORDS = 'a stroke as [[x, y], ...], "write" to have the next one written, or "undo" for the last one'
LARGEST_LETTER = 1e9


@dataclass(frozen=True)
class StrokeWritten:
    """What the last stroke is, what all of them cost, and how far the text has come.

    `letter` is where the window is, from 0, the number of letters where it is at the end; `end` is how likely it is
    that the text ends here.
    """

    strokes: int
    stroke: list[list[float]]
    nats_per_point: float
    letter: int
    letters: int
    end: float

    def __str__(self) -> str:
        told = f"{self.strokes} strokes, letter {min(self.letter + 1, self.letters)} of {self.letters}"
        return f"{told}, {self.nats_per_point:.3f} nats a point, ends here: {self.end:.0%}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return dict(vars(self))


@dataclass
class TextUnderWay(Live):
    """Reads or writes a known text, stroke after stroke; `undo` takes the last one back.

    The strokes themselves are what is known, as the model reads them: so a fork is a copy of them, and the same strokes
    and seed are gone on from alike.
    """

    scribe: Scribe
    text: str
    seed: int
    ink: float = LETTER_INK
    strokes: list[Floats] = field(default_factory=list)

    @property
    def inputs(self) -> Inputs:
        """What `push` takes: a stroke, `write`, or `undo`."""
        return Inputs(WORDS, ("array", "string"), [[0, 0], [3, 40]])

    def push(self, line: Any) -> StrokeWritten:
        """Read a stroke, have one written, or take the last one back, and return how far the text is.

        Raises `UsageError` where there is nothing to take back or to write any more, and where a line is neither;
        `DataError` for a stroke of no numbers.
        """
        given = _parsed(line)
        if given == UNDO:
            if not self.strokes:
                raise UsageError("there is no stroke to take back: draw one first")
            strokes = self.strokes[:-1]
        elif given == WRITE:
            strokes = [*self.strokes, self._written()]
        else:
            drawn = drawing_of([given], "the stroke").strokes
            if not drawn:
                raise UsageError("the stroke has no point: give at least one [x, y]")
            preparing = self.scribe.codec.preparing
            strokes = [*self.strokes, *preparing.strokes([drawn[0] * (LETTER_INK / self.ink)])]
        told = self._told(strokes)
        self.strokes = strokes
        return told

    def _rows(self, strokes: list[Floats]) -> Rows:
        rows = offsets_of(strokes)
        rows[:, :2] /= self.scribe.codec.scale
        return rows

    def _told(self, strokes: list[Floats]) -> StrokeWritten:
        codec = self.scribe.codec
        code, rows = codec.encode(self.text), self._rows(strokes)
        if len(rows) > codec.longest or len(strokes) > MOST_STROKES:
            raise UsageError(f"with this stroke the line has more than {codec.longest:,} points: take one back")
        seen: Read = read(self.scribe.model, code, rows)
        last = (strokes[-1] * (self.ink / LETTER_INK)).round(4).tolist() if strokes else []
        mean = float(seen.nats.mean()) if len(rows) else 0.0
        return StrokeWritten(len(strokes), last, mean, seen.letter, len(self.text), seen.end if strokes else 0.0)

    def _written(self) -> Floats:
        """Return the next stroke of the model."""
        codec, rows = self.scribe.codec, self._rows(self.strokes)
        generator = torch.Generator().manual_seed((self.seed + len(self.strokes)) % 2**63)
        (found,) = write(
            self.scribe.model,
            [codec.encode(self.text)],
            rows,
            0,
            points_per_letter=codec.points_per_letter,
            bias=self.scribe.bias,
            temperature=self.scribe.temperature,
            generator=generator,
            strokes=1,
        )
        if not len(found.rows) or len(rows) + len(found.rows) > codec.longest:
            raise UsageError("the text is written to its end: take a stroke back, or begin another text")
        moves = found.rows[:, :2].astype(np.float64) * codec.scale
        points = moves.cumsum(axis=0) + (self.strokes[-1][-1] if self.strokes else np.zeros(2))
        return points if self.strokes else np.concatenate([np.zeros((1, 2)), points])

    def fork(self, seed: int | None = None) -> "TextUnderWay":
        """Return the same strokes once more, to go on otherwise: with another seed other strokes are written."""
        if seed is not None:
            check_whole("--seed", seed, 0, 2**63 - 1)
        return replace(self, seed=self.seed if seed is None else seed, strokes=[*self.strokes])

    def save(self) -> bytes:
        """Return the text, the strokes and the seed, as bytes."""
        lengths = torch.tensor([len(stroke) for stroke in self.strokes], dtype=torch.int64)
        points = torch.from_numpy(np.concatenate([*self.strokes, np.zeros((0, 2))]))
        numbers = {"ink": torch.tensor([self.ink], dtype=torch.float64), "seed": torch.tensor([self.seed])}
        letters = torch.tensor([ord(letter) for letter in self.text], dtype=torch.int64)
        return write_tensors({"lengths": lengths, "points": points, "letters": letters, **numbers})

    @classmethod
    def open(cls, scribe: Scribe, saved: bytes) -> "TextUnderWay":
        """Go on from saved bytes. Raises `DataError` where they are something else."""
        try:
            told, _ = read_tensors(saved, "the saved text")
            lengths, points, letters = told["lengths"], told["points"], told["letters"].tolist()
            ink, seed = float(told["ink"][0]), int(told["seed"][0])
            text = "".join(map(chr, letters))
            ends = [0, *lengths.cumsum(0).tolist()]
            is_sound = points.dim() == 2 and points.shape[1] == 2 and ends[-1] == len(points)
            is_sound = is_sound and bool((lengths > 0).all()) and bool(points.isfinite().all()) and bool(text)
            is_sound = is_sound and 0 < ink < LARGEST_LETTER and 0 <= seed < 2**63
        except (KeyError, ValueError, IndexError, TypeError, OverflowError):
            is_sound = False
        if not is_sound:
            raise DataError("the saved text is damaged, or is something else: start again")
        array = points.double().numpy()
        return cls(scribe, text, seed, ink, [array[start:end] for start, end in pairwise(ends)])


def _parsed(line: Any) -> Any:
    if not isinstance(line, str) or line.strip() in (UNDO, WRITE):
        return line.strip() if isinstance(line, str) else line
    try:
        return read_json(line[: LONGEST_LINE + 1].encode())  # one that is cut is none
    except ValueError:
        raise UsageError(f"the line {shown(line)} is no stroke: give {WORDS}") from None
