"""A step that is so many numbers, as a task gives it to a stream and a server describes it."""

from collections.abc import Callable
from typing import Any

from statewise.errors import UsageError
from statewise.inputs import Inputs

LARGEST = 1e9


def number_reader(count: int) -> Callable[[Any], Any]:
    """Return what reads a step of `count` numbers as float32 `[count]`. It raises `UsageError` for anything else.

    >>> number_reader(2)([1, 2.5])
    array([1. , 2.5], dtype=float32)
    """

    def read(x: Any) -> Any:
        import numpy as np

        try:
            found = np.asarray(x)
        except (ValueError, TypeError, OverflowError):
            found = np.zeros(0)
        if found.shape != (count,) or found.dtype.kind not in "fiu" or not (np.abs(found) <= LARGEST).all():
            raise UsageError(f"a step reads {count} numbers of ordinary size: give as many")
        return found.astype(np.float32)

    return read


def number_inputs(count: int, what: str) -> Inputs:
    """Return what a step of `count` numbers is, in words, with an example."""
    return Inputs(f"a step of {count} numbers: {what}", ("array",), [0.0] * count, number_reader(count))
