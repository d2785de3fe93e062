"""Text becomes codes and comes back: whole, in any script, and with what is unknown shown as such."""

import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statewise.data.codec import UNKNOWN_SHOWN, Bytes, Characters, text_codec
from statewise.errors import RunError

ODD = [
    "🙂",
    "👩‍👩‍👧",
    "e\u0301",
    "é",
    "ÅÅ",
    "日本",
    "שלום",
    "\u200f",
    "\0",
    "\n",
    " ",
    "ﬁ",
    "ﬀ",
    "한",
    "a\u0323\u0302",
    "𝄞",
]
text = st.lists(st.sampled_from(ODD) | st.characters(exclude_categories=["Cs"]), max_size=12).map("".join)


def composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def alphabet_of(text: str) -> Characters:
    return Characters("".join(dict.fromkeys(composed(text))))


@settings(max_examples=60)
@given(text)
def test_any_text_comes_back_from_the_alphabet_it_made(text: str) -> None:
    codec = alphabet_of(text)
    codes = codec.encode(text)
    assert codec.decode(codes) == composed(text)
    assert len(codes) == len(composed(text))
    assert 0 not in codes
    assert codec.missing(text) == ""


@settings(max_examples=60)
@given(text)
def test_any_text_comes_back_from_its_bytes(text: str) -> None:
    codec = Bytes()
    codes = codec.encode(text)
    assert codec.decode(codes) == text
    assert codes.tolist() == list(text.encode())
    assert codec.missing(text) == ""


@settings(max_examples=60)
@given(text)
def test_composed_and_decomposed_text_are_one(text: str) -> None:
    codec = alphabet_of(text)
    for form in ("NFC", "NFD"):
        written = unicodedata.normalize(form, text)
        assert codec.encode(written).tolist() == codec.encode(text).tolist()
        assert codec.missing(written) == ""


@settings(max_examples=60)
@given(text, text)
def test_a_character_outside_of_the_alphabet_is_code_0_and_named_once(known: str, text: str) -> None:
    codec = alphabet_of(known)
    strange = [c for c in composed(text) if c not in codec.alphabet]
    codes = codec.encode(text)
    assert int((codes == 0).sum()) == len(strange)
    assert codec.missing(text) == "".join(dict.fromkeys(strange))
    assert codec.decode(codes) == "".join(UNKNOWN_SHOWN if c in strange else c for c in composed(text))


@settings(max_examples=60)
@given(text)
def test_a_codec_comes_back_from_its_json(text: str) -> None:
    for codec in (Bytes(), alphabet_of(text)):
        assert text_codec(json.loads(json.dumps(codec.as_json(), ensure_ascii=False))) == codec


@settings(max_examples=60)
@given(st.binary(max_size=20))
def test_any_bytes_are_shown_as_text_in_which_only_broken_ones_are_replaced(content: bytes) -> None:
    shown = Bytes().decode(content + b" ")
    assert shown == (content + b" ").decode("utf-8", "replace")


def test_a_decoder_of_bytes_waits_for_the_last_byte_of_a_character() -> None:
    decode = Bytes().decoder()
    assert [decode(code) for code in "aé🙂".encode()] == ["a", "", "é", "", "", "", "🙂"]


def test_each_decoder_begins_at_a_characters_start() -> None:
    codec = Bytes()
    codec.decoder()("é".encode()[0])
    assert codec.decoder()(ord("a")) == "a"


@pytest.mark.parametrize(("letters", "size"), [(1, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 4)])
def test_codes_take_the_fewest_bytes_that_hold_them(letters: int, size: int) -> None:
    points = (point for point in range(0x110000) if not 0xD800 <= point < 0xE000)
    codec = Characters("".join(chr(next(points)) for _ in range(letters)))
    assert codec.choices == letters + 1
    assert codec.dtype.itemsize == size
    last = codec.alphabet[-1]
    assert codec.table[ord(last)] == letters
    assert codec.encode("a").dtype == codec.dtype


def test_a_character_never_written_is_the_unknown_one_and_every_byte_may_be() -> None:
    assert Characters("abc").never() == [0]
    assert Bytes().never() == []
    assert (Bytes().choices, Bytes().dtype) == (256, np.dtype(np.uint8))


def test_what_a_shell_could_not_decode_is_read_all_the_same() -> None:
    broken = "a\udcff"  # how Python holds the byte 0xff of an argument
    assert Bytes().encode(broken).tolist() == [97, 255]
    assert Characters("a").encode(broken).tolist() == [1, 0]
    assert Characters("a").missing(broken) == "\udcff"


@pytest.mark.parametrize(("code", "shown"), [(97, "a"), (10, "\n"), (195, r"\xc3"), (169, r"\xa9")])
def test_a_byte_by_itself_is_shown_as_its_character_or_its_number(code: int, shown: str) -> None:
    assert Bytes().show(code) == shown


def test_a_code_by_itself_is_shown_as_its_character() -> None:
    assert [Characters("aé").show(code) for code in range(3)] == [UNKNOWN_SHOWN, "a", "é"]


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"unit": "word"},
        {"unit": "character"},
        {"unit": "character", "alphabet": ["a"]},
        {"unit": "character", "alphabet": "aba"},
        {"unit": "character", "alphabet": "a\ud800"},
    ],
)
def test_a_codec_that_is_none_is_refused(written: dict[str, object]) -> None:
    with pytest.raises(RunError, match=r"codec\.json is not a text codec: the run is damaged or of another task"):
        text_codec(written)
