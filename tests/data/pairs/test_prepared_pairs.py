"""Pairs become codes and come back, no source is in two parts, and a name that was never seen is copied."""

import json
from pathlib import Path

import pytest

from statewise.data.pairs.pairs_codec import PairsCodec
from statewise.data.pairs.prepared_pairs import (
    PreparedPairs,
    Spelling,
    Splitting,
    filled_parts,
    key_of,
    pairs_with,
    part_of,
    prepare_pairs,
)
from statewise.data.pairs.subwords import END, UNKNOWN, Subwords
from statewise.errors import DataError

WORDS = {"the": "le", "cat": "chat", "dog": "chien", "eats": "mange", "sees": "voit", "well": "bien"}
SPLITTING, SPELLING = Splitting(0.3, 0.2), Spelling(subwords=80, longest=30)


def written(folder: Path, name: str = "a.tsv", more: str = "") -> str:
    lines = [
        f"{a} {b} {c}.\t{WORDS[a]} {WORDS[b]} {WORDS[c]}."
        for a in WORDS
        for b in list(WORDS)[:4]
        for c in list(WORDS)[:3]
    ]
    (folder / name).write_text("\n".join(lines) + "\n" + more)
    return str(folder / name)


def made(
    folder: Path, splitting: Splitting = SPLITTING, spelling: Spelling = SPELLING, more: str = ""
) -> PreparedPairs:
    return prepare_pairs([written(folder, more=more)], ("en", "fr"), splitting, spelling, folder)


def test_every_pair_is_in_one_part_and_codes_are_its_texts(tmp_path: Path) -> None:
    pairs = made(tmp_path)
    parts = [pairs.numbers("training"), pairs.numbers("validation"), pairs.numbers("held_out")]
    assert sorted(number for part in parts for number in part.tolist()) == list(range(72))
    for number in (0, 7, 71):
        source, target = pairs.coded(number)
        assert pairs.codec.source.decode(source.tolist()) == pairs.sources[number]
        assert pairs.codec.decode(target.tolist()) == pairs.targets[number]
        assert source[-1] == target[-1] == END


def test_no_source_is_in_two_parts_whatever_its_capitals_and_marks(tmp_path: Path) -> None:
    pairs = made(
        tmp_path, more="The cat sees!\tLe chat voit !\nthe cat sees\tle chat regarde\nTHE CAT SEES.\tle chat\n"
    )
    by_key: dict[str, set[int]] = {}
    for source, part in zip(pairs.sources, pairs.parts.tolist(), strict=True):
        by_key.setdefault(key_of(source), set()).add(part)
    assert all(len(parts) == 1 for parts in by_key.values())
    assert len(by_key) == 73


def test_a_split_by_file_keeps_each_file_together(tmp_path: Path) -> None:
    for n in range(12):
        (tmp_path / f"{n}.tsv").write_text("\n".join(f"word {n} {m}\tmot {n} {m}" for m in range(5)))
    files = [str(tmp_path / f"{n}.tsv") for n in range(12)]
    pairs = prepare_pairs(files, ("en", "fr"), Splitting(0.3, 0.2, "file"), SPELLING, tmp_path)
    for n in range(12):
        own = [part for text, part in zip(pairs.sources, pairs.parts, strict=True) if text.startswith(f"word {n} ")]
        assert len(own) == 5
        assert len(set(own)) == 1
    with pytest.raises(DataError, match=r"1 file to learn from, .* or split source"):
        prepare_pairs(files[:1], ("en", "fr"), Splitting(0.3, 0.2, "file"), SPELLING, tmp_path)


def test_what_is_kept_is_what_was_made_and_the_codec_comes_back(tmp_path: Path) -> None:
    first, again = made(tmp_path), made(tmp_path)
    assert first.facts == again.facts
    assert first.codes.tolist() == again.codes.tolist()
    assert first.sources == again.sources
    other = PairsCodec.read(json.loads(json.dumps(first.codec.as_json())))
    assert json.dumps(other.as_json()) == json.dumps(first.codec.as_json())
    assert other.encode_source("the cat") == first.codec.encode_source("the cat")


def test_the_same_texts_always_give_the_same_subwords() -> None:
    texts = [f"{a} {b} {a}{b}" for a in WORDS for b in WORDS]
    assert Subwords.learned(texts, 90).as_json() == Subwords.learned(texts, 90).as_json()


@pytest.mark.parametrize(
    "change", [{"subwords": []}, {"subwords": [{}]}, {"longest": 0}, {"languages": ["en"]}, {"names": [3]}]
)
def test_a_codec_that_is_damaged_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    codec = made(tmp_path).codec.as_json()
    with pytest.raises(DataError, match=r"codec\.json"):
        PairsCodec.read({**codec, **change})


def test_a_name_that_was_never_seen_is_unknown_and_is_copied(tmp_path: Path) -> None:
    codec = made(tmp_path).codec
    coded = codec.encode_source("the Zorgon sees.")
    assert [word for code, word in zip(coded.codes, coded.words, strict=True) if code == UNKNOWN] == ["Zorgon"]
    target = codec.encode_target("le Zorgon voit.", ["Zorgon"])
    assert target.count(UNKNOWN) == 1
    assert codec.decode(target, ["Zorgon"]) == "le Zorgon voit."
    assert codec.decode(target) == "le voit."


def test_letters_never_seen_are_unknown_and_keep_their_word(tmp_path: Path) -> None:
    coded = made(tmp_path).codec.encode_source("the 北京 sees.")
    assert [word for code, word in zip(coded.codes, coded.words, strict=True) if code == UNKNOWN] == ["北京"]


def test_the_mark_of_the_end_written_out_in_a_text_is_only_letters(tmp_path: Path) -> None:
    more = "".join(f"the </s> sees {n}\tle </s> voit {n}\n" for n in range(9))
    codec = made(tmp_path, more=more).codec
    codes = codec.encode_target("le </s> voit")
    assert codes.count(END) == 1
    assert codec.decode(codes) == "le </s> voit"


def test_a_training_hides_some_names_so_that_copying_is_learned(tmp_path: Path) -> None:
    more = "".join(f"Tom sees {n}\tTom voit {n}\n" for n in range(80))
    pairs = made(tmp_path, more=more, spelling=SPELLING._replace(longest=30))
    training = [n for n in pairs.numbers("training").tolist() if pairs.sources[n].startswith("Tom")]
    hidden = [n for n in training if UNKNOWN in pairs.coded(n)[0]]
    assert 0 < len(hidden) < len(training) / 2
    assert all(UNKNOWN in pairs.coded(n)[1] for n in hidden)
    held_out = [n for n in pairs.numbers("held_out").tolist() if pairs.sources[n].startswith("Tom")]
    assert not any(UNKNOWN in pairs.coded(n)[0] for n in held_out)


def test_without_copying_every_word_of_known_letters_is_spelled(tmp_path: Path) -> None:
    codec = made(tmp_path, spelling=SPELLING._replace(copies=False)).codec
    assert UNKNOWN not in codec.encode_source("the cats see").codes
    assert codec.names is None


def test_each_side_may_have_subwords_of_its_own(tmp_path: Path) -> None:
    codec = made(tmp_path, spelling=SPELLING._replace(shared=False, subwords=60)).codec
    assert not codec.is_shared
    assert codec.source.as_json() != codec.target.as_json()


def test_pairs_longer_than_is_learned_are_counted(tmp_path: Path) -> None:
    pairs = made(tmp_path, more="the cat eats the dog sees well the cat\tbref\n", spelling=SPELLING._replace(longest=9))
    assert any("longer than 9" in why for why in pairs.facts["left_out"])


def test_pairs_that_are_all_too_long_are_refused_with_what_was_left_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the training part would have none; .* longer than 3 subwords"):
        made(tmp_path, spelling=SPELLING._replace(longest=3))


def test_too_few_pairs_and_no_pair_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b.tsv").write_text("a\tb\n")
    with pytest.raises(DataError, match="1 pair to learn from"):
        prepare_pairs([str(tmp_path / "b.tsv")], ("en", "fr"), SPLITTING, SPELLING, tmp_path)
    (tmp_path / "c.tsv").write_text("a\ta\n")
    with pytest.raises(DataError, match="has no pair to score: 1 pair left out: with equal sides"):
        pairs_with(made(tmp_path).codec, [str(tmp_path / "c.tsv")])


def test_of_few_sources_no_part_is_left_empty_and_none_is_in_two() -> None:
    keys = [f"sentence {n % 7}" for n in range(21)]
    for splitting in (Splitting(0.001, 0.001), Splitting(0.3, 0.001), Splitting(0.001, 0.0)):
        parts = filled_parts(keys, splitting)
        assert set(parts) == ({0, 1, 2} if splitting.validation else {0, 2})
        assert len({*zip(keys, parts, strict=True)}) == 7
    assert filled_parts(keys, Splitting(0.5, 0.2)) == [part_of(key, Splitting(0.5, 0.2)) for key in keys]
    assert filled_parts(["one", "two"], Splitting(0.001, 0.001)).count(0) == 1
