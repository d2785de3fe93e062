"""Names for things: how a task, cell, head, corpus or command is found without importing the rest.

What is installed announces itself through entry points, so another package's cell is found like ours.
"""

import difflib
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Literal

from statewise.errors import StatewiseError, UsageError

Kind = Literal["tasks", "cells", "heads", "encoders", "corpora", "commands", "zoo"]

SINGULAR = {
    "tasks": "task",
    "cells": "cell",
    "heads": "head",
    "encoders": "encoder",
    "corpora": "corpus",
    "commands": "command",
    "zoo": "run of the zoo",
}
_registered: dict[tuple[Kind, str], object] = {}


@cache
def _announced(kind: Kind) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"statewise.{kind}")}


def names(kind: Kind) -> list[str]:
    """Return every known name of a kind, in order, without importing anything.

    >>> {"elman", "gru", "lstm"} <= set(names("cells"))
    True
    """
    return sorted({*_announced(kind), *(name for of, name in _registered if of == kind)})


def find(kind: Kind, name: str) -> object:
    """Import and return the thing of that name.

    Raises `UsageError`, with the nearest known name, where there is none, and where its package cannot be imported.

    >>> find("cells", "lstm").__name__
    'LSTM'
    """
    if (kind, name) in _registered:
        return _registered[kind, name]
    if name not in _announced(kind):
        raise UsageError(unknown(SINGULAR[kind], name, names(kind)))
    point = _announced(kind)[name]
    try:
        return point.load()
    except (ImportError, AttributeError, SyntaxError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(
            f"{SINGULAR[kind]} '{name}' cannot be imported as {point.value} ({reason}): mend or uninstall its package"
        ) from error


def those(kind: Kind, suits: Callable[[object], bool]) -> list[str]:
    """Return the names of what suits, in order; what cannot be imported does not.

    >>> those("heads", lambda made: getattr(made, "over", "") == "item")
    ['ranking']
    """
    found = []
    for name in names(kind):
        try:
            found += [name] if suits(find(kind, name)) else []
        except StatewiseError:  # of a package that is broken: it is refused where it is asked for
            continue
    return found


def suitable(kind: Kind, name: str, suits: Callable[[object], bool], wanted: str) -> object:
    """Return the thing of that name, if it suits.

    Raises `UsageError`, with the names of those that do, where it does not do what is `wanted` or there is none.
    """
    known = those(kind, suits)
    if name not in names(kind):
        raise UsageError(unknown(SINGULAR[kind], name, known))
    made = find(kind, name)
    if name not in known:
        raise UsageError(f"{SINGULAR[kind]} {name} does not {wanted}: give one of {', '.join(known)}")
    return made


def register(kind: Kind, name: str, thing: object) -> None:
    """Give a thing of this process a name, as a package does with an entry point.

    >>> register("heads", "mine", "a head of my own")
    >>> find("heads", "mine")
    'a head of my own'
    """
    _registered[kind, name] = thing


def unknown(what: str, given: str, known: Iterable[str]) -> str:
    """Say that a name is not known, and which was probably meant.

    >>> unknown("cell", "lstn", ["elman", "gru", "lstm"])
    "unknown cell 'lstn': did you mean 'lstm'? (known: elman, gru, lstm)"
    """
    known = list(known)
    near = difflib.get_close_matches(given, known, n=1)
    hint = f": did you mean '{near[0]}'?" if near else ":"
    listing = f" (known: {', '.join(known)})" if near else f" known are {', '.join(known)}"
    return f"unknown {what} '{given}'{hint}{listing}"
