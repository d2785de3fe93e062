"""Arguments of a task's methods, out of what a client sent: those that the signature names, by their own types."""

import inspect
import os
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from types import NoneType
from typing import Annotated, Any, Self, final

import numpy as np
from annotated_doc import Doc
from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError, create_model

from statewise.errors import UsageError
from statewise.inputs import FILE, OF_COMMANDS, TABLE
from statewise.registry import unknown

MOST = 10_000
EXTRA, LONGEST_NAME = "extra_forbidden", 100
"No whole number may be larger but a seed: what a call asks for must be feasible."

UNBOUNDED = "seed"
NOT_SENT = frozenset({"stream"})
"What a method takes from its own program alone."

Cell = str | int | float | bool | None
Rows = Annotated[
    list[dict[str, Cell]] | dict[str, list[Cell]] | None,
    Field(description="rows, as objects by the names of columns; or columns, as lists by name"),
]


@final
class MethodArguments:
    """The arguments that a method takes from a client. Raises `UsageError` for one that is unknown or does not fit."""

    def __init__(self, name: str, parameters: Mapping[str, inspect.Parameter], most: int) -> None:
        self._name, self._parameters, self._most = name, dict(parameters), most

    @classmethod
    def of(cls, method: Callable[..., Any], most: int = MOST) -> Self:
        """Return those of a method that are annotated with `Doc`, or settings, and hold no path and no object.

        A table is one only where the annotation has `statewise.inputs.TABLE`: it is sent as rows or columns, for a name
        of a file would be opened.
        """
        taken = {
            name: parameter
            for name, parameter in inspect.signature(method).parameters.items()
            if name not in NOT_SENT and _is_sent(parameter)
        }
        return cls(getattr(method, "__qualname__", "ServerSettings"), taken, most)

    @property
    def table(self) -> str | None:
        """The name of the argument that is a table."""
        return next((name for name, parameter in self._parameters.items() if TABLE in _notes(parameter)), None)

    @property
    def files(self) -> frozenset[str]:
        """The names of the arguments that hold the bytes of a file."""
        return frozenset(name for name, parameter in self._parameters.items() if FILE in _notes(parameter))

    def __contains__(self, name: object) -> bool:
        return name in self._parameters

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what was given, checked; what was not is left to the method."""
        try:
            checked = self._model.model_validate(dict(given))
        except ValidationError as error:
            raise UsageError(self._first_problem(error.errors())) from None
        values = {name: getattr(checked, name) for name in checked.model_fields_set}
        for name, value in values.items():
            if type(value) is int and value > self._most and name != UNBOUNDED:
                raise UsageError(f"{name} {value} is too much for one call: give at most {self._most}")
            if value is not None and name == self.table:
                values[name] = SentTable.of(value)
        return values

    def schema(self) -> dict[str, Any]:
        """Return the arguments as a JSON schema."""
        return self._model.model_json_schema()

    def _first_problem(self, errors: Any) -> str:
        """Return the first thing that is wrong; for an argument that is not known, those there are."""
        first = errors[0]
        if first["type"] != EXTRA or len(first["loc"]) != 1:
            return first_problem(errors)
        name = str(first["loc"][0])[:LONGEST_NAME]
        if not self._parameters:
            return f"unknown argument '{name}': give none"
        return unknown("argument", name, self._parameters)

    @cached_property
    def _model(self) -> type[BaseModel]:
        fields: dict[str, Any] = {name: _field(parameter) for name, parameter in self._parameters.items()}
        config = ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)
        return create_model(self._name, __config__=config, **fields)


@final
class SentTable(dict[str, Any]):
    """A table that was sent: arrays of cells by the names of their columns.

    >>> table = SentTable.of([{"load": 1.5}, {"load": None, "day": "2026-01-02"}])
    >>> {name: column.tolist() for name, column in table.items()}
    {'load': [1.5, None], 'day': [None, '2026-01-02']}
    """

    @classmethod
    def of(cls, sent: Sequence[Mapping[str, Cell]] | Mapping[str, Sequence[Cell]]) -> Self:
        """Return a table of rows or of columns. Raises `UsageError` for columns of unequal lengths."""
        if not isinstance(sent, Mapping):
            names = dict.fromkeys(name for row in sent for name in row)
            return cls({name: _column([row.get(name) for row in sent]) for name in names})
        lengths = {name: len(cells) for name, cells in sent.items()}
        if len(set(lengths.values())) > 1:
            raise UsageError(f"the columns of the table have {min(lengths.values())} to {max(lengths.values())} cells")
        return cls({name: _column(cells) for name, cells in sent.items()})


def _column(cells: Sequence[Cell]) -> Any:
    array = np.empty(len(cells), dtype=object)
    array[:] = cells
    return array


SentTable.__name__ = "table"  # which is what messages call it


def first_problem(errors: Any) -> str:
    """Return the first thing that is wrong with a body in one line, without what was sent."""
    error = errors[0]
    place = ".".join(str(part) for part in error["loc"] if part != "body")
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{place[:100]}: {message}" if place else message


def _notes(parameter: inspect.Parameter) -> tuple[Any, ...]:
    return getattr(parameter.annotation, "__metadata__", ())


def _is_sent(parameter: inspect.Parameter) -> bool:
    notes = _notes(parameter)
    is_setting = parameter.kind is inspect.Parameter.KEYWORD_ONLY
    if TABLE in notes or OF_COMMANDS in notes:
        return TABLE in notes
    return (is_setting or any(isinstance(note, Doc) for note in notes)) and not _holds_objects(parameter.annotation)


def _holds_objects(annotation: Any) -> bool:
    """Tell whether an annotation lets a path in, or anything at all."""
    if typing.get_origin(annotation) is Annotated:
        annotation = typing.get_args(annotation)[0]
    if annotation is Any or (isinstance(annotation, type) and issubclass(annotation, os.PathLike)):
        return True
    args = [arg for arg in typing.get_args(annotation) if arg is not Any or not _is_sequence(annotation)]
    return any(_holds_objects(arg) for arg in args if not isinstance(arg, str | int))


def _is_sequence(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Sequence)


def _exactly(annotation: Any) -> Any:
    """Return the type of a setting such that a number has to be one: no truth value, no text, no 2.0 for 2."""
    plain = typing.get_args(annotation)[0] if typing.get_origin(annotation) is Annotated else annotation
    kinds = set(typing.get_args(plain)) or {plain}
    return Annotated[annotation, Strict()] if kinds <= {int, float, bool, str, NoneType} else annotation


def _field(parameter: inspect.Parameter) -> tuple[Any, Any]:
    notes = _notes(parameter)
    kind = Any if parameter.annotation is inspect.Parameter.empty else parameter.annotation
    kind = Rows if TABLE in notes else _exactly(kind)
    said = next((note.documentation for note in notes if isinstance(note, Doc)), None)
    default = ... if parameter.default is inspect.Parameter.empty else parameter.default
    return kind, Field(default, description=said)
