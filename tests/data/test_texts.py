"""Files become codes: every encoding trouble is named, the split is one piece, and the cache is by content."""

import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from statewise.data import texts
from statewise.data.cache import building
from statewise.data.code_file import CodeFile
from statewise.data.codec import Bytes, Characters
from statewise.data.stripes import Stripes
from statewise.errors import DataError


def coded(path: Path, cache: Path, unit: texts.Unit = "character") -> texts.CodedText:
    return texts.code_text([str(path)], unit, share=0.2, gap=5, cache=cache)


def test_the_two_parts_are_the_ends_of_the_text_with_a_gap_between(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("".join(chr(ord("a") + i % 26) for i in range(100)))
    text = coded(path, tmp_path / "cache")
    whole = text.codec.encode(path.read_text())
    assert np.array_equal(text.training.read(), whole[:75])
    assert np.array_equal(text.held_out.read(), whole[80:])


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1 << 20])
def test_composed_and_decomposed_letters_are_alike_wherever_a_chunk_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(texts, "CHUNK_BYTES", chunk)
    written = "e\u0301t\u00e9 \U0001f642 日本 a\u0323\u0302\n" * 9
    path = tmp_path / "a.txt"
    path.write_text(written, encoding="utf-8")
    read = "".join(map(chr, np.concatenate(list(texts.read_characters([path])))))
    assert read == unicodedata.normalize("NFC", written)


@pytest.mark.parametrize("chunk", [4, 1 << 20])
def test_a_broken_byte_is_named_by_its_offset_in_any_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(texts, "CHUNK_BYTES", chunk)
    path = tmp_path / "a.txt"
    path.write_bytes("é日abc".encode() + b"\xff rest")
    with pytest.raises(DataError, match="byte 0xff at offset 8"):
        list(texts.read_characters([path]))


def test_the_alphabet_is_that_of_the_training_part(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("ab" * 40 + "z" * 20)
    text = coded(path, tmp_path / "cache")
    assert text.codec == Characters("ab")
    assert set(text.held_out.read().tolist()) == {0}
    assert text.facts["held_out_only_characters"] == 1


def test_codes_are_built_once_and_again_where_the_contents_change(tmp_path: Path) -> None:
    path, cache = tmp_path / "a.txt", tmp_path / "cache"
    path.write_text("abc" * 40)
    first = coded(path, cache)
    made = first.training.path.stat().st_mtime_ns
    assert coded(path, cache).training.path.stat().st_mtime_ns == made
    path.write_text("abd" * 40)
    assert coded(path, cache).training.path != first.training.path
    assert not list(cache.glob(".building-*"))


def test_what_a_killed_process_had_begun_to_build_is_removed_and_built_again(tmp_path: Path) -> None:
    path, cache = tmp_path / "a.txt", tmp_path / "cache"
    path.write_text("abc" * 40)
    (cache / ".building-left").mkdir(parents=True)
    (cache / ".building-left" / "codes.bin").write_bytes(b"1")
    coded(path, cache)
    assert not list(cache.glob(".building-*"))
    with building(cache) as under_way:
        coded(path, cache)  # made already: nobody waits for the other
        assert under_way.is_dir()
    (cache / ".building-left").mkdir()
    coded(path, cache)
    assert not list(cache.glob(".building-*"))


def test_two_processes_that_want_the_same_text_build_it_once(tmp_path: Path) -> None:
    path, cache = tmp_path / "a.txt", tmp_path / "cache"
    path.write_text("abc" * 40)
    code = "import sys; from statewise.data.texts import code_text as c; c(sys.argv[1:], 'byte', 0.2, 5, 'cache')"
    code = code.replace("'cache'", "__import__('pathlib').Path('cache')")
    with building(cache) as under_way:
        other = subprocess.Popen([sys.executable, "-c", code, "a.txt"])
        coded_by_us = coded(path, tmp_path / "elsewhere", "byte").training.path.parent
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(timeout=1.5)
        shutil.copytree(coded_by_us, cache / coded_by_us.name)
        made = (cache / coded_by_us.name / "codes.bin").stat().st_ino
        assert under_way.is_dir()
    assert other.wait(timeout=60) == 0
    assert (cache / coded_by_us.name / "codes.bin").stat().st_ino == made
    assert [path.name for path in cache.iterdir()] == [coded_by_us.name]


def test_bytes_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(256)))
    text = coded(path, tmp_path / "cache", "byte")
    assert text.codec == Bytes()
    assert text.training.read().tolist() == list(range(200))


def test_files_are_found_in_order_and_hidden_ones_left_out(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", ".hidden", "inner/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    found = [path.name for path in texts.find_files([str(tmp_path)])]
    assert found == ["a.txt", "b.txt", "c.txt"]
    assert [p.name for p in texts.find_files([f"{tmp_path}/*.txt"])] == ["a.txt", "b.txt"]


def test_windows_continue_each_other_in_every_row_and_read_every_code_once(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(101)))
    stripes = Stripes(CodeFile.whole(path, np.dtype(np.uint8)), rows=4, steps=7)
    read = np.concatenate([window.inputs.numpy() for window in stripes])
    assert np.array_equal(read.T.flatten(), np.arange(100))
    for window in stripes:
        assert (window.targets == window.inputs + 1).all()
    first = stripes[0].reset
    assert first is not None
    assert bool(first[0].all())
    assert not bool(first[1:].any())
    assert stripes[1].reset is None


def test_one_row_in_turn_is_reset_so_that_a_bare_prompt_is_nothing_new(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(101)))
    stripes = Stripes(CodeFile.whole(path, np.dtype(np.uint8)), rows=3, steps=6, begin_in_turn=True)
    begun = [window.reset[0].nonzero().flatten().tolist() for window in stripes if window.reset is not None]
    assert begun == [[0, 1, 2], [1], [2], [0], [1], [2]]
    assert not any(bool(window.reset[1:].any()) for window in stripes if window.reset is not None)
