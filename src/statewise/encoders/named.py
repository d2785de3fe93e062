"""Encoders by name, of our own and of other packages: those alone that suit a task."""

from typing import Any

from statewise import registry
from statewise.encoders.codes_and_numbers import CodesAndNumbers
from statewise.encoders.encoder import Reads
from statewise.encoders.table import Table

USUAL: dict[Reads, Any] = {"code": Table, "row": CodesAndNumbers}
"What reads a thing where no name is given."


def encoder_named(name: str | None, reads: Reads) -> Any:
    """Return what makes an encoder of that name, which reads such things; without a name, the usual one.

    Raises `UsageError`, with the names that suit, where there is none of that name or it reads something else.

    >>> encoder_named(None, "code").__name__, encoder_named("one_hot", "code").__name__
    ('Table', 'OneHot')
    """
    if name is None:
        return USUAL[reads]
    return registry.suitable("encoders", name, lambda made: getattr(made, "reads", "") == reads, f"read a {reads}")
