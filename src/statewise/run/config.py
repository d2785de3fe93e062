"""A task's fields as YAML, flags and JSON schema: checked once, at the border, by their own types."""

import dataclasses
import difflib
from collections.abc import Mapping
from functools import cache
from numbers import Integral
from pathlib import Path, PurePath
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from statewise.disk.reading import read_file
from statewise.errors import UsageError, flag_of
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
SOURCE = "source"
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
    name = _title(kind)
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
    found = checked_values(kind, values)
    needed = [field.name for field in dataclasses.fields(kind) if _is_needed(field)]  # type: ignore[arg-type]
    for key in needed:
        if key not in found:
            raise UsageError(f"setting {_named(key)} of {name} is missing: give it")
    return kind(**found)


def checked_values(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of some settings as the declared types. Raises `UsageError` for one that does not fit.

    >>> from statewise.tasks.text.task import Text
    >>> checked_values(Text, {"hidden_size": "64", "source": ["a.txt", "b.txt"]})
    {'hidden_size': 64, 'source': ('a.txt', 'b.txt')}
    """
    from pydantic import ValidationError

    try:
        found = _types_of(kind).validate_python(as_flags_take_them(kind, values))
    except ValidationError as error:
        raise UsageError(_first_line(error.errors()[0], _title(kind))) from None
    return {name: found[name] for name in values}


def checked_fields(task: Any) -> dict[str, Any]:
    """Return the values of a task that is being made, of the declared types; tables in memory are checked when read.

    Raises `UsageError` for a value that does not fit.
    """
    values = {name: getattr(task, name) for name in fields_of(type(task))}
    source = values.get(SOURCE)
    if not all(isinstance(one, str | PurePath) for one in (source if isinstance(source, list | tuple) else [source])):
        values.pop(SOURCE, None)
    return checked_values(type(task), values)


@cache
def _types_of(kind: type) -> Any:
    from pydantic import TypeAdapter
    from typing_extensions import TypedDict

    hints, make = get_type_hints(kind, include_extras=True), cast(Any, TypedDict)
    types = make(kind.__name__, {name: hints[name] for name in fields_of(kind)}, total=False)
    types.__pydantic_config__ = getattr(kind, "__pydantic_config__", {})
    return TypeAdapter(types)


def _is_needed(field: "dataclasses.Field[Any]") -> bool:
    return field.init and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _title(kind: type) -> str:
    return str(getattr(kind, "name", kind.__name__))


def _named(setting: str) -> str:
    return setting if setting == SOURCE else flag_of(setting)


def as_flags_take_them(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as a command line would have given them: a path or a number as text, one word as several.

    Only where a setting takes text, or several words, and was given neither.

    >>> from statewise.tasks.forecast.task import Forecast
    >>> as_flags_take_them(Forecast, {"source": Path("a.csv"), "horizon": 24, "target": "load", "hidden_size": 64})
    {'source': 'a.csv', 'horizon': '24', 'target': ('load',), 'hidden_size': 64}
    """
    kinds = _kinds_of_fields(kind)
    return {name: _as_flag(kinds[name], value) for name, value in values.items()}


@cache
def _kinds_of_fields(kind: type) -> dict[str, list[Any]]:
    return {name: _kinds_of(hint) for name, hint in get_type_hints(kind).items()}


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
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, UsageError):
        return str(cause)
    given = " ".join(repr(error["input"]).split())
    given = given if len(given) <= MOST_SHOWN else f"{given[:MOST_SHOWN]} ..."
    return f"setting {_named(place)} of {name} cannot be {given}: {error['msg'][:1].lower()}{error['msg'][1:]}"
