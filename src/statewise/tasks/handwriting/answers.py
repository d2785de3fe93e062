"""What a writing model answers: a text by hand, as strokes, as characters, as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from statewise.bounds import check_whole, shown
from statewise.data.composing import compose
from statewise.data.strokes import strokes_of
from statewise.data.strokes.drawing import Floats
from statewise.data.strokes.drawing_pictures import in_characters
from statewise.data.strokes.lines_codec import LETTER_INK, LinesCodec
from statewise.data.strokes.paper import Sheet, fitting, on_paper
from statewise.data.strokes.written_lines import cleaned
from statewise.errors import UsageError
from statewise.heads.head import check_temperature
from statewise.model import Model
from statewise.run.files import saving, write_whole
from statewise.task import Answer
from statewise.tasks.handwriting.style import Style
from statewise.tasks.handwriting.writing_on import Wrote, write

MOST_SAMPLES, MOST_LINES = 1000, 1000
LINE_HEIGHT = 110.0
"From one base line to the next, where the ink of a letter is 100 long."
COLUMNS = 72
NOTHING = np.zeros((0, 3), np.float32)


@dataclass(frozen=True)
class WrittenLine:
    """One line as it was written: its text, its strokes where they lie, and what it cost.

    `has_ended` says that the window came to the end of the text; else the line was cut at the limit of points.
    """

    text: str
    strokes: Sequence[Floats]
    nats: float
    points: int
    has_ended: bool
    heights: Any

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values; strokes are lists of points, y downwards."""
        lines = [np.round(stroke, 3).tolist() for stroke in self.strokes]
        told = {"text": self.text, "strokes": lines, "nats": self.nats, "points": self.points}
        return {**told, "nats_per_point": self.nats / max(1, self.points), "has_ended": self.has_ended}


@dataclass(frozen=True)
class Written:
    """A text as it was written once, line below line."""

    title: str
    lines: Sequence[WrittenLine]
    line_height: float = LINE_HEIGHT

    @property
    def strokes(self) -> list[Floats]:
        """All strokes, in the order in which they were written."""
        return [stroke for line in self.lines for stroke in line.strokes]

    @property
    def picture(self) -> str:
        """It as characters."""
        return in_characters(self.strokes, COLUMNS)

    def __str__(self) -> str:
        nats, points = (sum(getattr(line, name) for line in self.lines) for name in ("nats", "points"))
        cut = "" if all(line.has_ended for line in self.lines) else ", cut at the limit"
        words = f"{self.title}: {points} points, {nats / max(1, points):.3f} nats a point{cut}"
        return f"{words}\n{self.picture}\n"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"title": self.title, "lines": [line.as_json() for line in self.lines]}


@dataclass(frozen=True)
class Scribe:
    """A model with all that is asked of every answer."""

    model: Model[Any]
    codec: LinesCodec
    bias: float
    temperature: float
    generator: torch.Generator

    @classmethod
    def of(cls, model: Model[Any], codec: LinesCodec, bias: float, temperature: float, seed: int) -> "Scribe":
        """Return it once the settings were found to be usable. Raises `UsageError` where one is not."""
        check_temperature(temperature)
        check_whole("--seed", seed, 0, 2**63 - 1)
        return cls(model, codec, bias, temperature, torch.Generator().manual_seed(seed))

    def written(
        self, text: str, samples: int, style: Style | None = None, letters_a_line: int | None = None
    ) -> list[Written]:
        """Return a text as it was written so many times, all side by side, in a style where one is given."""
        check_whole("--samples", samples, 1, MOST_SAMPLES)
        if letters_a_line is not None:
            check_whole("--letters-a-line", letters_a_line, 1, self.codec.longest)
        lines = lines_of(text, letters_a_line or self.codec.longest_text)
        for line in lines:
            self.codec.encode(line)  # every letter is known before anything is drawn
        before = "" if style is None else style.text + (" " if " " in self.codec.alphabet else "")
        codes = [self.codec.encode(before + line) for line in lines]
        found = write(
            self.model,
            [code for _ in range(samples) for code in codes],
            NOTHING if style is None else style.rows(self.codec),
            len(before),
            points_per_letter=self.codec.points_per_letter,
            bias=self.bias,
            temperature=self.temperature,
            generator=self.generator,
        )
        size = 1.0 if style is None else style.ink / LETTER_INK
        return [
            Written(
                f"writing {n + 1}",
                self._laid_out(lines, found[n * len(lines) : (n + 1) * len(lines)], size, lifted=style is not None),
                LINE_HEIGHT * size,
            )
            for n in range(samples)
        ]

    def _laid_out(
        self, lines: Sequence[str], wrote: Sequence[Wrote], size: float, *, lifted: bool
    ) -> list[WrittenLine]:
        """Return lines below each other, their ink beginning at the same left edge; `lifted` if a move leads to it."""
        found = []
        for number, (text, one) in enumerate(zip(lines, wrote, strict=True)):
            moves = one.rows.astype(np.float64)
            moves[:, :2] *= self.codec.scale * size
            strokes = strokes_of(moves, lifted=lifted)
            points = np.concatenate([*strokes, np.zeros((0, 2))])
            corner = np.array([points[:, 0].min(), np.median(points[:, 1])]) if len(points) else np.zeros(2)
            place = np.array([0.0, LINE_HEIGHT * size * number]) - corner
            laid = [stroke + place for stroke in strokes]
            found.append(WrittenLine(text, laid, one.nats, one.points, one.has_ended, one.heights))
        return found


def lines_of(text: str, longest: int) -> list[str]:
    """Return a text as lines of at most so many letters, broken between words; longer words are lines of their own.

    Raises `UsageError` for a text without a letter, and one of more than a thousand lines.

    >>> lines_of("My name is Luka", 10)
    ['My name is', 'Luka']
    """
    if not isinstance(text, str):
        raise UsageError(f"{shown(text)} is no text: give what to write")
    found: list[str] = []
    for paragraph in compose(text).splitlines():
        line = ""
        for word in cleaned(paragraph).split():
            if line and len(line) + 1 + len(word) > longest:
                found.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        found += [line] if line else []
    if not found:
        raise UsageError(f"{shown(text)} has no letter: give what to write")
    if len(found) > MOST_LINES:
        raise UsageError(f"the text takes {len(found):,} lines: give at most {MOST_LINES:,}")
    return found


def shown_text(codec: LinesCodec, letters: int) -> str:
    """Return some letters that a codec knows, as an example of what to write.

    >>> from statewise.data.strokes import Preparing
    >>> shown_text(LinesCodec(Preparing(), 1.0, 9, " abc", 9.0, 9), 2)
    'ab'
    """
    known = "".join(letter for letter in codec.alphabet if not letter.isspace())
    small = "".join(letter for letter in known if letter.islower())
    return (small or known)[:letters]


def answer_of(found: Sequence[Written], notices: Sequence[str] = ()) -> Answer:
    """Return what was written to be shown."""
    return Answer(
        (f"{one}\n" for one in found), lambda: {"answer": [one.as_json() for one in found]}, end="", notices=notices
    )


def draw_to(
    path: str, found: Sequence[Written], *, paper: str | None, margin: float, pitch: float, animated: bool
) -> str:
    """Draw what was written to a file, on paper where one is named, and say so."""
    if animated and not path.endswith(".svg"):
        raise UsageError("only an SVG writes itself: give --picture NAME.svg")
    kind = kind_of(path)
    sheet = sheet_of(found, paper, margin, pitch)
    content = sheet.svg(animated=animated).encode() if kind == "svg" else sheet.png()
    put(path, content)
    return f"{path} shows {len(found)}"


def kind_of(path: str) -> str:
    """Return what kind of picture a name asks for. Raises `UsageError` for another than SVG and PNG."""
    kind = Path(path).suffix.lower()
    if kind not in (".svg", ".png"):
        raise UsageError(f"{path} is neither .svg nor .png: name the picture so")
    return kind[1:]


def put(path: str, content: bytes) -> None:
    """Write a file, whole or not at all."""
    with saving(path, "give another place"):
        write_whole(Path(path), content)


def sheet_of(found: Sequence[Written], paper: str | None, margin: float, pitch: float) -> Sheet:
    """Return several writings on one sheet, each below the one before, with an empty line between."""
    height = found[0].line_height
    lines: list[list[Floats]] = []
    for number, one in enumerate(found):
        lines += [[]] if number else []
        for place, line in enumerate(one.lines):
            lines.append([stroke - np.array([0.0, place * height]) for stroke in line.strokes])
    if paper is not None:
        return on_paper(lines, height, paper, margin=margin, pitch=pitch)
    below = [[stroke + np.array([0.0, n * height]) for stroke in line] for n, line in enumerate(lines)]
    return fitting(below, height)
