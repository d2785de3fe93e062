"""A file is whole or not there: what was in it before stays until the new content is safe."""

import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from statewise.errors import RunError, TrainingError, UsageError
from statewise.run.files import saving, sync_folder, write_figure, write_synced, write_whole


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_holds_what_was_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_whole(tmp_path / "note", b"one, longer")
    write_whole(tmp_path / "note", b"two")
    assert (tmp_path / "note").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_a_picture_is_what_its_name_says_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    for kind, begins in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        write_figure(tmp_path / "new" / f"picture.{kind}", figure)
        assert (tmp_path / "new" / f"picture.{kind}").read_bytes().startswith(begins)
    with pytest.raises(UsageError, match=r"picture.bmp does not end in .png, .svg, .pdf: name the picture so"):
        write_figure(tmp_path / "picture.bmp", figure)
    monkeypatch.setattr("statewise.run.files.os.fsync", full)
    with pytest.raises(TrainingError, match=r"cannot save .*picture.png"):
        write_figure(tmp_path / "picture.png", figure)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("place", ["os.fsync", "Path.replace"])
def test_a_write_that_fails_leaves_the_old_content_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "note").write_bytes(b"old")
    with monkeypatch.context() as disk:
        disk.setattr(f"statewise.run.files.{place}", full)
        with pytest.raises(OSError, match="No space left"):
            write_whole(tmp_path / "note", b"new")
    assert (tmp_path / "note").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_the_content_is_on_the_disk_before_the_name_is_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    synced, replaced = os.fsync, Path.replace

    def fsync(handle: int) -> None:
        found = os.fstat(handle)
        done.append("folder" if stat.S_ISDIR(found.st_mode) else f"{found.st_size} bytes")
        synced(handle)

    def replace(self: Path, target: Path) -> Path:
        done.append("named")
        return replaced(self, target)

    monkeypatch.setattr("statewise.run.files.os.fsync", fsync)
    monkeypatch.setattr("statewise.run.files.Path.replace", replace)
    write_whole(tmp_path / "note", b"12345")
    assert done == ["5 bytes", "named", "folder"]


def test_a_synced_file_may_be_empty_and_a_folder_must_be_there(tmp_path: Path) -> None:
    write_synced(tmp_path / "empty", b"")
    assert (tmp_path / "empty").read_bytes() == b""
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "nowhere")


def test_a_disk_that_cannot_save_is_one_line_with_the_way_out() -> None:
    with pytest.raises(TrainingError) as raised, saving("the note", "free some space"):
        full()
    assert str(raised.value) == "cannot save the note (No space left on device): free some space"
    assert raised.value.exit_code == 1


def test_other_errors_pass_through_a_saving() -> None:
    with pytest.raises(RunError, match="taken"), saving("the note", "free some space"):
        raise RunError("taken")


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit((tmp_path / "pipe").read_bytes)
        write_whole(tmp_path / "pipe", b"whole")
        assert read.result(timeout=20) == b"whole"
    assert (tmp_path / "pipe").is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
