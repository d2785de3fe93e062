"""Items are found by id, by title and nearly by title, which is said; a catalogue is read back as it was written."""

import json
from typing import Any

import pytest

from statewise.data.interactions.catalogue import Catalogue, catalogue
from statewise.errors import RunError, UsageError

FILMS = Catalogue(
    ("12", "7", "3", "40"),
    (9, 5, 5, 0),
    ("Alien (1979)", "Aliens (1986)", "Cook, the Thief, His Wife, The (1989)", "Alien (2003)"),
    (("horror",), ("action", "horror"), (), ("horror",)),
)


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("12", 0),
        ("Alien (1979)", 0),
        ("  aliens  ", 1),
        ("ALIEN (2003)", 3),
        ("cook, the thief, his wife, the", 2),
        ("The Cook, the Thief, His Wife (1989)", 2),
    ],
)
def test_an_item_is_found_by_its_id_or_its_title_without_a_word(words: str, number: int) -> None:
    assert FILMS.number(words) == number
    assert FILMS.find(words) == (number, None)


@pytest.mark.parametrize(
    ("words", "number", "notice"),
    [
        ("alien", 0, "'alien' is read as 'Alien (1979)' (id 12), the most frequent of 2 so called"),
        ("Alines (1986)", 1, "'Alines (1986)' is read as 'Aliens (1986)'"),
        ("the cook, the thief, his wiffe", 2, None),
    ],
)
def test_what_is_near_a_title_is_found_and_said_and_is_refused_where_it_cannot_be_said(
    words: str, number: int, notice: str | None
) -> None:
    found = FILMS.find(words)
    assert found.number == number
    assert found.notice == (notice or f"'{words}' is read as 'Cook, the Thief, His Wife, The (1989)'")
    with pytest.raises(UsageError, match=r"(items are called|did you mean)"):
        FILMS.number(words)


@pytest.mark.parametrize("words", ["00099", "0000", "59", "00059x", "000 59"])
def test_an_id_that_was_never_seen_is_no_other_id(words: str) -> None:
    ids = tuple(f"{number:05}" for number in range(60))
    for titles in ((), ids, ("0099 Songs (1983)", *ids[1:])):
        plain = Catalogue(ids, (1,) * 60, titles)
        assert plain.find("00059") == (59, None)
        with pytest.raises(UsageError, match=f"no item that training saw is called '{words}'"):
            plain.find(words)


def test_items_of_one_title_are_told_apart_by_their_ids() -> None:
    two = Catalogue(("a", "b", "c"), (3, 2, 1), ("Heat (1995)", "Heat (1995)", "Ran (1985)"))
    with pytest.raises(UsageError, match=r"^2 items are called 'heat': say 'Heat \(1995\)' \(id a\) or 'Heat"):
        two.number("heat")
    assert two.find("heat").number == 0
    assert two.session("b, ran") == [1, 2]


def test_what_is_no_item_is_said_with_the_nearest() -> None:
    with pytest.raises(
        UsageError, match=r"^no item that training saw is called 'Alias film': did you mean 'Aliens \(1986\)'"
    ):
        FILMS.number("Alias film")
    with pytest.raises(
        UsageError,
        match=r"^no item that training saw is called 'qqqqqqqq': `statewise inspect RUN --names` lists the items$",
    ):
        FILMS.number("qqqqqqqq")
    with pytest.raises(UsageError) as caught:
        FILMS.number("x" * 10**5)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ("Alien (1979), Aliens (1986)", [0, 1]),
        ("7, 12, 7", [1, 0, 1]),
        ("7,12,7\n3", [1, 0, 1, 2]),
        ("cook, the thief, his wife, the (1989), aliens", [2, 1]),
        ("aliens; Cook, the Thief, His Wife, The", [1, 2]),
        (" , aliens,, ", [1]),
        ([7, 12.0, " Aliens "], [1, 0, 1]),
    ],
)
def test_a_session_in_a_line_is_its_items_also_where_titles_hold_commas(words: Any, numbers: list[int]) -> None:
    assert FILMS.session(words) == numbers


@pytest.mark.parametrize("words", ["", "  ", ",;,", []])
def test_an_empty_session_is_refused(words: Any) -> None:
    with pytest.raises(UsageError, match="the session is empty: name at least one item"):
        FILMS.session(words)


def test_items_without_titles_are_called_by_their_ids() -> None:
    plain = Catalogue(("a1", "b2"), (2, 1))
    assert [plain.name(plain.number(words)) for words in ("a1", " b2 ")] == ["a1", "b2"]
    with pytest.raises(UsageError, match="did you mean 'b2'"):
        plain.find("B2")


def test_in_a_large_catalogue_titles_that_share_a_word_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statewise.data.interactions.catalogue.MOST_COMPARED", 2)
    assert FILMS.find("cook, the theef, his wife, the (1989)").number == 2
    with pytest.raises(UsageError):
        FILMS.find("Alines")


def test_a_catalogue_is_read_back_as_it_was_and_says_what_it_has() -> None:
    assert catalogue(json.loads(json.dumps(FILMS.as_json()))) == FILMS
    assert (FILMS.choices, FILMS.trained, FILMS.kinds) == (4, 3, ["action", "horror"])


@pytest.mark.parametrize(
    "spoiled",
    [
        {"unit": "character"},
        {"ids": []},
        {"ids": ["12", 7, "3", "40"]},
        {"supports": [1, 2]},
        {"supports": [1, 2, 3, -4]},
        {"supports": [1, 2, 3, True]},
        {"titles": ["one"]},
        {"features": [["a"], ["b"], [], [3]]},
    ],
)
def test_what_is_no_catalogue_is_refused(spoiled: dict[str, Any]) -> None:
    with pytest.raises(RunError, match=r"codec.json is not a catalogue"):
        catalogue({**FILMS.as_json(), **spoiled})
