"""Lines of handwriting out of files, with their texts and writers, whatever their form."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from statewise.data.composing import compose
from statewise.data.strokes import omniglot, single_stroke_fonts
from statewise.data.strokes.drawing import Drawing, Floats
from statewise.data.strokes.hands import Hand
from statewise.data.strokes.stroke_files import BESIDE, read_drawings

LONGEST_TEXT = 2000
WITHOUT_TEXT, SEVERAL_LINES = "without a text", "of several lines in one"


class Composing(NamedTuple):
    """How lines are composed where a source has letters: lines of a writer, letters of a line, writers of a font.

    `varies` and `trembles` are how much letters that were drawn apart differ each time they are laid out (see `Hand`).
    """

    lines: int = 100
    longest: int = 20
    writers: int = 6
    seed: int = 0
    varies: float = 0.04
    trembles: float = 0.0

    def drawer(self, hand: Hand) -> Hand:
        """Return the hand of a drawer as its letters are laid out."""
        return replace(hand, varies=self.varies, trembles=self.trembles)


class Line(NamedTuple):
    """A line as it was read: strokes in the writer's units, what is written, and whose hand it is."""

    strokes: tuple[Floats, ...]
    text: str
    writer: str

    @property
    def ink_per_letter(self) -> float:
        """How long its ink is, for each letter that is no space."""
        return ink_of(self.strokes) / max(1, len("".join(self.text.split())))


def ink_of(strokes: Sequence[Floats]) -> float:
    """Return how long the lines of a pen are together.

    >>> ink_of([np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[9.0, 9.0]])])
    5.0
    """
    return float(sum(np.hypot(*np.diff(stroke, axis=0).T).sum() for stroke in strokes))


def cleaned(text: str) -> str:
    """Return a text with single spaces and none at its ends, its letters composed (NFC).

    >>> cleaned("  a  b ")
    'a b'
    """
    return " ".join(compose(text).split())


def read_lines(files: Sequence[Path], composing: Composing, left_out: Counter[str]) -> Iterator[Line]:
    """Yield the lines of files, whatever their form; letters are laid out to lines, one writer's at a time."""
    letters = [path for path in files if omniglot.is_letter_file(path)]
    drawn = omniglot.hands_of(omniglot.letters_in_files(letters), left_out) if letters else []
    hands = [composing.drawer(hand) for hand in drawn]
    known = set(letters)
    for path in files:
        ending = path.suffix.lower()
        if path in known:
            continue
        if len(files) > 1 and ending in BESIDE:
            left_out[f"files of another kind ({ending or 'without an ending'})"] += 1
        elif ending == ".zip":
            hands += map(composing.drawer, omniglot.hands_of(omniglot.letters_in_zip(path), left_out))
        elif single_stroke_fonts.is_font(path):
            hands += single_stroke_fonts.synthetic_hands(path, composing.writers, composing.seed)
        else:
            yield from _written(read_drawings([path], left_out), left_out)
    for number, hand in enumerate(hands):
        draw = np.random.default_rng([composing.seed, number])
        yield from _written(hand.lines(composing.lines, composing.longest, draw), left_out)


def _written(drawings: Iterable[Drawing], left_out: Counter[str]) -> Iterator[Line]:
    for drawing in drawings:
        text = cleaned(drawing.text or "")
        if not text or len(text) > LONGEST_TEXT:
            left_out[WITHOUT_TEXT] += 1
        elif len((drawing.text or "").strip().splitlines()) > 1:
            left_out[SEVERAL_LINES] += 1
        else:
            yield Line(drawing.strokes, text, drawing.writer or f"line {text}")
