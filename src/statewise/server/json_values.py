"""Values as JSON goes over the wire: in ASCII, numbers exact, and none that JSON does not have."""

import json
import math
from collections.abc import Mapping
from typing import Any

ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def dumps(value: Any) -> bytes:
    """Return a value as JSON in ASCII, in which every float32 is written exactly."""
    return ENCODER.encode(value).encode()


def dumps_in_turns(value: Any) -> bytes:
    """Return what `dumps` does, made in Python alone: other threads have their turns meanwhile.

    >>> dumps_in_turns({"median": [1.5, 2]})
    b'{"median":[1.5,2]}'
    """
    return "".join(ENCODER.iterencode(value)).encode()


def plain_json(value: Any) -> Any:
    """Return what a task says as values that JSON has: a number that is not finite is null.

    >>> plain_json({"tail": float("nan"), "ahead": (1, 2.5)})
    {'tail': None, 'ahead': [1, 2.5]}
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): plain_json(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(part) for part in value]
    return value if value is None or isinstance(value, str | int) else str(value)


def count_values(value: Any) -> int:
    """Return how many texts and numbers a value out of JSON holds.

    >>> count_values({"a": [1, 2], "b": "three"})
    3
    """
    if isinstance(value, dict):
        return sum(map(count_values, value.values()))
    return sum(map(count_values, value)) if isinstance(value, list) else 1
