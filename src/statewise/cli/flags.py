"""Arguments and flags, made from what a task says of itself: its fields, and the signatures of its methods."""

import inspect
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, fields
from typing import Annotated, Any

import typer
from annotated_doc import Doc

from statewise.errors import flag_of

SOURCE = "source"
Parameter = inspect.Parameter


def flags_of_fields(kind: type) -> list[Parameter]:
    """Return a flag for each field that is annotated with `Doc`, and an argument for a task's source."""
    hints = typing.get_type_hints(kind, include_extras=True)
    parameters = [
        argument(SOURCE, hints[SOURCE], metavar="PATH")
        if field.name == SOURCE
        else flag(field.name, hints[field.name], None if field.default is MISSING else field.default)
        for field in fields(kind)
        if typing.get_origin(hints[field.name]) is Annotated
    ]
    return sorted(parameters, key=lambda parameter: parameter.name != SOURCE)


def flags_of_methods(methods: Sequence[Callable[..., Any]]) -> list[Parameter]:
    """Return what is annotated with `Doc` in the signatures of some methods: the first to name a thing describes it."""
    found: dict[str, Parameter] = {}
    for method in methods:
        for parameter in _described(method):
            found.setdefault(parameter.name, parameter)
    # Arguments come before flags on a usage line.
    return sorted(found.values(), key=lambda parameter: not isinstance(_note(parameter), typer.models.ArgumentInfo))


def _described(method: Callable[..., Any]) -> Iterator[Parameter]:
    for name, parameter in inspect.signature(method).parameters.items():
        if typing.get_origin(parameter.annotation) is Annotated:
            if parameter.kind is Parameter.KEYWORD_ONLY:
                yield flag(name, parameter.annotation, parameter.default)
            else:
                yield argument(name, parameter.annotation)


def argument(name: str, hint: Any, *, metavar: str | None = None) -> Parameter:
    """Return an argument that may be left out; several are taken where its type is a tuple."""
    note = typer.Argument(metavar=metavar or name.upper(), help=_words(hint))
    return parameter(name, Annotated[_value_type(hint) | None, note])


def flag(name: str, hint: Any, default: Any) -> Parameter:
    """Return a flag that may be left out, its default named in the help; it is repeated where its type is a tuple.

    A name that is a word of Python has a `_` after it there, as `class_`, and none as a flag.
    """
    spelled, value_type = flag_of(name), _value_type(hint)
    if value_type is bool:
        spelled, default = (f"{spelled}/--no-{spelled[2:]}", None) if default is True else (spelled, None)
    shown = (
        ""
        if default in (None, (), "")
        else f" [default: {', '.join(default) if isinstance(default, tuple) else default}]"
    )
    spellings = [spelled, f"-{name}"] if len(name) == 1 else [spelled]
    option = typer.Option(*spellings, help=_words(hint) + shown, show_default=False)
    return parameter(name, Annotated[value_type | None, option])


def parameter(name: str, hint: Any, default: Any = None) -> Parameter:
    """Return a keyword of a function that is made."""
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def with_parameters(function: Callable[..., None], parameters: Sequence[Parameter]) -> Callable[..., None]:
    """Let a function of any keywords take exactly these."""
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return function


def given_of(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values that were given."""
    return {name: value for name, value in values.items() if value not in (None, [])}


def _words(hint: Any) -> str:
    return next((note.documentation for note in hint.__metadata__ if isinstance(note, Doc)), "")


def _note(parameter: Parameter) -> Any:
    return parameter.annotation.__metadata__[0]


def _bare(hint: Any) -> Any:
    """Return a type without what is noted of it, such as its bounds."""
    return hint.__origin__ if typing.get_origin(hint) is typing.Annotated else hint


def _parts(hint: Any) -> list[Any]:
    value_type = typing.get_args(hint)[0]
    parts = typing.get_args(value_type) if isinstance(value_type, types.UnionType) else (value_type,)
    return [part for part in parts if part is not type(None)]


def _value_type(hint: Any) -> Any:
    parts = _parts(hint)
    several = [_bare(typing.get_args(part)[0]) for part in parts if typing.get_origin(part) is tuple]
    if not several:
        return parts[0]
    each: Any = several[0] if isinstance(several[0], type) else str  # choices are checked with the settings
    return list[each]
