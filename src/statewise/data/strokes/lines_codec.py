"""How lines of handwriting become what a network reads, and texts the letters that it looks at."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from statewise.bounds import shown
from statewise.data.codec import Codec
from statewise.data.strokes.drawing import Floats
from statewise.data.strokes.offsets import Preparing, offsets_of
from statewise.data.strokes.prepared import Rows
from statewise.errors import DataError, UsageError

LETTER_INK = 100.0
"So long is the ink of a letter of every writer, on average: the unit of all that is done to strokes."
MOST_LETTERS = 10_000


@final
@dataclass(frozen=True)
class LinesCodec(Codec):
    """What turns lines of handwriting into what a network reads, and texts into the letters that it looks at.

    `alphabet` are the letters of the training part, by number; the number after the last stands for the end of a text.
    `scale` is the standard deviation of all offsets of the training part, by which they are divided; `longest` is how
    many points a line may have, `longest_text` how many letters the longest line of the training part has.
    """

    preparing: Preparing
    scale: float
    longest: int
    alphabet: str
    points_per_letter: float
    longest_text: int

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        told = {name: getattr(self, name) for name in ("scale", "points_per_letter", "longest", "longest_text")}
        return {**asdict(self.preparing), **told, "alphabet": self.alphabet}

    @classmethod
    def read(cls, written: Any) -> "LinesCodec":
        """Return what `as_json` wrote. Raises `DataError` for anything else."""
        try:
            named = ("size", "jitter", "spacing", "epsilon", "scale", "points_per_letter")
            numbers = [float(written[name]) for name in named]
            alphabet, longest, text = written["alphabet"], written["longest"], written["longest_text"]
            is_sound = all(0 <= number < 1e9 for number in numbers) and min(numbers[4:]) > 0
            is_sound = is_sound and all(type(n) is int and 0 < n < 1e9 for n in (longest, text))
            is_sound = is_sound and isinstance(alphabet, str) and 0 < len(alphabet) == len(set(alphabet)) < MOST_LETTERS
        except (KeyError, TypeError, ValueError, OverflowError):
            is_sound = False
        if not is_sound:
            raise DataError("codec.json is none of handwriting: it is damaged, or of another version")
        return cls(Preparing(*numbers[:4]), numbers[4], longest, alphabet, numbers[5], text)

    @property
    def symbols(self) -> Sequence[str]:
        """The letters, and the end of a text."""
        return [*self.alphabet, ""]

    @property
    def choices(self) -> int:
        """How many letters there are, the end of a text among them."""
        return len(self.alphabet) + 1

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {letter: number for number, letter in enumerate(self.alphabet)}

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return a text as numbers, its end as the last. Raises `UsageError`, naming letters never trained."""
        if unknown := sorted(set(text) - set(self.alphabet)):
            few = ", ".join(map(shown, unknown[:10]))
            raise UsageError(
                f"this run was never trained on {few}: write with the {len(self.alphabet)} letters that it knows: "
                f"{shown_letters(self.alphabet)}"
            )
        return np.array([*(self._numbers[letter] for letter in text), len(self.alphabet)], np.int64)


def shown_letters(alphabet: str) -> str:
    """Return letters, the first few where there are many; the space is named.

    >>> shown_letters(" ab")
    'ab and the space'
    """
    seen = "".join(letter for letter in alphabet if letter.isprintable() and not letter.isspace())
    few = seen if len(seen) <= 120 else f"{seen[:120]} and {len(seen) - 120} more"
    return f"{few} and the space" if " " in alphabet else few


def rows_of(strokes: Sequence[Floats], factor: float, preparing: Preparing) -> Rows:
    """Return strokes as rows of `dx, dy, lift` once they are multiplied by a factor and prepared."""
    return offsets_of(preparing.strokes([stroke * factor for stroke in strokes]))
