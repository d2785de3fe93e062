"""YAML with the line of each value, so that a message can say where something stands; scalars stay as written."""

from dataclasses import dataclass
from typing import Any

import yaml

from statewise.plain.strict_yaml import LARGEST_YAML, Loader, check_parts
from statewise.shown import in_line

NOTHING = "tag:yaml.org,2002:null"
MAPPING, SEQUENCE = "a mapping", "a list"


@dataclass(frozen=True)
class Lined:
    """A value and its line, from 1: a text as it is written, None, a list of such, or a mapping of names to such.

    `yes`, `12:30` and `007` stay what they are: what a text means is for its reader to say.
    """

    value: Any
    line: int

    @property
    def kind(self) -> str:
        """What it is, in words."""
        if isinstance(self.value, dict | list):
            return MAPPING if isinstance(self.value, dict) else SEQUENCE
        return "nothing" if self.value is None else f"the text '{in_line(self.value, 40)}'"


def read_lined_yaml(content: bytes) -> list[Lined]:
    """Return the documents of some YAML, each with lines.

    Raises `ValueError`, naming the line, where it is not YAML, says one thing twice or refers to itself, and where it
    is too long or too deep.

    >>> read_lined_yaml(b"a: yes")[0].value["a"]
    Lined(value='yes', line=1)
    >>> read_lined_yaml(b"a: 1\\na: 2")
    Traceback (most recent call last):
    ValueError: line 2: 'a' is named twice
    """
    if len(content) > LARGEST_YAML:
        raise ValueError(f"it has more than {LARGEST_YAML:,} bytes")
    try:
        text = content.decode("utf-8-sig")
        check_parts(text)
        return [_lined(node) for node in yaml.compose_all(text, Loader=Loader) if node is not None]
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"{line}{in_line(error.problem or error)}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 at byte {error.start}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(" ".join(in_line(error).split())) from None


def lined(value: Any, line: int = 0) -> Lined:
    """Return plain values as such, all on one line; numbers and truth as YAML writes them.

    >>> lined({"a": [True]}).value["a"].value[0].value
    'true'
    """
    if isinstance(value, dict):
        return Lined({str(name): lined(one, line) for name, one in value.items()}, line)
    if isinstance(value, list | tuple):
        return Lined([lined(one, line) for one in value], line)
    if isinstance(value, bool):
        return Lined(str(value).lower(), line)
    return Lined(value if value is None else str(value), line)


def _lined(node: Any) -> Lined:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Lined] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ValueError(f"line {key.start_mark.line + 1}: {type(key).__name__} stands where a name should")  # noqa: TRY004
            if key.value in found:
                raise ValueError(f"line {key.start_mark.line + 1}: '{in_line(key.value, 60)}' is named twice")
            found[key.value] = _lined(value)
        return Lined(found, line)
    if isinstance(node, yaml.SequenceNode):
        return Lined([_lined(one) for one in node.value], line)
    is_nothing = node.tag == NOTHING or (node.style is None and node.value in ("", "~", "null"))
    return Lined(None if is_nothing else node.value, line)
