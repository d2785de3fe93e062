"""A source is the name of a thing; a thing itself is told from its name."""

from pathlib import Path

import pytest

from statewise.data.naming import path_of
from statewise.data.tables.tables import column_names
from statewise.data.texts import find_files
from statewise.errors import UsageError
from statewise.tasks.forecast.task import Forecast
from statewise.tasks.text.task import Text


@pytest.mark.parametrize("text", ["It was the best of times.\n" * 3, "x" * 300, "a/" + "\N{SNOWMAN}" * 90, "nul\0"])
def test_a_text_in_the_place_of_a_path_is_told_in_one_line(text: str) -> None:
    for ask in (
        lambda: path_of(text),
        lambda: find_files([text]),
        lambda: column_names(text),
        lambda: Text(source=text).prepare(Path("cache")),
        lambda: Forecast(source=text).prepare(Path("cache")),
    ):
        with pytest.raises(UsageError, match="characters, not the name of one: write it to a file") as raised:
            ask()
        assert len(str(raised.value)) < 200
        assert "\n" not in str(raised.value)


def test_a_home_folder_that_is_not_there_is_a_folder_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="is neither a file"):
        find_files(["~nobody-of-that-name/book.txt"])
    assert path_of("~/book.txt") == Path.home() / "book.txt"
