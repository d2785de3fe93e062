"""What is kept of the data is used only as it was written: else it is made again, and that is said in one line."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import statewise
from statewise.cli.main import run
from statewise.data import cache
from statewise.data.interactions.event_log import LogColumns
from statewise.data.interactions.session_files import prepare_sessions
from statewise.data.interactions.session_table import Rules
from statewise.data.texts import code_text, code_with
from statewise.disk.manifest import MANIFEST, Entry, written
from statewise.errors import DataError

TEXT = "It was the best of times, it was the worst of times.\n" * 40
CACHE = Path("cache")


def read_text() -> tuple[list[Any], str | None]:
    Path("book.txt").write_text(TEXT)
    text = code_text(["book.txt"], "character", 0.1, 10, CACHE)
    return [text.training.read().tolist(), text.held_out.read().tolist(), text.codec, text.facts], text.notice


def read_log() -> tuple[list[Any], str | None]:
    rows = [f"u{who},{(who * n) % 9},{5000 * who + n}" for who in range(30) for n in range(1, 7)]
    Path("log.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows]) + "\n")
    found = prepare_sessions(["log.csv"], LogColumns(), Rules(1800, 0.1, 1, 2), CACHE)
    return [found.training.read().tolist(), found.held_out.read().tolist(), found.codec, found.facts], found.notice


READS = {"text": read_text, "log": read_log}
CODES = {"text": "codes.bin", "log": "held_out.bin"}


def kept_folder() -> Path:
    (folder,) = [path for path in CACHE.iterdir() if path.is_dir()]
    return folder


def replace_by(path: Path, what: str) -> None:
    content = path.read_bytes()
    path.unlink()
    match what:
        case "ten bytes more":
            path.write_bytes(content + bytes(10))
        case "ten bytes less":
            path.write_bytes(content[:-10])
        case "one bit":
            path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        case "nothing in it":
            path.touch()
        case "a pipe":
            os.mkfifo(path)
        case "a folder":
            path.mkdir()
        case "a link":
            path.with_name("elsewhere").write_bytes(content)
            path.symlink_to("elsewhere")


DAMAGES = ["ten bytes more", "ten bytes less", "one bit", "nothing in it", "missing", "a pipe", "a folder", "a link"]


@pytest.mark.parametrize("kind", READS)
@pytest.mark.parametrize("what", DAMAGES)
@pytest.mark.parametrize("name", ["codes", "codec.json", "facts.json", MANIFEST])
def test_a_file_that_is_not_as_it_was_written_is_made_again_and_that_is_said_once(
    kind: str, what: str, name: str
) -> None:
    first, said = READS[kind]()
    assert said is None
    replace_by(kept_folder() / (CODES[kind] if name == "codes" else name), what)
    again, said = READS[kind]()
    assert again == first
    assert said is not None
    assert said.startswith("what was kept of the data is not what was written (")
    assert said.endswith("): it was made again")
    assert READS[kind]() == (first, None)
    assert [path.name for path in CACHE.iterdir()] == [kept_folder().name]


def as_if_meant(folder: Path, name: str, content: bytes) -> None:
    """Change a file and the manifest with it, as an attacker would."""
    (folder / name).write_bytes(content)
    entries = {path.name: Entry.of(path.read_bytes()) for path in folder.iterdir() if path.name != MANIFEST}
    (folder / MANIFEST).write_bytes(written(entries))


@pytest.mark.parametrize("kind", READS)
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("facts.json", lambda told: []),
        ("facts.json", lambda told: {}),
        ("facts.json", lambda told: {**told, "sha256": "0" * 64}),
        ("facts.json", lambda told: {**told, "training": -5, "training_events": -5}),
        ("facts.json", lambda told: {**told, "held_out": "many", "held_out_events": "many"}),
        ("codec.json", lambda told: []),
        ("codec.json", lambda told: {"unit": "byte"}),
        ("codec.json", lambda told: {**told, "ids": 3, "alphabet": 3}),
    ],
)
def test_a_foreign_file_in_the_cache_is_made_again_where_it_makes_no_sense(
    kind: str, name: str, change: Callable[[Any], Any]
) -> None:
    first, _ = READS[kind]()
    told = json.loads((kept_folder() / name).read_text())
    as_if_meant(kept_folder(), name, json.dumps(change(told)).encode())
    again, said = READS[kind]()
    assert again == first
    assert "it was made again" in str(said)


@pytest.mark.parametrize("kind", READS)
def test_a_code_that_stands_for_nothing_is_refused_before_a_network_reads_it(kind: str) -> None:
    READS[kind]()
    path = kept_folder() / CODES[kind]
    as_if_meant(kept_folder(), path.name, b"\x7f" * path.stat().st_size)
    with pytest.raises(DataError, match="holds a code that stands for nothing: remove it, and it is made again"):
        READS[kind]()


def test_a_folder_of_that_name_which_is_a_file_or_a_link_is_replaced() -> None:
    first, _ = read_text()
    folder = kept_folder()
    folder.rename("moved")
    folder.symlink_to(Path("moved").absolute())
    assert read_text() == (first, None)  # it is as it was written, wherever it lies
    Path("moved/codes.bin").write_bytes(b"x")
    assert read_text()[0] == first
    assert not folder.is_symlink()
    assert Path("moved/codes.bin").read_bytes() == b"x"
    replace_by(folder / "codes.bin", "missing")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.touch()
    assert read_text()[0] == first


def test_a_digest_is_taken_once_while_a_file_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    of_file = Entry.of_file

    def counted(path: Path, kind: Any) -> Entry:
        taken.append(path.name)
        return of_file(path, kind)

    read_text()
    monkeypatch.setattr(cache, "_seen", set())
    monkeypatch.setattr(Entry, "of_file", counted)
    for _ in range(3):
        read_text()
    assert taken == ["codes.bin", "codec.json", "facts.json"]


def test_codes_of_another_text_are_checked_alike() -> None:
    codec = code_text(["book.txt"], "character", 0.1, 10, CACHE).codec if read_text() else None
    assert codec is not None
    Path("other.txt").write_text("worst of times " * 9)
    before = {path.name for path in CACHE.iterdir()}
    codes = code_with(codec, ["other.txt"], CACHE).read().tolist()
    (fresh,) = {path.name for path in CACHE.iterdir()} - before
    replace_by(CACHE / fresh / "codes.bin", "one bit")
    assert code_with(codec, ["other.txt"], CACHE).read().tolist() == codes


def test_a_text_that_changes_while_it_is_read_is_refused_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("book.txt").write_text(TEXT)
    fits = np.flatnonzero

    def later(values: Any) -> Any:
        Path("book.txt").write_text(TEXT + "more\n")
        return fits(values)

    monkeypatch.setattr("statewise.data.texts.np.flatnonzero", later)
    with pytest.raises(DataError, match=r"book\.txt changed while it was read: try again once it is written"):
        code_text(["book.txt"], "character", 0.1, 10, CACHE)
    assert list(CACHE.iterdir()) == []


def test_evaluate_says_that_it_made_the_codes_again_and_scores_the_same(
    run_path: Path, trained_once: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = statewise.evaluate(run_path)
    (folder,) = [path for path in (run_path.parent / ".data").iterdir() if path.is_dir()]
    (folder / "codes.bin").write_bytes((folder / "codes.bin").read_bytes() + bytes(10))
    assert run(["evaluate", str(run_path), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["metrics"] == before.metrics
    assert "was kept of the data is not what was written (" in said.err
    assert "codes.bin is " in said.err
