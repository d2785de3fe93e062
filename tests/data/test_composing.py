"""Text is composed piece by piece as it would be whole, and no longer held than it must be."""

import random
import unicodedata
from itertools import pairwise

import pytest

from statewise.data.codec import Characters
from statewise.data.composing import begins, compose, composed

JOINING = [chr(at) for at in range(0x110000) if unicodedata.combining(chr(at)) or unicodedata.decomposition(chr(at))]
KOREAN = [chr(at) for at in (*range(0x1100, 0x1113), *range(0x1160, 0x1176), *range(0x11A7, 0x11C3), 0xAC00, 0xAC01)]
POOL = [*JOINING, *KOREAN * 9, *"aeoA\n" * 50]


def test_any_pieces_give_what_the_whole_text_gives() -> None:
    dice = random.Random(0)
    for _ in range(20_000):
        text = "".join(dice.choices(POOL, k=dice.randint(2, 9)))
        cuts = [0, *sorted(dice.sample(range(len(text) + 1), 2)), len(text)]
        pieces = [text[start:end] for start, end in pairwise(cuts)]
        assert "".join(composed(pieces)) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("piece", ["日本語の文章", "か\u3099き\u3099", "가각\u1112\u1161", "ה\u05b7בית", "कि"])
def test_text_without_ascii_is_not_held_back(piece: str) -> None:
    longest = max(map(len, composed(piece for _ in range(100))))
    assert longest <= 2 * len(piece)


def test_marks_without_a_letter_are_held_until_one_comes() -> None:
    pieces = ["\u0301"] * 99 + ["\u0301ab"]
    assert list(composed(pieces)) == ["\u0301" * 100 + "a", "b"]
    assert list(composed([])) == []


def test_a_character_that_may_join_begins_nothing() -> None:
    assert all(map(begins, "a\nか한é"))
    assert not any(map(begins, "\u0301\u3099\u1161\u11a8\u09be\u0f73\u0344"))


@pytest.mark.parametrize("marks", ["\u0301\u0323" * 700, "\u0344" + "\u0301" * 600 + "\u0323\u0f71" * 600])
def test_many_marks_on_one_letter_are_put_in_order_as_few_are(marks: str) -> None:
    text = f"a{marks}b"
    assert compose(text) == unicodedata.normalize("NFC", text)
    assert Characters("b").encode(marks * 200 + "b")[-1] == 1  # minutes, were they ordered two by two
