"""After a training the commands to try are short enough to be typed."""

from typing import Any

import pytest

import statewise
from statewise.cli.next_commands import LONGEST, next_commands


@pytest.mark.parametrize(
    ("example", "predict"),
    [({"prompt": "It was"}, ["It was"]), ({"prompt": "x" * (LONGEST + 1)}, ["--help"]), ({}, [])],
)
def test_an_example_that_no_person_types_is_not_printed(
    example: dict[str, Any], predict: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statewise.Text, "example_question", lambda self, codec: example)
    commands = next_commands("r", statewise.Text(source="book.txt"), None)
    assert commands[0] == ["statewise", "predict", "r", *predict]
