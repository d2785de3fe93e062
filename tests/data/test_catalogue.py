"""Items are found by id, by title and nearly by title, and a catalogue is written down and read back whole."""

import json
from typing import Any

import pytest

from statewise.data.catalogue import Catalogue, catalogue
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
        ("alien", 0),
        ("Alines (1986)", 1),
        ("cook, the thief, his wife, the", 2),
        ("The Cook, the Thief, His Wife (1989)", 2),
        ("the cook, the thief, his wiffe", 2),
    ],
)
def test_an_item_is_found_by_id_title_or_nearly_its_title(words: str, number: int) -> None:
    assert FILMS.number(words) == number


def test_what_is_no_item_is_said_with_the_nearest() -> None:
    with pytest.raises(
        UsageError, match=r"^no item that training saw is called 'Alias film': did you mean 'Aliens \(1986\)'"
    ):
        FILMS.number("Alias film")
    with pytest.raises(UsageError, match=r"^no item that training saw is called 'qqqqqqqq': check it$"):
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
        (" , alien,, ", [0]),
    ],
)
def test_a_session_in_a_line_is_its_items_also_where_titles_hold_commas(words: str, numbers: list[int]) -> None:
    assert FILMS.session(words) == numbers


@pytest.mark.parametrize("words", ["", "  ", ",;,"])
def test_an_empty_session_is_refused(words: str) -> None:
    with pytest.raises(UsageError, match="the session is empty: name at least one item"):
        FILMS.session(words)


def test_items_without_titles_are_called_by_their_ids() -> None:
    plain = Catalogue(("a1", "b2"), (2, 1))
    assert [plain.name(plain.number(words)) for words in ("a1", "B2")] == ["a1", "b2"]


def test_in_a_large_catalogue_titles_that_share_a_word_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statewise.data.catalogue.MOST_COMPARED", 2)
    assert FILMS.number("cook, the theef, his wife, the (1989)") == 2
    with pytest.raises(UsageError):
        FILMS.number("Alines")


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
