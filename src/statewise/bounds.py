"""Numbers from outside, held within bounds before anything is done with them, and shown in one short line."""

from contextlib import suppress
from numbers import Integral
from operator import index
from typing import Any

from statewise.errors import UsageError
from statewise.shown import in_line

LARGEST = 2**63 - 1
SHOWN = 40

# What settings may be at most: far above what anyone trains, and far below what would never end or fill a machine.
MOST_SEQUENCES = MOST_STEPS = 1_000_000
"Rows and steps of one window."
MOST_AT_ONCE = 100_000_000
"Rows times steps of one window."
MOST_UNITS, MOST_LAYERS = 100_000, 1000
"Units of a layer or an embedding; layers, or networks, of a model."
MOST_THREADS = MOST_PROCESSES = 1024
MOST_UPDATES = MOST_PLACES = 10**12
"Updates of a training; places of data."
MOST_CHECKS = 1_000_000
LONGEST_MINUTES = MOST_EPOCHS = 1e9
LARGEST_SEED = 2**32 - 1


def check_whole(what: str, value: object, least: int, most: int) -> None:
    """Raise `UsageError` where a value is not a whole number within bounds; a truth value is none.

    >>> check_whole("top-k", 2.5, 1, 9)
    Traceback (most recent call last):
    statewise.errors.UsageError: top-k 2.5 is not a whole number from 1 to 9: give one
    """
    is_whole = type(value) is int or (isinstance(value, Integral) and not isinstance(value, bool))
    if not is_whole or not least <= value <= most:  # type: ignore[operator]
        raise UsageError(f"{what} {shown(value)} is not a whole number from {least} to {most}: give one")


def code(x: Any, choices: int) -> int:
    """Return an input as one of so many codes, of whatever kind of whole number. Raises `UsageError` where it is none.

    >>> code(3, choices=10)
    3
    >>> code(2.7, choices=10)
    Traceback (most recent call last):
    statewise.errors.UsageError: the model reads numbers from 0 to 9 but was given 2.7
    """
    if type(x) is int and 0 <= x < choices:
        return x
    number, shape = -1, tuple(getattr(x, "shape", ()))
    if not shape and not isinstance(x, bool) and not str(getattr(x, "dtype", "")).endswith("bool"):
        with suppress(TypeError, ValueError, RuntimeError):
            number = index(x)
    if not 0 <= number < choices:
        raise UsageError(f"the model reads numbers from 0 to {choices - 1} but was given {shown(x)}")
    return number


def shown(value: object) -> str:
    """Return how a value is written, as one line, cut where it is long.

    >>> shown(0.5), shown("a" * 99), shown(2**63)
    ('0.5', "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…", '9223372036854775808')
    """
    if isinstance(value, int) and abs(value) > LARGEST * 2:
        return f"{'-' * (value < 0)}2^{value.bit_length() - 1} or more"
    if isinstance(value, float):
        return f"{value:g}"
    shape = getattr(value, "shape", None)
    if shape is not None and len(shape):
        return f"{list(shape)} of {getattr(value, 'dtype', type(value).__name__)}"
    return in_line(" ".join(repr(value).split()), SHOWN)
