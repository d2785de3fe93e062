"""What users give one step is checked by its type in JSON, and told in their words where it cannot be read."""

from pathlib import Path
from typing import Any

import pytest

import statewise
from statewise.data.codec import Bytes, Characters
from statewise.errors import UsageError
from statewise.inputs import Inputs, json_types_of

TEXT = statewise.Text(source="book.txt")


@pytest.mark.parametrize(
    ("x", "types"),
    [
        (1, {"integer", "number"}),
        (1.5, {"number"}),
        (float("inf"), set()),
        (True, {"boolean"}),
        ("1", {"string"}),
        ([1], {"array"}),
        ({"a": 1}, {"object"}),
        (None, {"null"}),
        (b"1", set()),
    ],
)
def test_a_value_has_the_types_that_json_gives_it(x: object, types: set[str]) -> None:
    assert json_types_of(x) == types


def test_an_input_of_another_type_is_shown_as_it_was_sent_with_what_to_give() -> None:
    inputs = Inputs("a row of the table", ("object", "number"), {"load": 70.5})
    assert inputs.check({"load": 1}) == {"load": 1}
    assert inputs.check(3) == 3
    for x, shown in ((True, "true"), (None, "null"), ("a" * 99, '"aaa'), ([1, [2]], r"\[1, \[2\]\]")):
        with pytest.raises(
            UsageError, match=f'^the input {shown}.* cannot be read: give a row of the table, such as {{"l'
        ):
            inputs.check(x)


def test_a_text_reads_one_character_or_its_code_and_nothing_else() -> None:
    inputs = TEXT.inputs(Characters("\n abé"))
    assert inputs.example == "a"
    assert [inputs.check(x) for x in ("a", "é", "e\u0301", "?", 0, 5)] == [3, 5, 5, 0, 0, 5]
    assert inputs.split is not None
    assert inputs.split("ab?") == [3, 4, 0]
    wrong: list[tuple[Any, str]] = [
        (1.5, 'the input 1.5 cannot be read: give one character, or its code from 0 to 5, such as "a"'),
        (True, "the input true cannot be read: give one character"),
        (None, "the input null cannot be read"),
        ("ab", "the input has 2 characters: give one character, or its code from 0 to 5, or read them all as a text"),
        ("", "the input has 0 characters"),
        (6, "there is no code 6: give one character, or its code from 0 to 5"),
        (-1, "there is no code -1"),
        (2**80, "there is no code 1208925819614629174706176"),
    ]
    for x, message in wrong:
        with pytest.raises(UsageError) as caught:
            inputs.check(x)
        assert str(caught.value).startswith(message)


def test_a_text_of_bytes_reads_bytes() -> None:
    inputs = statewise.Text(source="book.txt", unit="byte").inputs(Bytes())
    assert [inputs.check(x) for x in ("A", 195, "\n")] == [65, 195, 10]
    with pytest.raises(UsageError, match="the input has 2 bytes: give one byte, or its code from 0 to 255"):
        inputs.check("é")


def test_a_recommender_reads_ids_and_titles(by_recommender: Path) -> None:
    model = statewise.load("run")
    inputs = model.task.inputs(model.codec)
    assert inputs is not None
    title, id = model.codec.name(3), model.codec.ids[3]
    assert [inputs.check(x) for x in (title, id)] == [3, 3]
    assert inputs.check(inputs.example) == 0
    with pytest.raises(UsageError, match="no item that training saw is called '1234567'"):
        inputs.check(1234567)
    with pytest.raises(UsageError, match=r"the input 1\.5 cannot be read: give the id or the title of an item"):
        inputs.check(1.5)
