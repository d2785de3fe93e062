"""What words of built-in types mean, at a moment that is told."""

from datetime import datetime, timezone

import pytest

pytest.importorskip("text_to_num")
from statewise.tasks.dialogue.built_in import resolved_built_in
from statewise.tasks.dialogue.phrases import letters_of

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=timezone.utc)  # noqa: UP017


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("number", "two", "2"),
        ("number", "twenty two people", "22"),
        ("number", "a couple", "2"),
        ("number", "three and a half", "3.5"),
        ("number", "half a dozen", "6"),
        ("number", "1,200", "1200"),
        ("number", "two or three", None),
        ("number", "banana", None),
        ("ordinal", "the twenty third", "23"),
        ("ordinal", "the last one", "-1"),
        ("date", "tomorrow", "2026-12-01"),
        ("date", "the day after tomorrow", "2026-12-02"),
        ("date", "next monday at 10", "2026-12-07"),
        ("date", "on friday", "2026-12-04"),
        ("date", "in two weeks", "2026-12-14"),
        ("date", "the 3rd of june", "2027-06-03"),
        ("date", "may 5th", "2027-05-05"),
        ("date", "december 24 2026", "2026-12-24"),
        ("date", "2027-01-05", "2027-01-05"),
        ("date", "12/24", "2026-12-24"),
        ("date", "the 3rd", "2026-12-03"),
        ("date", "february 29", "2028-02-29"),
        ("date", "may", None),
        ("date", "31 february", None),
        ("date", "two", None),
        ("date", "banana", None),
        ("time", "tonight at 8", "20:00"),
        ("time", "half past six", "06:30"),
        ("time", "quarter to nine in the evening", "20:45"),
        ("time", "8 p.m.", "20:00"),
        ("time", "ten in the morning", "10:00"),
        ("time", "noon", "12:00"),
        ("time", "7:30 am", "07:30"),
        ("time", "18:45", "18:45"),
        ("time", "99:99", None),
        ("time", "whenever", None),
        ("duration", "two hours", "PT2H"),
        ("duration", "an hour and a half", "PT1H30M"),
        ("duration", "three nights", "P3D"),
        ("duration", "a week", "P1W"),
        ("duration", "soon", None),
        ("money", "twenty dollars", "20.00 USD"),
        ("money", "€9.99", "9.99 EUR"),
        ("money", "ten euros", "10.00 EUR"),
        ("money", "five dollars and twenty cents", "5.20 USD"),
        ("money", "cheap", None),
        ("phone", "202 555 0143", "+12025550143"),
        ("phone", "nine one one", "911"),
        ("phone", "banana", None),
        ("email", "ann at example dot com", "ann@example.com"),
        ("email", "Bob.Lee@Example.org", "bob.lee@example.org"),
        ("email", "ann", None),
        ("text", "  no   onions ", "no onions"),
    ],
)
def test_words_mean_what_they_say(kind: str, text: str, value: str | None) -> None:
    assert resolved_built_in(kind, text, NOW, "US").value == value


def test_an_hour_that_may_be_in_the_evening_has_both_values() -> None:
    assert resolved_built_in("time", "at eight", NOW, "US").values == ("08:00", "20:00")
    assert resolved_built_in("time", "at twelve", NOW, "US").values == ("12:00", "00:00")


def test_words_are_spelled_letter_by_letter() -> None:
    assert letters_of("b as in bob, o, double t") == "bott"
    assert letters_of("l e e") == "lee"
    assert letters_of("bob") == letters_of("a") == ""
