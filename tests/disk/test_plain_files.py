"""Files are read where they are plain and no larger than they may be; all else is one line, at once."""

import os
import tracemalloc
from pathlib import Path

import pytest

from statewise.disk.reading import file_size, is_mostly_holes, open_file, read_file, refuse_links
from statewise.errors import DataError, RunError, UsageError


def test_a_plain_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert read_file(tmp_path / "a", 3) == b"abc"
    with pytest.raises(DataError, match="a is larger than the 2 bytes that it may have"):
        read_file(tmp_path / "a", 2, DataError)


def test_a_sparse_file_of_any_size_costs_no_memory(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(RunError, match="larger than the 1,000 bytes"):
        read_file(tmp_path / "sparse", 1000)
    assert is_mostly_holes(tmp_path / "sparse")
    (tmp_path / "full").write_bytes(b"\1" * (3 << 20))
    assert not is_mostly_holes(tmp_path / "full")


def test_a_small_file_costs_no_memory_however_large_it_may_be(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    tracemalloc.start()
    try:
        assert read_file(tmp_path / "a", 1 << 36) == b"abc"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="there is no /proc")
def test_a_file_that_tells_no_size_is_read_whole() -> None:
    assert Path("/proc/version").stat().st_size == 0
    whole = Path("/proc/version").read_bytes()
    assert len(whole) > 1
    assert read_file(Path("/proc/version"), 10_000) == whole
    with pytest.raises(RunError, match="larger than the 4 bytes"):
        read_file(Path("/proc/version"), 4)


def odd_places(folder: Path) -> dict[str, Path]:
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to(folder / "loop")
    names = {
        "device": Path("/dev/zero"),
        "long": folder / ("x" * 300),
        "zero": folder / "a\0b",
        "gone": folder / "gone",
    }
    return {**names, **{name: folder / name for name in ("pipe", "folder", "loop")}}


@pytest.mark.parametrize("name", ["pipe", "folder", "loop", "device", "long", "zero", "gone"])
def test_what_is_no_plain_file_is_one_line_at_once(tmp_path: Path, name: str) -> None:
    place = odd_places(tmp_path)[name]
    with pytest.raises(RunError) as raised:
        read_file(place, 100)
    assert "\n" not in str(raised.value)
    if name != "zero":
        with pytest.raises(RunError, match=r"is not a plain file$|^cannot read "):
            file_size(place)


def test_a_link_is_no_place_to_write_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    refuse_links(tmp_path, tmp_path / "gone")
    with pytest.raises(RunError, match="link is a link"):
        refuse_links(tmp_path, tmp_path / "link")


def test_what_is_wrong_with_a_files_content_is_not_told_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    with pytest.raises(UsageError, match="the content"), open_file(tmp_path / "file"):  # which is a ValueError
        raise UsageError("the content")
