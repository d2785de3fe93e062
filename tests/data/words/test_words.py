"""Words: the rule by which texts are cut, vocabularies by frequency, files of any size, subwords, bad texts."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from statewise.data.words.byte_pairs import BytePairs
from statewise.data.words.prepared_words import Parted, Vocabulary, code_with, code_words, words_codec
from statewise.data.words.tokens import Joiner, tokens_of, words_of
from statewise.data.words.words_codec import Words
from statewise.errors import DataError, RunError

TEXT = "The cat saw the dog.\r\nThe dog ran.\r\n\r\nA cat slept -- it's true!\rSo.\n"


def tokens(*pieces: str, **how: Any) -> list[str]:
    return [token for part in tokens_of(pieces, **how) for token in part]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("form", ["running", "lines", "tokenised"])
def test_pieces_of_any_length_have_the_same_words(size: int, form: Any) -> None:
    pieces = [TEXT[at : at + size] for at in range(0, len(TEXT), size)]
    assert tokens(*pieces, form=form) == tokens(TEXT, form=form)


def test_running_text_is_cut_by_the_rule() -> None:
    wanted = "The cat saw the dog . The dog ran . </s> A cat slept -- it's true ! So . </s>"
    assert tokens(TEXT) == wanted.split()
    assert tokens(TEXT, lower=True) == wanted.lower().split()


def test_lines_end_where_they_have_a_word_and_tokenised_ones_always() -> None:
    assert tokens("a b\n\n\nc, d\n", form="lines") == ["a", "b", "</s>", "c", ",", "d", "</s>"]
    assert tokens("a b\n\nc, <unk>\n", form="tokenised") == ["a", "b", "</s>", "</s>", "c,", "<unk>", "</s>"]


def test_numbers_apostrophes_underscores_and_unknown_words_are_words() -> None:
    text = "_no_ 3.14 1,000,000 rock’n’roll x2 <unk> ... ?!"
    wanted = ["_", "no", "_", "3.14", "1,000,000", "rock’n’roll", "x", "2", "<unk>", "...", "?", "!"]
    assert words_of(text) == wanted


def test_a_text_without_spaces_is_cut_all_the_same() -> None:
    assert sum(map(len, tokens(*(["x" * (1 << 19)] * 5)))) == 5 * (1 << 19) + len("</s>")


def test_a_joiner_goes_on_from_a_word_and_after_a_hyphen_without_a_space() -> None:
    join = Joiner("well")
    assert "".join(map(join, ["-", "known", ",", "he", "said"])) == "-known, he said"


def test_a_vocabulary_is_sorted_by_frequency_and_counts_what_is_outside() -> None:
    counted = {"a": 3, "b": 7, "c": 3, "d": 1, "</s>": 5, "<unk>": 2}
    codec = Words.chosen(counted, most=None, least_count=2)
    assert (codec.words, codec.counts) == (("<unk>", "</s>", "b", "a", "c"), (3, 5, 7, 3, 3))
    assert codec.outside == 1
    assert Words.chosen(counted, most=4, least_count=1).words == ("<unk>", "</s>", "b", "a")
    assert Words.read(codec.as_json()) == codec


@pytest.mark.parametrize(
    "damage",
    [
        {"words": ["<unk>", "</s>"]},
        {"words": ["</s>", "<unk>", "b"]},
        {"words": ["<unk>", "</s>", "b", "b"]},
        {"counts": [1]},
        {"form": "odd"},
        {"outside": -1},
        {"counts": [1, 2, "3"]},
    ],
)
def test_a_damaged_vocabulary_is_refused(damage: dict[str, Any]) -> None:
    whole = {"unit": "word", "words": ["<unk>", "</s>", "b"], "counts": [1, 2, 3], "outside": 0}
    with pytest.raises(RunError, match="not a vocabulary"):
        words_codec({**whole, "form": "running", "lower": False, **damage})


def book(folder: Path) -> Path:
    path = folder / "book.txt"
    path.write_bytes(TEXT.encode() * 40)
    return path


def test_a_text_is_coded_and_split_and_its_words_come_from_the_training_part_alone(tmp_path: Path) -> None:
    path = book(tmp_path)
    path.write_text(path.read_text() + "\n\nzebra zebra zebra")
    text = code_words([str(path)], Vocabulary(), Parted(0.25, gap=10), tmp_path / "cache")
    whole = tokens(path.read_text())
    assert text.facts["length"] == len(whole) == sum(text.facts[part] for part in ("training", "gap", "held_out"))
    assert "zebra" not in text.codec.symbols
    assert (text.facts["unknown_types"], text.facts["held_out_unknown_words"]) == (1, 3)
    read = [text.codec.show(int(code)) for code in text.training.read()]
    assert read == whole[: len(read)]
    assert list(text.codec.counts[2:]) == sorted(text.codec.counts[2:], reverse=True)
    again = code_words([str(path)], Vocabulary(), Parted(0.25, gap=10), tmp_path / "cache")
    assert again.facts == text.facts


def test_rare_words_and_those_beyond_a_size_have_one_code(tmp_path: Path) -> None:
    path = book(tmp_path)
    text = code_words([str(path)], Vocabulary(most=5, lower=True), Parted(0.25), tmp_path / "cache")
    assert text.codec.choices == 5
    assert text.codec.outside == text.facts["unknown_types"] > 5
    codes, unknown = code_with(text.codec, [str(path)], tmp_path / "cache")
    assert unknown == text.codec.outside
    assert np.array_equal(codes.read(0, len(text.training)), text.training.read())


def test_subwords_are_sorted_by_frequency_and_spell_anything(tmp_path: Path) -> None:
    text = code_words([str(book(tmp_path))], Vocabulary("bpe", most=280), Parted(0.25, gap=3), tmp_path / "cache")
    codec = text.codec
    assert isinstance(codec, BytePairs)
    assert list(codec.counts) == sorted(codec.counts, reverse=True)
    assert sum(codec.counts) == text.facts["training"] + text.facts["gap"]
    strange = "dogs “saw” Zürich\n\n日本"
    assert codec.decode(codec.encode(strange)) == strange
    again = words_codec(codec.as_json())
    assert again.encode(strange).tolist() == codec.encode(strange).tolist()
    assert codec.decode(text.training.read(0, 200)).startswith("The cat saw the dog.\nThe dog ran.\n\nA cat")


def test_subwords_for_checks_lie_between_those_to_learn_and_those_held_out(tmp_path: Path) -> None:
    text = code_words([str(book(tmp_path))], Vocabulary("bpe", most=280), Parted(0.25, 0.2, 3), tmp_path / "cache")
    parts = [text.codec.decode(part.read()) for part in (text.training, text.validation, text.held_out)]
    sizes = [len(part) / text.facts["characters"] for part in parts]
    assert sizes == pytest.approx([0.55, 0.2, 0.25], abs=0.03)
    assert len(text.validation) == text.facts["validation"]
    assert sum(text.codec.counts) == text.facts["training"] + 3


@pytest.mark.parametrize("damage", [{"order": [0, 1]}, {"tokenizer": {}}, {"counts": ["a"]}, {"order": None}])
def test_damaged_subwords_are_refused(damage: dict[str, Any]) -> None:
    whole = BytePairs.learned([TEXT], 270).as_json()
    with pytest.raises(RunError, match="no subwords"):
        words_codec({**whole, **damage})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "holds no words"),
        (b"\n \n", "holds no words"),
        (b"a\xff", "not UTF-8"),
        (b"one two", "too few to hold out"),
    ],
)
def test_a_text_that_cannot_be_learned_from_is_refused(content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(content)
    with pytest.raises(DataError, match=told):
        code_words([str(tmp_path / "bad.txt")], Vocabulary(), Parted(0.2), tmp_path / "cache")


def test_only_unknown_words_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text("<unk> <unk>\n" * 50)
    with pytest.raises(DataError, match="holds no words"):
        code_words([str(tmp_path / "bad.txt")], Vocabulary(form="tokenised"), Parted(0.2), tmp_path / "cache")
    (tmp_path / "rare.txt").write_text("a b c d e f g h i j k l m n o p q r s t")
    with pytest.raises(DataError, match="no word occurs 2 times"):
        code_words([str(tmp_path / "rare.txt")], Vocabulary(least_count=2), Parted(0.2), tmp_path / "cache")


def test_memory_does_not_grow_with_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statewise.data.texts.CHUNK_BYTES", 1 << 14)
    monkeypatch.setattr("statewise.data.words.prepared_words.AT_ONCE", 1 << 12)
    peaks = []
    for copies in (2000, 8000):
        (tmp_path / "book.txt").write_text(TEXT * copies)
        tracemalloc.start()
        code_words([str(tmp_path / "book.txt")], Vocabulary(), Parted(0.25), tmp_path / "cache")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def test_a_shard_that_is_cut_within_a_word_and_mixed_line_ends_are_read(tmp_path: Path) -> None:
    (tmp_path / "news.en-00001-of-00002").write_bytes(b"the cat saw\r\nthe dog\rran ho")
    (tmp_path / "news.en-00002-of-00002").write_bytes(b"the cat ran\n" * 9)
    pattern = str(tmp_path / "news.en-*-of-00002")
    text = code_words([pattern], Vocabulary(form="tokenised"), Parted(0.2), tmp_path / "cache")
    read = [text.codec.show(int(code)) for code in text.training.read(0, 10)]
    assert read == ["the", "cat", "saw", "</s>", "the", "dog", "</s>", "ran", "ho", "</s>"]
