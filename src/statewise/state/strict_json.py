"""JSON as a file of ours must be: UTF-8, no name twice, no NaN and no infinity."""

import json
from typing import Any


def read_json(content: bytes) -> Any:
    """Return what some JSON says. Raises `ValueError` where it is none, or says one thing twice.

    >>> read_json(b'{"size": 3}')
    {'size': 3}
    >>> read_json(b'{"size": 3, "size": 4}')
    Traceback (most recent call last):
    ValueError: 'size' is named twice
    """
    try:
        return json.loads(content.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value in pairs:
        if name in told:
            raise ValueError(f"'{name}' is named twice")
        told[name] = value
    return told


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")
