"""JSON as a file of ours must be: UTF-8, no name twice, and numbers, nesting and length within bounds."""

import json
import math
from collections.abc import Iterable
from typing import Any

LARGEST_WHOLE = 1 << 63
MOST_VALUES = 1 << 23
"So many values may stand in one file: each takes some fifty bytes of memory or more, however short it is written."


def read_json(content: bytes, *, any_number: bool = False, most_values: int = MOST_VALUES) -> Any:
    """Return what some JSON says; with `any_number` it may also say NaN and infinity.

    Raises `ValueError` where it is none, says one thing twice, has a whole number of more than 63 bits, or goes on or
    down for too long.

    >>> read_json(b'{"size": 3}')
    {'size': 3}
    >>> read_json(b'{"size": 3, "size": 4}')
    Traceback (most recent call last):
    ValueError: 'size' is named twice
    """
    if count_values(content) > most_values:
        raise ValueError(f"it has more than {most_values:,} values")
    numbers: dict[str, Any] = {} if any_number else {"parse_constant": _no_number, "parse_float": _finite}
    try:
        return json.loads(content.decode(), object_pairs_hook=_once, parse_int=_whole, **numbers)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def count_values(content: bytes) -> int:
    """Return how many values some JSON may have at most, without reading it: a comma in text counts, too.

    >>> count_values(b'{"a": [1, 2]}')
    3
    """
    return sum(map(content.count, (b",", b"[", b"{")))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) < len(pairs):
        raise ValueError(f"'{said_twice(name for name, _ in pairs)}' is named twice")
    return told


def said_twice(names: Iterable[Any]) -> Any:
    """Return the first of some names that has been there before; None where all of them differ."""
    seen: set[Any] = set()
    return next((name for name in names if name in seen or seen.add(name)), None)  # type: ignore[func-returns-value]


def _whole(digits: str) -> int:
    number = int(digits) if len(digits) < 25 else LARGEST_WHOLE
    if abs(number) >= LARGEST_WHOLE:
        raise ValueError(f"{digits[:25]} has more than 63 bits")
    return number


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits[:25]} is too large a number")
    return number


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not a number")
