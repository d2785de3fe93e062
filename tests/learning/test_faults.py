"""A save that fails, or is cut off, at any of its system calls leaves the old checkpoint or the new one, whole."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from statewise.errors import TrainingError
from statewise.learning.checkpoint import KEPT, load_checkpoint, save_checkpoint, saved_checkpoints, sweep

CALLS = ["open", "write", "fsync", "mkdir", "rename", "unlink", "rmdir"]
OLD = {"weights": b"old" * 50, "place": b"3"}
NEW = {"weights": b"new" * 60, "place": b"5"}
Fault = Callable[[str, tuple[Any, ...]], None]


class Crash(BaseException):
    """The process is gone: nothing that it would do later happens."""


@contextmanager
def disk(monkeypatch: pytest.MonkeyPatch, before: Fault) -> Iterator[None]:
    """Do something before every call that opens, or changes what is on the disk."""
    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, watched(name, before))
        yield


def watched(name: str, before: Fault) -> Callable[..., Any]:
    function = getattr(os, name)

    def call(*given: Any, **named: Any) -> Any:
        before(name, given)
        return function(*given, **named)

    return call


def fault_at(number: int, fault: str) -> Fault:
    """Fail at one call as a full or broken disk does, or crash at it and at all that would follow."""
    count = iter(range(10**6))

    def before(name: str, given: tuple[Any, ...]) -> None:
        now = next(count)
        if fault == "crash" and now >= number:
            if now == number and name == "write":
                os.pwrite(given[0], bytes(given[1][: len(given[1]) // 2]), 0)
            raise Crash
        if fault != "crash" and now == number:
            raise OSError(getattr(errno, fault), fault)

    return before


def make_folder(path: Path, updates: tuple[int, ...]) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    for update in updates:
        save_checkpoint(path, update, OLD)
    return path


def count_calls(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    seen: list[str] = []
    with disk(monkeypatch, lambda name, _: seen.append(name)):
        save_checkpoint(folder, 5, NEW)
    assert {"open", "write", "fsync", "mkdir", "rename"} <= set(seen)
    return len(seen)


@pytest.mark.parametrize("fault", ["ENOSPC", "EIO", "crash"])
@pytest.mark.parametrize("updates", [(5,), (3,), (3, 5), (2, 3)], ids=str)
def test_a_fault_at_every_call_of_a_save_leaves_the_old_or_the_new_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, updates: tuple[int, ...], fault: str
) -> None:
    folder = tmp_path / "checkpoints"
    calls = count_calls(make_folder(folder, updates), monkeypatch)
    for number in range(calls):
        make_folder(folder, updates)
        try:
            with disk(monkeypatch, fault_at(number, fault)):
                save_checkpoint(folder, 5, NEW)
            is_saved = True
        except (TrainingError, Crash):
            is_saved = False
        sweep(folder)
        found = load_checkpoint(folder)
        assert found.notice is None, number
        assert found.files in ((NEW,) if is_saved else (OLD, NEW)), number
        assert len(saved_checkpoints(folder)) >= min(len(updates), KEPT), number
        assert not [path for path in folder.iterdir() if path.name.startswith(".")], number


def test_a_first_save_that_is_cut_off_leaves_nothing_or_the_whole_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "checkpoints"
    calls = count_calls(folder, monkeypatch)
    for number in range(calls):
        shutil.rmtree(folder)
        with pytest.raises(Crash), disk(monkeypatch, fault_at(number, "crash")):
            save_checkpoint(folder, 5, NEW)
        sweep(folder)
        assert not saved_checkpoints(folder) or load_checkpoint(folder).files == NEW
        folder.mkdir(exist_ok=True)
