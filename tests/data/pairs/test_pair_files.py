"""Pairs are read from every form, and what cannot be learned from is counted or refused, never dropped in silence."""

import json
from pathlib import Path

import pytest

from statewise.data.left_out import LeftOutCount
from statewise.data.pairs import Pair, cleaned
from statewise.data.pairs.pair_files import clean_pairs, is_in_script, read_pairs, script_of
from statewise.errors import DataError

EN_FR = ("en", "fr")
TMX = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><header srclang="en"/><body>
<tu><tuv xml:lang="en-US"><seg>Save <bpt i="1">&lt;b&gt;</bpt>the file<ept i="1">&lt;/b&gt;</ept>.</seg></tuv>
<tuv xml:lang="fr"><seg>Enregistrez le fichier.</seg></tuv></tu>
<tu><tuv xml:lang="en"><seg>Only here.</seg></tuv><tuv xml:lang="de"><seg>Nur hier.</seg></tuv></tu>
</body></tmx>
"""


def read(*files: Path, languages: tuple[str, str] = EN_FR) -> tuple[list[tuple[str, str]], LeftOutCount]:
    left_out = LeftOutCount("pair")
    return [pair[:2] for _, pair in read_pairs(files, languages, left_out)], left_out


def kept(pairs: list[tuple[str, str]], longest: int = 9) -> tuple[list[tuple[str, str]], LeftOutCount]:
    left_out = LeftOutCount("pair")
    named = ((f"line {n}", Pair(*pair, "a.tsv")) for n, pair in enumerate(pairs, start=1))
    return [pair[:2] for pair in clean_pairs(named, longest, left_out)], left_out


def test_a_table_has_the_source_before_the_tab_and_may_have_more_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("Go.\tVa !\tCC-BY 2.0\nRun!\tCours\u202f!\r\n", encoding="utf-8")
    assert read(path)[0] == [("Go.", "Va !"), ("Run!", "Cours\u202f!")]


def test_the_first_line_of_a_table_may_name_its_columns_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("fr\tid\ten\nVa !\t7\tGo.\n")
    assert read(path)[0] == [("Go.", "Va !")]


def test_lines_without_a_tab_are_counted_and_a_file_of_them_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("Go.\tVa !\nno tab\n\n")
    pairs, left_out = read(path)
    assert (pairs, dict(left_out.counts)) == (
        [("Go.", "Va !")],
        {"without a tab between two texts": 1, "an empty line": 1},
    )
    assert left_out.first["without a tab between two texts"] == "line 2 of a.tsv"
    path.write_text("no tab\nhere\n")
    with pytest.raises(DataError, match="2 lines and none with a tab"):
        read(path)


@pytest.mark.parametrize("names", [("a.en-fr.en", "a.en-fr.fr"), ("a.fr", "a.en"), ("one.txt", "two.txt")])
def test_two_files_are_read_line_by_line_whichever_comes_first(names: tuple[str, str], tmp_path: Path) -> None:
    files = [tmp_path / name for name in names]
    for path in files:
        is_french = path.suffix == ".fr" or path.name == "two.txt"
        path.write_text("Va !\n\nCours !\n" if is_french else "Go.\n\nRun!\n")
    pairs, left_out = read(*files)
    assert pairs == [("Go.", "Va !"), ("Run!", "Cours !")]
    assert left_out.counts["an empty line"] == 1


@pytest.mark.parametrize(("one", "other"), [("a\nb\n", "a\nb\nc\nd\n"), ("a\nb\nc\nd\n", "a\nb\n")])
def test_two_files_of_unequal_length_are_refused_with_the_line_that_is_alone(
    one: str, other: str, tmp_path: Path
) -> None:
    files = [tmp_path / "a.en", tmp_path / "a.fr"]
    for path, text in zip(files, (one, other), strict=True):
        path.write_text(text)
    counts = [text.count("\n") for text in (one, other)]
    with pytest.raises(DataError, match=rf"{counts[0]} lines and .*a.fr {counts[1]}: .*line 3 of a\.(en|fr) has no"):
        read(*files)


def test_a_translation_memory_gives_its_words_without_marks_of_format(tmp_path: Path) -> None:
    path = tmp_path / "a.tmx"
    path.write_text(TMX)
    pairs, left_out = read(path)
    assert pairs == [("Save the file.", "Enregistrez le fichier.")]
    assert left_out.counts["without en and fr"] == 1
    assert read(path, languages=("de", "en"))[0] == [("Nur hier.", "Only here.")]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("<tmx><body><tu>", "is not XML"),
        ("<html></html>", "but no TMX"),
        ('<!DOCTYPE tmx [<!ENTITY a "aaaa">]><tmx>&a;</tmx>', "declares an entity"),
        ("<tmx>" + "<a>" * 200 + "</a>" * 200 + "</tmx>", "elements in each other"),
    ],
)
def test_a_memory_that_is_damaged_or_dangerous_is_refused(text: str, wanted: str, tmp_path: Path) -> None:
    path = tmp_path / "a.tmx"
    path.write_text(text)
    with pytest.raises(DataError, match=wanted):
        read(path)


def test_lines_of_json_name_the_languages_or_the_sides(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [
        {"en": "Go.", "fr": "Va !"},
        {"translation": {"fr": "Bon.", "en": "Good."}},
        {"source": "a", "target": "b"},
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    assert read(path)[0] == [("Go.", "Va !"), ("Good.", "Bon."), ("a", "b")]


@pytest.mark.parametrize("line", ["{", "[1]", '{"en": "a"}', '{"en": "a", "fr": 3}'])
def test_a_line_of_json_without_two_texts_is_refused_by_its_number(line: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"en": "a", "fr": "b"}\n' + line + "\n")
    with pytest.raises(DataError, match=r"line 2 of a\.jsonl"):
        read(path)


def test_a_file_in_another_encoding_is_refused_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_bytes(b"a\tb\n" + "été\tsummer\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"line 2 of .* is not UTF-8"):
        read(path)


def test_what_cannot_be_learned_from_is_counted_by_its_reason() -> None:
    pairs = [
        ("Go.", "Va !"),
        ("  Go. ", "Va\u00a0!"),
        ("", "rien"),
        ("OK", "OK"),
        ("word " * 5000, "mot"),
        ("a" * 30_000, "b"),
        ("Good.", "Bon."),
    ]
    found, left_out = kept(pairs)
    assert found == [("Go.", "Va !"), ("Good.", "Bon.")]
    assert dict(left_out.counts) == {
        "that stood before": 1,
        "with an empty side": 1,
        "with equal sides": 1,
        "longer than 9 words": 2,
    }
    assert left_out.first["longer than 9 words"] == "line 5"


def test_a_pair_in_another_script_is_left_out() -> None:
    named = [("line 1", Pair("Hello", "Bonjour", "a")), ("line 2", Pair("Привет мир", "Bonjour", "a"))]
    left_out = LeftOutCount("pair")
    assert len(list(clean_pairs(iter(named), 9, left_out, ("LATIN", "LATIN")))) == 1
    assert left_out.counts["not written in LATIN and LATIN letters"] == 1
    assert script_of(["漢字かな"]) in ("CJK", "HIRAGANA")
    assert is_in_script("かな漢字", "CJK")


def test_a_text_has_no_mark_of_its_own_meaning() -> None:
    assert cleaned("a\ufdd2b \u2581c\x00") == "a\ufffdb _c\ufffd"
