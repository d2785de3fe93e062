"""What a page needs to ask for a training: the settings of each task as JSON schemas, with help, limits and flags."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast, get_args, get_origin, get_type_hints

from annotated_doc import Doc

from statewise import registry
from statewise.errors import StatewiseError, flag_of
from statewise.run.config import SOURCE, build, fields_of, schema
from statewise.run.recipe import Recipe
from statewise.task import Task

Group = Literal["data", "budget", "model", "task", "training"]
BUDGET = ("minutes", "epochs", "updates")
MODEL = ("cell", "hidden_size", "layers", "encoder", "head")
NAMED: Mapping[str, registry.Kind] = {"cell": "cells", "head": "heads", "encoder": "encoders"}
"Settings that are names of registered things."


def tasks() -> list[dict[str, Any]]:
    """Return each known task in a line; one whose package is broken, or needs an extra, with what it lacks."""
    return [_in_short(name) for name in registry.names("tasks")]


def _in_short(name: str) -> dict[str, Any]:
    try:
        kind = task_named(name)
    except StatewiseError as error:
        return {"name": name, "title": "", "problem": str(error)}
    return {"name": name, "title": kind.title, "example": kind.example, "page": kind.page}


def task_named(name: str) -> type[Task]:
    """Return a task by its name. Raises `UsageError` for one that is not known."""
    return cast(type[Task], registry.find("tasks", name))


def form_of(kind: type[Task]) -> dict[str, Any]:
    """Return the settings of a task in the order of its fields, each a JSON schema with `flag` and `group`.

    >>> from statewise.tasks.text.task import Text
    >>> found = {setting["name"]: setting for setting in form_of(Text)["settings"]}
    >>> found["layers"]["flag"], found["layers"]["minimum"], found["layers"]["group"]
    ('--layers', 1, 'model')
    """
    described = schema(kind)
    properties, hints = described.get("properties", {}), get_type_hints(kind, include_extras=True)
    settings = [
        {"name": field.name, **_described(field, hints[field.name], properties.get(field.name, {}))}
        for field in dataclasses.fields(kind)
        if is_flag(hints[field.name])
    ]
    order = list(get_args(Group))
    settings.sort(key=lambda setting: order.index(setting["group"]))
    shown = {"task": kind.name, "title": kind.title, "example": kind.example, "content": kind.content}
    return {**shown, "settings": settings}


def is_flag(hint: Any) -> bool:
    """Say whether a field with this annotation is given on a command line."""
    return any(isinstance(note, Doc) for note in getattr(hint, "__metadata__", ()))


def _described(field: "dataclasses.Field[Any]", hint: Any, properties: Mapping[str, Any]) -> dict[str, Any]:
    name = field.name
    said = next(note.documentation for note in hint.__metadata__ if isinstance(note, Doc))
    described = {**properties, "description": said, "flag": flag_of(name), "group": _group(name)}
    if field.default is not dataclasses.MISSING:
        default = field.default
        described["default"] = list(default) if isinstance(default, tuple) else default
    else:
        described["required"] = True
    if name in NAMED:
        described["suggestions"] = registry.names(NAMED[name])
    return described


def _group(name: str) -> Group:
    if name == SOURCE:
        return "data"
    if name in BUDGET:
        return "budget"
    if name in MODEL:
        return "model"
    return "training" if name in fields_of(Recipe) else "task"


def arguments_of(kind: type[Task], settings: Mapping[str, Any]) -> list[str]:
    """Return the words of a command line that says these settings, those that are the default left out.

    Raises `UsageError` for settings that do not fit.

    >>> from statewise.tasks.text.task import Text
    >>> arguments_of(Text, {"source": "book.txt", "layers": 2, "updates": 9, "cell": "lstm"})
    ['book.txt', '--updates', '9', '--layers', '2']
    """
    checked = build(kind, settings)
    hints = get_type_hints(kind, include_extras=True)
    words: list[str] = []
    for field in dataclasses.fields(kind):
        if field.name not in settings or not is_flag(hints[field.name]):
            continue
        value = getattr(checked, field.name)
        if field.name == SOURCE:
            words[:0] = _texts(value)
        elif value != field.default and value is not None:
            words += list(_flags(field.name, value, hints[field.name]))
    return words


def _flags(name: str, value: Any, hint: Any) -> Iterable[str]:
    flag = flag_of(name)
    if isinstance(value, bool):
        yield flag if value else f"--no-{flag[2:]}"
        return
    several = isinstance(value, tuple) or get_origin(hint) is tuple
    for one in _texts(value) if several else [_text(value)]:
        yield f"{flag}={one}" if one.startswith("-") else flag
        if not one.startswith("-"):
            yield one


def _texts(value: Any) -> list[str]:
    return [_text(one) for one in value] if isinstance(value, list | tuple) else [_text(value)]


def _text(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)
