"""YAML as a file of ours must be: plain values, no alias, no name twice, and numbers, nesting and length in bounds."""

import math
from typing import Any

import yaml

from statewise.plain.strict_json import LARGEST_WHOLE, said_twice
from statewise.shown import in_line

LARGEST_YAML = 1 << 22
MOST_PARTS = 100_000
DEEPEST = 20

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(content: bytes) -> Any:
    """Return what some YAML says.

    Raises `ValueError` where it is none, says one thing twice, refers to itself, has a number of no end or of more than
    63 bits, or goes on or down for too long. An alias takes a word to write and may stand for any amount.

    >>> read_yaml(b"width: 3")
    {'width': 3}
    >>> read_yaml(b"a: &a [x, x]\\nb: *a")
    Traceback (most recent call last):
    ValueError: it refers to 'a' by an alias: write out what that stands for
    """
    try:
        text = content.decode()
        check_parts(text)
        told = yaml.load(text, Loader=_Once)  # a safe loader
    except (yaml.YAMLError, AttributeError, LookupError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(" ".join(in_line(error).split())) from None
    _check_values(told)
    return told


def write_yaml(values: Any) -> str:
    """Return plain values as YAML, in the given order, without an alias."""
    return str(yaml.dump(values, Dumper=_Plain, sort_keys=False, allow_unicode=True))


class _Once(Loader):  # type: ignore[misc]
    """A safe loader that refuses to be told one thing twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping. Raises `ValueError` where a name stands in it twice."""
        twice = said_twice(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        if twice is not None:
            raise ValueError(f"'{twice}' is named twice")
        told: dict[Any, Any] = super().construct_mapping(node, deep)
        return told


class _Plain(yaml.SafeDumper):
    """A dumper that writes a value out again where it stands a second time."""

    def ignore_aliases(self, data: Any) -> bool:
        """Say yes."""
        return True


def check_parts(text: str) -> None:
    """Raise `ValueError` for an alias, for a tag, and for more parts or a deeper nest than a file may have."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=Loader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(  # noqa: TRY004  # it is the file's
                f"it refers to '{event.anchor}' by an alias: write out what that stands for"
            )
        if (tag := getattr(event, "tag", None)) is not None:
            raise ValueError(f"it has the tag {tag}: write plain values")
        if count > MOST_PARTS or depth > DEEPEST:
            raise ValueError(f"it has more than {MOST_PARTS:,} parts, or is nested in more than {DEEPEST}")


def _check_values(told: Any) -> None:
    if isinstance(told, dict):
        if odd := [name for name in told if not isinstance(name, str)]:
            raise ValueError(f"{odd[0]!r} stands where a name should")
        told = list(told.values())
    if isinstance(told, list):
        for value in told:
            _check_values(value)
    elif isinstance(told, int) and abs(told) >= LARGEST_WHOLE:
        raise ValueError("it has a number of more than 63 bits")
    elif isinstance(told, float) and not math.isfinite(told):
        raise ValueError(f"{told} is not a number")
    elif told is not None and not isinstance(told, str | int | float):
        raise ValueError(f"{told} is read as a {type(told).__name__}, no plain value: put it in quotes")
