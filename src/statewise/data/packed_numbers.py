"""A few numbers inside JSON: rows in half precision, in base 64."""

import base64

import numpy as np
from numpy.typing import NDArray

from statewise.errors import DataError

LARGEST = 6e4
"Half precision has no numbers much larger."


def packed(rows: NDArray[np.float32]) -> str:
    """Return rows of numbers as text.

    >>> unpacked(packed(np.ones((2, 3), np.float32)), 3).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    return base64.b64encode(rows.clip(-LARGEST, LARGEST).astype("<f2").tobytes()).decode()


def unpacked(text: str, numbers: int) -> NDArray[np.float32]:
    """Return rows of so many numbers out of text. Raises `DataError` where it is damaged."""
    try:
        found = np.frombuffer(base64.b64decode(text, validate=True), "<f2").reshape(-1, numbers)
    except ValueError:
        raise DataError("codec.json holds an example that is damaged: start again") from None
    return found.astype(np.float32)
