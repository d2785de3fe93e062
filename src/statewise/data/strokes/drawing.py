"""A drawing: strokes of a pen in the order in which they were drawn, each a line through points."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from statewise.bounds import shown
from statewise.errors import DataError

Floats = NDArray[np.float64]
Part = Literal["training", "validation", "held_out"]

MOST_POINTS = 50_000
"Of one drawing, as it is read."
MOST_STROKES = 10_000
LARGEST = 1e9
"No coordinate lies further out: a pen's paper is no larger, and its square is still a number."


class LeftOut(NamedTuple):
    """One of many drawings that was not taken, and why, in words that are counted: all of one reason are alike."""

    reason: str


@final
@dataclass(frozen=True, eq=False)
class Drawing:
    """Strokes, each `[n, 2]`: x to the right and y downwards, in the units of their source.

    `times`, where a pen recorded them, are seconds, `[n]` for each stroke. `label` is the class, such as `cat`, `text`
    what was written, `writer` whose hand it is, and `part` where the source says for what a drawing is kept.

    >>> drawing_of([[[0, 0], [3, 4]]], "a test").points
    2
    """

    strokes: tuple[Floats, ...]
    times: tuple[Floats, ...] | None = None
    label: str | None = None
    text: str | None = None
    writer: str | None = None
    part: Part | None = None

    @property
    def points(self) -> int:
        """How many points there are in all strokes together."""
        return sum(map(len, self.strokes))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """The least x and y and the greatest x and y."""
        points = np.concatenate(self.strokes)
        return *map(float, points.min(axis=0)), *map(float, points.max(axis=0))  # type: ignore[return-value]


def drawing_of(
    strokes: Any,
    where: str,
    *,
    times: Sequence[Any] | None = None,
    seconds: float = 1.0,
    label: str | None = None,
    text: str | None = None,
    writer: str | None = None,
    part: Part | None = None,
) -> Drawing:
    """Return a drawing from a file, once its numbers were found to be usable.

    Each stroke is `[n, 2]`, or `[n, 3]` with the time of each point as the third, in units of `seconds`; strokes
    without a point are dropped. `where` is how an error names the place. Raises `DataError` for what are no numbers,
    numbers that are not finite or beyond a billion, more than 50,000 points, times of some strokes alone, and half a
    character in a word, which no file can keep.
    """
    if not isinstance(strokes, Iterable) or isinstance(strokes, str | bytes | dict):
        raise DataError(f"{where} is {shown(strokes)}: a list of strokes is wanted")
    _check_words({"class": label, "text": text, "writer": writer}, where)
    found, clocks = [], []
    total = 0
    for number, given in enumerate(strokes, start=1):
        if number > MOST_STROKES:
            raise DataError(f"{where} has more than {MOST_STROKES:,} strokes: it is no drawing")
        array = _numbers(given, f"stroke {number} of {where}")
        total += len(array)
        if total > MOST_POINTS:
            raise DataError(f"{where} has more than {MOST_POINTS:,} points: give a drawing of fewer")
        if len(array):
            found.append(np.ascontiguousarray(array[:, :2]))
            clocks.append(array[:, 2] if array.shape[1] == 3 else None)
    if times is not None:
        clocks = [_numbers([[at, 0] for at in one], f"a time of {where}")[:, 0] for one in times if len(one)]
        if [len(clock) for clock in clocks if clock is not None] != [len(stroke) for stroke in found]:
            raise DataError(f"{where} has other numbers of times than of points: give one for each point, or none")
    timed = [clock * seconds for clock in clocks if clock is not None]
    if timed and len(timed) < len(found):
        raise DataError(f"{where} has times in some strokes and none in others: give them in all, or in none")
    return Drawing(tuple(found), tuple(timed) or None, label, text, writer, part)


def _check_words(words: Mapping[str, str | None], where: str) -> None:
    for name, word in words.items():
        try:
            (word or "").encode()
        except UnicodeEncodeError:
            raise DataError(f"the {name} of {where} holds half a character: write it in UTF-8") from None


def _numbers(given: Any, what: str) -> Floats:
    """Return points `[n, 2 or 3]` of floats."""
    if not hasattr(given, "__len__") or isinstance(given, str | bytes | dict):
        raise DataError(f"{what} is {shown(given)}: a list of points [x, y] is wanted")
    if not len(given):
        return np.zeros((0, 2))
    try:
        found = np.asarray(given)
    except (TypeError, ValueError, OverflowError):
        found = np.array(None)
    if found.dtype.kind not in "iuf":  # text and truth values would be converted
        raise DataError(f"{what} is no list of points [x, y] or [x, y, t], all of one kind: check it")
    array = found.astype(np.float64)
    if array.ndim != 2 or array.shape[1] not in (2, 3):
        raise DataError(f"{what} has the shape {list(array.shape)}: points [x, y] or [x, y, t] are wanted")
    if not np.isfinite(array).all() or np.abs(array[:, :2]).max() > LARGEST:
        raise DataError(f"{what} has a number that is not finite, or beyond {LARGEST:g}: check it")
    return array
