"""Cells of a column as numbers or words, or the first that is neither, by its place."""

import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.data.tables.table_format import TableFormat, meant_by

Column = NDArray[Any]
Convert = Callable[[Sequence[Any]], Column]

NOTHING = {"", "na", "n/a", "nan", "null", "none", "."}
ADVICE = "leave out the column or mend it"
PLAIN = TableFormat()
SHOWN = 40
CURRENCY = "Sc"
"The category of currency signs in Unicode."
WHOLE_FLOAT = re.compile(r"-?\d+\.0+")


class Unreadable(Exception):
    """Cell number `index` is not what a column should hold."""

    def __init__(self, index: int, words: str) -> None:
        super().__init__(words)
        self.index, self.words = index, words


def numbers(cells: Sequence[Any], advice: str = ADVICE, how: TableFormat = PLAIN) -> Column:
    """Return cells as float64; what is empty, or says NA, NaN or null, is NaN. `advice` is for what is none.

    >>> numbers(["1.5", "", "2e3"])
    array([1.5e+00,     nan, 2.0e+03])
    """
    if how.is_plain or (isinstance(cells, np.ndarray) and cells.dtype.kind in "fiu"):
        try:
            return np.asarray(cells, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            pass
    return np.array([_number(i, cell, advice, how) for i, cell in enumerate(cells)], dtype=np.float64)


def words(cells: Sequence[Any]) -> Column:
    """Return cells as strings, equal ones as one object; what is missing is an empty one.

    >>> list(words(["a", 7]))
    ['a', '7']
    """
    known: dict[str, str] = {}
    column = np.empty(len(cells), dtype=object)
    column[:] = [known.setdefault(word, word) for word in map(text_of, cells)]
    return column


def text_of(cell: Any) -> str:
    """Return a cell as text; what is missing is empty."""
    return "" if cell is None else str(cell)


def plain_id(text: str) -> str:
    """Return an id without what a table program put around it.

    >>> plain_id(" 12.0 "), plain_id("a1.0b")
    ('12', 'a1.0b')
    """
    text = text.strip()
    return text.split(".")[0] if WHOLE_FLOAT.fullmatch(text) else text


def is_nothing(cell: Any) -> bool:
    """Tell a cell in which there is nothing, or that says so."""
    return cell is None or str(cell).strip().lower() in NOTHING


def is_number(text: str, how: TableFormat = PLAIN) -> bool:
    """Tell what is a number, or would be one with other marks for decimals and thousands."""
    try:
        return math.isfinite(float(how.plain(text)))
    except ValueError:
        return meant_by(text) is not None


def _number(index: int, cell: Any, advice: str, how: TableFormat) -> float:
    if is_nothing(cell):
        return float("nan")
    text = str(cell).strip()
    try:
        return float(how.plain(text))
    except ValueError:
        meant = meant_by(text)
        bare = "".join(mark for mark in text if unicodedata.category(mark) != CURRENCY).strip()
        if bare != text and (meant or is_number(bare, how) or meant_by(bare)):
            advice = f"write it as {bare[:SHOWN]!r}"
        said = f"if it is one, give {meant}" if meant else advice
        raise Unreadable(index, f"holds {text[:SHOWN]!r}, which is not a number: {said}") from None
