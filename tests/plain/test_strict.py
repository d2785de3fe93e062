"""JSON and YAML of a stranger: what is not a plain table is refused, and soon, and no word in it stands for more."""

import json
import sys
from typing import Any

import pytest

from statewise.plain.strict_json import read_json
from statewise.plain.strict_yaml import read_yaml, write_yaml

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(n)}: &{chr(n)} [{', '.join([f'*{chr(n - 1)}'] * 9)}]\n" for n in range(ord("b"), ord("k"))
)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Expecting value"),
        (b"\xff", "can't decode byte 0xff"),
        (b"{", "Expecting property name"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"a": 1, "a": 1}', "'a' is named twice"),
        (b"[NaN]", "NaN is not a number"),
        (b"[-Infinity]", "-Infinity is not a number"),
        (b"[1e999]", "1e999 is too large a number"),
        (b"[9223372036854775808]", "9223372036854775808 has more than 63 bits"),
        (b"[" + b"9" * 1_000_000 + b"]", "has more than 63 bits"),
        (b"[" + b"0," * 9_000_000 + b"0]", "it has more than 8,388,608 values"),
    ],
)
def test_json_that_is_none_or_out_of_bounds_says_why(content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_json(content)


def test_json_may_say_infinity_where_that_is_asked_for() -> None:
    assert read_json(b"[Infinity, 1e999, 3]", any_number=True) == [float("inf"), float("inf"), 3]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: [1", "expected ',' or ']'"),
        (b"\xff", "can't decode byte 0xff"),
        (b"a: b: c", "mapping values are not allowed"),
        (BOMB.encode(), "it refers to 'a' by an alias"),
        (b"&a [*a]", "it refers to 'a' by an alias"),
        (b"a: 1\na: 2", "'a' is named twice"),
        (b"a: {b: 1, b: 1}", "'b' is named twice"),
        (b"[" * 100_000, "is nested in more than 20"),
        (b"a: [" + b"1, " * 100_000 + b"1]", "more than 100,000 parts"),
        (b"a: 99999999999999999999", "more than 63 bits"),
        (b"a: " + b"9" * 5000, "exceeds the limit|Exceeds the limit"),
        (b"a: .inf", "inf is not a number"),
        (b"a: 2001-01-01", "2001-01-01 is read as a date, no plain value: put it in quotes"),
        (b"a: 2001-99-99", "month must be in 1..12"),
        (b"3: a", "3 stands where a name should"),
        (b"? [a]\n: b", "unhashable"),
        (b"a: !!int b", "it has the tag tag:yaml.org,2002:int: write plain values"),
        (b"!!python/object/apply:os.getcwd []", "it has the tag tag:yaml.org,2002:python"),
        (b"--- a\n--- b", "expected a single document"),
    ],
)
def test_yaml_that_is_none_or_out_of_bounds_says_why_in_one_line(content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        read_yaml(content)
    assert "\n" not in str(raised.value)


def test_what_is_written_as_yaml_is_read_as_it_was_and_without_an_alias() -> None:
    twice = ["x", 1.5, None, True, "2001-01-01", "=", "\x1b", "日本"]
    values: dict[str, Any] = {"a": twice, "b": twice, "c": {"d": -3, "e": "", "f": "a: b"}, "z": sys.maxsize}
    written = write_yaml(values)
    assert read_yaml(written.encode()) == values
    assert "&" not in written
    assert read_json(json.dumps(values).encode()) == values
