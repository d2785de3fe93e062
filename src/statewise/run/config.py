"""A task's fields as YAML, flags and JSON schema: checked once, at the border, by their own types."""

import dataclasses
import difflib
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path, PurePath
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from statewise.disk.reading import read_file
from statewise.errors import UsageError
from statewise.plain import strict_yaml

Configured = TypeVar("Configured")
RENAMED = {
    "rate": "learning_rate",
    "rows": "batch_size",
    "steps": "sequence_length",
    "width": "hidden_size",
    "least_weight": "min_weight",
    "least_support": "min_support",
}
"Old names of settings, which are no longer read, and the names that replaced them before version 0.1."
MOST_SHOWN = 100
"How many characters of a value a message repeats."


def fields_of(kind: type) -> list[str]:
    """Return the names of a task's settings."""
    return [field.name for field in dataclasses.fields(kind)]


def build(kind: type[Configured], values: Mapping[str, Any]) -> Configured:
    """Return a task from plain values.

    Raises `UsageError` for a setting it does not have, naming the nearest, an old name of a setting, one that is
    missing, or a value that does not fit.

    >>> from statewise.tasks.text.task import Text
    >>> build(Text, {"source": "book.txt", "hiden_size": 64})
    Traceback (most recent call last):
    statewise.errors.UsageError: unknown setting 'hiden_size' of text: did you mean 'hidden_size'?
    """
    from pydantic import TypeAdapter, ValidationError

    name = getattr(kind, "name", kind.__name__)
    unknown = [key for key in values if key not in fields_of(kind)]
    if old := {key: RENAMED[key] for key in unknown if RENAMED.get(key) in fields_of(kind)}:
        raise UsageError(
            f"{name} no longer reads the settings {', '.join(old)}: rename them to {', '.join(old.values())} in the "
            "settings file or run.yaml"
        )
    for key in unknown:
        near = difflib.get_close_matches(str(key), fields_of(kind), n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(fields_of(kind))}"
        raise UsageError(f"unknown setting '{key}' of {name}: {hint}")
    try:
        return TypeAdapter(kind).validate_python(as_flags_take_them(kind, values))
    except ValidationError as error:
        raise UsageError(_first_line(error.errors()[0], name)) from None


def as_flags_take_them(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as a command line would have given them: a path or a number as text, one word as several.

    Only where a setting takes text, or several words, and was given neither.

    >>> from statewise.tasks.forecast.task import Forecast
    >>> as_flags_take_them(Forecast, {"source": Path("a.csv"), "horizon": 24, "target": "load", "hidden_size": 64})
    {'source': 'a.csv', 'horizon': '24', 'target': ('load',), 'hidden_size': 64}
    """
    hints = get_type_hints(kind)
    return {name: _as_flag(_kinds_of(hints[name]), value) for name, value in values.items()}


def _kinds_of(hint: Any) -> list[Any]:
    is_union = get_origin(hint) in (Union, UnionType)
    return [get_origin(part) or part for part in (get_args(hint) if is_union else (hint,))]


def _as_flag(kinds: list[Any], value: Any) -> Any:
    if tuple in kinds and isinstance(value, list | tuple):
        return tuple(str(one) if isinstance(one, PurePath) else one for one in value)
    is_number = isinstance(value, Integral) and not isinstance(value, bool)
    if isinstance(value, PurePath) or (is_number and str in kinds and int not in kinds):
        value = str(value)
    return (value,) if isinstance(value, str) and tuple in kinds and str not in kinds else value


def check(task: Configured) -> Configured:
    """Return a task whose values are of the declared types, or raise `UsageError`."""
    return build(type(task), plain(task))


def plain(task: Any) -> dict[str, Any]:
    """Return a task's settings as plain values, tuples as lists."""
    values = {name: getattr(task, name) for name in fields_of(type(task))}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def schema(kind: type) -> dict[str, Any]:
    """Return the JSON schema of a task's settings."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind).json_schema()


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the settings in a YAML file. Raises `UsageError` where it is missing or not a table of settings."""
    try:
        values = strict_yaml.read_yaml(read_file(path, strict_yaml.LARGEST_YAML, UsageError))
    except UsageError:  # which is a ValueError, too
        raise
    except ValueError as error:
        raise UsageError(f"{path} is not YAML ({error}): give lines like `hidden_size: 256`") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path} holds {type(values).__name__}, not settings: give lines like `hidden_size: 256`")
    return values


def as_yaml(values: Mapping[str, Any]) -> str:
    """Return plain values as YAML, in the given order."""
    return strict_yaml.write_yaml(dict(values))


def _first_line(error: Any, name: str) -> str:
    place = ".".join(str(part) for part in error["loc"][:1])
    if error["type"] == "missing":
        return f"setting '{place}' of {name} is missing: give it"
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, UsageError):
        return str(cause)
    given = " ".join(repr(error["input"]).split())
    given = given if len(given) <= MOST_SHOWN else f"{given[:MOST_SHOWN]} ..."
    return f"setting '{place}' of {name} cannot be {given}: {error['msg'][:1].lower()}{error['msg'][1:]}"
