"""Tables of what is struck in a film, of our own and in the layout of the Greatest Hits."""

from pathlib import Path

import pytest

from statewise.data.sounding.film_hits import FilmHit, hits_table, read_hits
from statewise.errors import DataError


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    hits = [FilmHit(0.5, 0.25, "wood"), FilmHit(1.25, None, "")]
    path = tmp_path / "a.csv"
    path.write_text(hits_table(hits))
    assert read_hits(path) == hits


def test_rows_are_sorted_by_time_and_names_of_columns_may_be_others(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Label,Start\nWood,2\n\nmetal,0.5\nnone,3\n")
    assert read_hits(path) == [FilmHit(0.5, None, "metal"), FilmHit(2.0, None, "wood"), FilmHit(3.0, None, "")]


def test_a_list_of_the_greatest_hits_is_read(tmp_path: Path) -> None:
    path = tmp_path / "2015_times.txt"
    path.write_text("3.5 cloth hit static\n1.25 None None None\n7 metal scratch deform\n")
    assert read_hits(path) == [FilmHit(1.25, None, ""), FilmHit(3.5, None, "cloth"), FilmHit(7.0, None, "metal")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a,b\n1,2\n", "no column seconds, time or start"),
        (b"seconds\nnow\n", "line 2 has 'now' where a number is wanted"),
        (b"seconds\nnan\n", "line 2 has 'nan' where a number is wanted"),
        (b"seconds,strength\n1,2\n", "line 2 has a strength of 2: give 0 to 1"),
        (b"seconds\n\xff\n", "not UTF-8 at byte 8"),
    ],
)
def test_a_table_that_cannot_be_read_is_named_with_its_line(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=told):
        read_hits(path)
