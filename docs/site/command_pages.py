"""The reference of commands and tasks: from the declarations that `--help` prints, with types, bounds and defaults."""

import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from annotated_doc import Doc
from annotated_types import Ge, Le

from statewise import registry
from statewise.cli.app import app
from statewise.cli.flags import SOURCE
from statewise.cli.train import COMMON as OF_TRAINING
from statewise.cli.use import VERBS
from statewise.errors import flag_of
from statewise.run.recipe import Recipe
from statewise.server.settings import ListenOptions, ServerSettings
from statewise.studio.options import StudioOptions
from statewise.task import Task

BY_TASK = {"train", "tune"}
SETTINGS: dict[str, list[Any]] = {"serve": [ListenOptions, ServerSettings], "studio": [StudioOptions]}
KINDS = {int: "whole number", float: "number", str: "text", bool: "switch", Path: "path"}
SHARED = {field.name for kind in (Recipe, Task) for field in fields(kind)}
"Settings of every task; their defaults may differ."


class Row(NamedTuple):
    """What a command takes: how it is written, of what type and within which bounds, its default, and what it does."""

    written: str
    takes: str
    default: str
    words: str


def pages() -> tuple[list[Any], dict[str, str]]:
    """Return the navigation of the reference of commands, and its pages by name."""
    found = dict(commands())
    written = {f"commands/{name.replace(' ', '-')}.md": command_page(name, one) for name, one in found.items()}
    written |= {f"tasks/{name}.md": task_page(name) for name in registry.names("tasks")}
    written["commands/index.md"] = _index(found)
    written["tasks/index.md"] = _task_index()
    by_name = [{name: f"reference/commands/{name.replace(' ', '-')}.md"} for name in found]
    by_task = [{name: f"reference/tasks/{name}.md"} for name in registry.names("tasks")]
    return [
        "reference/commands/index.md",
        *by_name,
        {"Tasks and their settings": ["reference/tasks/index.md", *by_task]},
    ], written


def commands() -> Iterator[tuple[str, Any]]:
    """Yield every command by its name; of those that have one for each task, what all of them take."""
    import typer

    group: Any = typer.main.get_command(app)
    for name in group.list_commands(None):
        one = group.get_command(None, name)
        if name in BY_TASK or not hasattr(one, "list_commands"):
            yield name, one
        else:
            yield from ((f"{name} {inner}", one.get_command(None, inner)) for inner in one.list_commands(None))


def command_page(name: str, command: Any) -> str:
    """Return the page of a command."""
    parts = [f"# statewise {name}", _sentence(command.help or command.get_short_help_str(200))]
    if name in BY_TASK:
        some = command.get_command(None, "text")
        own = {field.name for field in fields(typing.cast(Any, registry.find("tasks", "text")))}
        parts.append(f"`statewise {name} TASK [OPTIONS] [PATH]...`")
        parts.append(_table([_of_click(one) for one in some.params if one.name not in own]))
        known = ", ".join(f"[{task}](../tasks/{task}.md)" for task in registry.names("tasks"))
        parts.append(f"The settings of each task are flags too: {known}.")
    else:
        parts.append(f"`{_usage(name, command)}`")
        settings = dict(_of_fields(SETTINGS[name])) if name in SETTINGS else {}
        parts.append(_table([_of_click(one, settings) for one in command.params if one.name != "help"]))
    if name in VERBS:
        taken = ", ".join(f"[{task}](../tasks/{task}.md#{name}-a-run)" for task in registry.names("tasks"))
        parts.append(f"What the task of the run takes besides: {taken}.")
    return "\n\n".join(part for part in parts if part) + "\n"


def task_page(name: str) -> str:
    """Return the page of a task: its settings, and what its verbs take."""
    kind = typing.cast("type[Task]", registry.find("tasks", name))
    rows = dict(sorted(_of_fields([kind]), key=lambda one: one[0] != SOURCE))
    own = [row for key, row in rows.items() if key not in SHARED]
    shared = [row for key, row in rows.items() if key in SHARED]
    parts = [
        f"# {name}",
        f"{_sentence(kind.title)} From Python it is [`{kind.__name__}`][{_python_path(kind)}], "
        "whose arguments have the same names, with `_` in place of `-`; in a file of settings (`--config`) too.",
        f"## Train\n\n`statewise train {name} [OPTIONS] [PATH]...`, `statewise tune {name} [OPTIONS] [PATH]...`",
        "### Settings of this task",
        _table(own),
        "### Settings of every training",
        _table(shared),
        f"Besides: {', '.join(f'`{flag_of(key)}`' for key in OF_TRAINING)} ([train](../commands/train.md)).",
    ]
    for verb, (words, _, extra, methods) in VERBS.items():
        given = [_of_click(one) for one in _made(extra)] + list(_of_methods([getattr(kind, one) for one in methods]))
        parts += [f"## {verb.capitalize()} a run", f"`statewise {verb} RUN ...`: {words}", _table(given)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _made(parameters: Any) -> list[Any]:
    """Return what click makes of parameters as a command declares them."""
    import typer

    from statewise.cli.flags import with_parameters

    alone = typer.Typer(add_completion=False)
    alone.command("alone")(with_parameters(lambda **given: None, list(parameters)))
    return list(typer.main.get_command(alone).params)


def _python_path(kind: type) -> str:
    import statewise

    return f"statewise.{kind.__name__}" if kind.__name__ in statewise.__all__ else f"{kind.__module__}.{kind.__name__}"


def _of_fields(kinds: Sequence[Any]) -> Iterator[tuple[str, Row]]:
    """Yield the fields that are flags, by name, each with its row."""
    for kind in kinds:
        hints = typing.get_type_hints(kind, include_extras=True)
        for field in fields(kind):
            if typing.get_origin(hints[field.name]) is typing.Annotated:
                yield field.name, _of_hint(field.name, hints[field.name], field.default)


def _of_methods(methods: list[Callable[..., Any]]) -> Iterator[Row]:
    """Yield what the signatures of methods annotate with `Doc`, as `flags_of_methods` makes flags of it."""
    import inspect

    seen = set()
    for method in methods:
        for name, one in inspect.signature(method).parameters.items():
            if typing.get_origin(one.annotation) is typing.Annotated and name not in seen:
                seen.add(name)
                is_flag = one.kind is inspect.Parameter.KEYWORD_ONLY
                default = MISSING if one.default is inspect.Parameter.empty else one.default
                row = _of_hint(name, one.annotation, default)
                yield row if is_flag else row._replace(written=f"`{name.upper()}`")


def _of_hint(name: str, hint: Any, default: Any) -> Row:
    """Return a row for a field or a parameter that is annotated with `Doc`."""
    said = next((note.documentation for note in hint.__metadata__ if isinstance(note, Doc)), "")
    words, _, usual = said.partition(" [default: ")
    flag = flag_of(name)
    written = "`PATH`" if name == SOURCE else f"`{flag}`, `--no-{flag[2:]}`" if default is True else f"`{flag}`"
    inner, *notes = typing.get_args(hint)
    return Row(written, _takes(inner, notes), usual.rstrip("]") or _default(default), words)


def _takes(hint: Any, notes: Any = ()) -> str:
    """Return a type and its bounds in words.

    >>> _takes(int | None, [Ge(1), Le(9000)]), _takes(Literal["a", "b"]), _takes(tuple[str, ...])
    ('whole number, from 1 to 9,000', '`a`, `b`', 'text, several')
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _takes(inner[0], [*inner[1:], *notes])
    if origin is Literal:
        return ", ".join(f"`{one}`" for one in inner)
    if origin in (tuple, list):
        return f"{_takes(inner[0], notes)}, several"
    if (inner and type(None) in inner) or origin in (typing.Union, types.UnionType):
        kinds = [_takes(one, notes) for one in inner if one is not type(None)]
        return " or ".join(one for one in dict.fromkeys(kinds) if f"{one}, several" not in kinds)
    words = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}
    numbers = [(said, getattr(note, name, None)) for note in notes for name, said in words.items()]
    bounds = " ".join(f"{said} {number:,.12g}" for said, number in numbers if number is not None)
    return ", ".join(filter(None, [KINDS.get(hint, getattr(hint, "__name__", str(hint))), bounds]))


def _of_click(one: Any, settings: Mapping[str, Row] = MappingProxyType({})) -> Row:
    """Return a row for what a command line takes; where it is a setting of a server, that says more of it."""
    if one.name in settings:
        return settings[one.name]
    is_argument = one.param_type_name == "argument"
    written = _argument(one) if is_argument else ", ".join(one.opts + one.secondary_opts)
    words, _, default = (one.help or "").partition(" [default: ")
    notes = [kind(n) for kind, n in ((Ge, one.min), (Le, one.max)) if n is not None]
    shown = default.rstrip("]") or _default(None if is_argument else one.default)
    return Row(f"`{written}`", _takes(one.type_descriptor.annotation, notes), shown, words)


def _argument(one: Any) -> str:
    return str(one.metavar or one.name.upper())


def _usage(name: str, command: Any) -> str:
    arguments = [_argument(one) for one in command.params if one.param_type_name == "argument"]
    return " ".join(["statewise", name, "[OPTIONS]", *arguments])


def _default(value: Any) -> str:
    if value in (MISSING, None, (), "", False) and not (value == 0 and value is not False):
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else "on" if value is True else str(value)


def _table(rows: list[Row]) -> str:
    lines = [
        f"| {' | '.join(part.replace('|', chr(92) + '|').replace(chr(10), ' ') for part in row)} |" for row in rows
    ]
    return "\n".join(["| written | takes | default | what it does |", "|---|---|---|---|", *lines]) if rows else ""


def _index(found: dict[str, Any]) -> str:
    rows = [
        f"| [`{name}`]({name.replace(' ', '-')}.md) | {one.get_short_help_str(200)} |" for name, one in found.items()
    ]
    return "\n".join(
        [
            "# Commands\n\nWhat `statewise COMMAND --help` prints, from the same declarations. Results go to standard "
            "output, progress to standard error. Exit codes: 0, 1 where a run failed, 2 for what cannot be done as "
            "it was asked, 130 and 143 after an interrupt that saved.\n",
            "| command | what it does |\n|---|---|",
            *rows,
            "\nThe settings of each task: [tasks](../tasks/index.md).\n",
        ]
    )


def _task_index() -> str:
    rows = [
        f"| [`{name}`]({name}.md) | {typing.cast(Any, registry.find('tasks', name)).title} |"
        for name in registry.names("tasks")
    ]
    return "\n".join(["# Tasks and their settings\n", "| task | what it does |\n|---|---|", *rows, ""])


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "?", "!")) else f"{text}."
