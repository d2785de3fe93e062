"""What sources may be besides paths: the forms that a task takes in memory."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Form = Literal["table", "texts", "records", "arrays", "function"]
"""What a task can be given in place of a file: columns, as of a frame; texts, each a string; rows, as mappings or as
tuples; arrays of several axes by name; a function that is found by its module and its name."""
WANTED: dict[Form, str] = {
    "table": "a frame of pandas or polars, a mapping of columns, a NumPy array",
    "texts": "a NumPy array or a series of strings",
    "records": "a frame or a list of rows",
    "arrays": "a mapping of arrays",
    "function": "a function of a module",
}


class InMemory(NamedTuple):
    """What a task takes in memory.

    `names` are those of the cells of a row that is a plain sequence; where there is one name, the row is its value.
    Columns among `paths` name files.
    """

    forms: tuple[Form, ...] = ()
    names: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


def given_sources(source: Any) -> tuple[Any, ...]:
    """Return the sources among what was given: a list of rows is one source, any other list several.

    >>> given_sources(["a.txt", "b.txt"]), given_sources([("cat", "chat"), ("dog", "chien")])
    (('a.txt', 'b.txt'), ([('cat', 'chat'), ('dog', 'chien')],))
    """
    if not isinstance(source, list | tuple):
        return (source,)
    is_rows = bool(source) and all(isinstance(one, Mapping | list | tuple) for one in source)
    return (source,) if is_rows else tuple(source)
