"""What users give one step of a task, as JSON has it: sent to a server, described there, and checked."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from statewise.errors import UsageError
from statewise.shown import in_json, in_line

SHOWN_INPUT = 60
"So many characters of an input that cannot be read are shown."

JsonType = Literal["string", "integer", "number", "boolean", "array", "object", "null"]


def same(x: Any) -> Any:
    """Return what is given."""
    return x


@dataclass(frozen=True)
class Inputs:
    """What users give one step of a task: in words, as types of JSON, and as an example that can be read.

    `read` makes of an input what the step reads; `split` makes inputs of a text, `binary` one of a binary frame, where
    users have them so: as many bytes as come, but a multiple of `unit`. `last` is pushed once all of them have come.

    >>> Inputs("a letter", ("string",), "a").check(True)
    Traceback (most recent call last):
    statewise.errors.UsageError: the input true cannot be read: give a letter, such as "a"
    """

    words: str
    types: tuple[JsonType, ...]
    example: Any
    read: Callable[[Any], Any] = same
    split: Callable[[str], Sequence[Any]] | None = None
    binary: Callable[[bytes], Any] | None = None
    unit: int = 1
    last: Any = None

    def check(self, x: Any) -> Any:
        """Return what the step reads of an input. Raises `UsageError` for one of another type, and what `read` does."""
        if not json_types_of(x) & set(self.types):
            shown = in_line(in_json(x), longest=SHOWN_INPUT)
            raise UsageError(f"the input {shown} cannot be read: give {self.words}, such as {in_json(self.example)}")
        return self.read(x)


def json_types_of(x: Any) -> set[str]:
    """Return the types that a value out of JSON has; none for a number that is not finite.

    >>> sorted(json_types_of(3)), sorted(json_types_of(True)), sorted(json_types_of(float("nan")))
    (['integer', 'number'], ['boolean'], [])
    """
    match x:
        case bool():
            return {"boolean"}
        case int():
            return {"integer", "number"}
        case float():
            return {"number"} if math.isfinite(x) else set()
        case str():
            return {"string"}
        case list() | tuple():
            return {"array"}
        case Mapping():
            return {"object"}
    return {"null"} if x is None else set()


TABLE = "table"
"Marks, in an annotation, a parameter that is a table: a client sends its rows or columns, never the name of a file."

FILE = "file"
"Marks, in an annotation, a parameter that holds the bytes of a file in base 64: as long as a request may be."

OF_COMMANDS = "of commands"
"Marks, in an annotation, a parameter that no client of a server may send, as one that decides how long a step takes."
