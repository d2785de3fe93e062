"""Pages of help become pairs by the names of their paragraphs."""

import json
from pathlib import Path

import pytest

from statewise.data.packages import Package
from statewise.data.pairs.help_pages import FRENCH, GERMAN, HelpPages, paragraphs
from statewise.data.pairs.prepared_pairs import Spelling, Splitting, prepare_pairs
from statewise.errors import DataError

PAGE = '<h1 id="hd_id1">{0}</h1><p id="par_id2" class="a">{1} <b>{2}</b>.</p><p id="other">x</p><p id="par_id3">OK</p>'


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HelpPages:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def fetched(package: Package) -> Path:
        folder = tmp_path / package.name
        for n in range(6):
            path = folder / Path(package.members).parent / "a" / f"{n}.html"
            path.parent.mkdir(parents=True, exist_ok=True)
            words = ("Save", "A new", "file") if "en-us" in package.name else ("Enregistrer", "Un nouveau", "fichier")
            path.write_text(PAGE.format(*(f"{word} {n}" for word in words)))
        return folder

    monkeypatch.setattr(Package, "fetch", fetched)
    return FRENCH


def test_paragraphs_of_the_same_name_are_pairs_and_equal_ones_are_left_out(pages: HelpPages) -> None:
    (path,) = pages.files()
    told = [json.loads(line) for line in path.read_text().splitlines()]
    assert told[:2] == [
        {"en": "Save 0", "fr": "Enregistrer 0", "file": "a/0.html"},
        {"en": "A new 0 file 0.", "fr": "Un nouveau 0 fichier 0.", "file": "a/0.html"},
    ]
    assert len(told) == 12
    assert pages.files() == [path]


def test_a_corpus_is_split_by_page(pages: HelpPages, tmp_path: Path) -> None:
    spelling = Spelling(subwords=60)
    pairs = prepare_pairs(["corpus:libreoffice-fr"], ("en", "fr"), Splitting(0.3, 0.0, "file"), spelling, tmp_path)
    for n in range(6):
        own = {p for text, p in zip(pairs.sources, pairs.parts.tolist(), strict=True) if f" {n}" in text}
        assert len(own) == 1
    with pytest.raises(DataError, match="has no text for de"):
        prepare_pairs(["corpus:libreoffice-fr"], ("en", "de"), Splitting(0.3, 0.0), spelling, tmp_path)


def test_a_page_that_is_damaged_gives_what_is_whole() -> None:
    assert paragraphs('<p id="par_id1">a</p><p id="par_id2">b') == {"par_id1": "a"}
    assert paragraphs("") == {}


def test_both_corpora_pin_their_pages() -> None:
    assert {len(package.digest) for corpus in (FRENCH, GERMAN) for package in corpus.packages} == {64}
    assert [corpus.holds for corpus in (FRENCH, GERMAN)] == ["pairs", "pairs"]
