"""Hands: the letters of one writer, laid out to lines. What is laid out was never written as a line by its writer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from statewise.data.strokes.drawing import Drawing, Floats
from statewise.data.strokes.offsets import spaced
from statewise.data.strokes.texts_to_write import SPACE, texts_of

SPACE_WIDTH = 0.7
FINE = 0.08
"Points are laid so far apart before a hand trembles."
WAVES = 3


class Glyph(NamedTuple):
    """A letter: strokes `[n, 2]` on a base line at y 0, y downwards, small letters 1 high; and how wide it is."""

    strokes: tuple[Floats, ...]
    width: float


@dataclass(frozen=True)
class Hand:
    """The letters of one writer, and how they are laid out: lengths in heights of a small letter.

    Each time a letter is drawn, its size, its height on the line and its lean differ a little by `varies`. `slant`
    leans all of it to the right, `wide` stretches it, `gap` is between letters; `trembles` is how far a line strays, in
    waves; strokes that end nearer than `joins` to where the next one begins become one.
    """

    writer: str
    letters: Mapping[str, Glyph]
    slant: float = 0.0
    wide: float = 1.0
    gap: float = 0.3
    varies: float = 0.04
    trembles: float = 0.0
    joins: float = 0.0

    def lines(self, count: int, longest: int, draw: np.random.Generator) -> Iterator[Drawing]:
        """Yield so many lines of at most so many letters each, with their texts."""
        for text in texts_of(self.letters, count, longest, draw):
            yield Drawing(tuple(self.written(text, draw)), text=text, writer=self.writer)

    def written(self, text: str, draw: np.random.Generator) -> list[Floats]:
        """Return a text as strokes."""
        strokes: list[Floats] = []
        x = 0.0
        for letter in text:
            if letter == SPACE:
                x += SPACE_WIDTH * draw.uniform(0.85, 1.25)
                continue
            glyph = self.letters[letter]
            size, lean, height = draw.normal(0, self.varies, 3)
            for stroke in glyph.strokes:
                points = stroke * (1 + size) + [0.0, height]
                strokes.append(np.column_stack([x + points[:, 0] - lean * points[:, 1], points[:, 1]]))
            x += glyph.width * (1 + size) + self.gap
        strokes = joined(strokes, self.joins) if self.joins else strokes
        shape = np.array([[self.wide, 0.0], [-self.slant, 1.0]])
        return [self._trembling(stroke, draw) @ shape for stroke in strokes]

    def _trembling(self, stroke: Floats, draw: np.random.Generator) -> Floats:
        if not self.trembles:
            return stroke
        points = spaced(stroke, FINE)
        along = (
            np.concatenate([[0.0], np.hypot(*np.diff(points, axis=0).T).cumsum()]) if len(points) > 1 else np.zeros(1)
        )
        lengths, phases = draw.uniform(0.6, 2.5, (WAVES, 2)), draw.uniform(0, 2 * np.pi, (WAVES, 2))
        away = np.sin(2 * np.pi * along[:, None, None] / lengths + phases).sum(axis=1)
        trembling: Floats = points + self.trembles / np.sqrt(WAVES) * away
        return trembling


def joined(strokes: list[Floats], nearer: float) -> list[Floats]:
    """Return strokes of which those are one that end nearer than this to where the next one begins.

    >>> [len(one) for one in joined([np.zeros((2, 2)), np.full((3, 2), 0.1), np.ones((2, 2))], 0.5)]
    [5, 2]
    """
    found = strokes[:1]
    for before, stroke in pairwise(strokes):
        if np.hypot(*(stroke[0] - before[-1])) < nearer:
            found[-1] = np.concatenate([found[-1], stroke])
        else:
            found.append(stroke)
    return found
