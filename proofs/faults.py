"""A save is broken at every call to the disk, and the power fails at every moment: the old or the new one loads.

    python proofs/faults.py [--save FILE]

First: crash, ENOSPC and EIO at every open, write, fsync, mkdir, rename, unlink and rmdir of one save, over several
folders of older checkpoints. The calls are made to fail inside Python. Second: the calls of five saves one behind
another, which also replace and prune, are recorded and replayed up to each of them; of what was not yet fsynced any
part may be lost: of the entries of a folder, every subset (beyond six of them every beginning, and every one alone,
kept or lost), and of files all, half, zeros or nothing. A renaming is taken to happen or not, never by halves.
Exit code 1 where anything but the old or the new checkpoint is loaded, or a temporary file stays.
"""

import errno
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from failing_disk import Disk, Recorder
from outcomes import arguments, conclude, counted

from statewise.errors import StatewiseError
from statewise.learning.checkpoint import KEPT, load_checkpoint, save_checkpoint, saved_checkpoints, sweep

CALLS = ["open", "write", "fsync", "mkdir", "rename", "unlink", "rmdir"]
FAULTS = ["crash", "ENOSPC", "EIO"]
FOLDERS = [(), (3,), (5,), (3, 5), (2, 3), (2, 3, 4)]
SAVES = [3, 5, 8, 8, 9]
OLD = {"weights": b"old" * 50, "place": b"3"}
NEW = {"weights": b"new" * 60, "place": b"5"}
CLAIM = "a save that crashes or fails at any call to the disk leaves the old checkpoint or the new one, whole"
POWER_CLAIM = "a loss of power at any moment of saving leaves the old checkpoint or the new one, whole"
HELD, GOOD = "the new one or the old one", {"the new one or the old one"}
Fault = Callable[[str, tuple[Any, ...]], None]


class Crash(BaseException):
    """The process is gone: nothing that it would do later happens."""


def main() -> None:
    """Break, load, and write what came of it."""
    asked = arguments(__doc__, "faults", saves=(len(SAVES), "saves between which the power fails"))
    save = asked.save.resolve()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        broken = counted(CLAIM, every_fault(Path(folder)), GOOD, is_sample=False)
        power = counted(POWER_CLAIM, every_loss_of_power(Path(folder), SAVES[: asked.saves]), GOOD, is_sample=False)
    conclude([broken, power], save)


def every_fault(place: Path) -> Iterator[str]:
    """Yield what came of every fault at every call of a save into each folder."""
    folder = place / "checkpoints"
    for updates, fault in itertools.product(FOLDERS, FAULTS):
        seen: list[str] = []
        with calls_watched(lambda name, _, seen=seen: seen.append(name)):  # type: ignore[misc]
            save_checkpoint(remade(folder, updates), 5, NEW)
        if not {"open", "write", "fsync", "mkdir", "rename"} <= set(seen):
            yield f"saw only {set(seen)}"
        for number in range(len(seen)):
            yield outcome_of(remade(folder, updates), updates, fault, number)


def outcome_of(folder: Path, updates: tuple[int, ...], fault: str, number: int) -> str:
    """Save with a fault at one call, come back as a new process would, and say what is there."""
    where = f"{fault} at call {number} of a save beside {updates}"
    try:
        with calls_watched(fault_at(number, fault)):
            save_checkpoint(folder, 5, NEW)
        is_saved = True
    except (StatewiseError, Crash):
        is_saved = False
    except Exception as error:
        return f"{where}: {type(error).__name__} instead of a message"
    return judged(folder, where, [NEW] if is_saved else [OLD if updates else None, NEW], min(len(updates), KEPT))


def judged(folder: Path, where: str, expected: Sequence[dict[str, bytes] | None], least: int) -> str:
    """Start as a new process does and say whether one of these is loaded, and nothing else lies there."""
    sweep(folder)
    saved = saved_checkpoints(folder)
    try:
        found = load_checkpoint(folder) if saved else None
    except StatewiseError as error:
        return f"{where}: {error}"
    if (found.files if found else None) not in expected:
        return f"{where}: another one is loaded"
    if found and found.notice:
        return f"{where}: {found.notice}"
    if len(saved) < least:
        return f"{where}: only {len(saved)} are left"
    left = [path.name for path in folder.iterdir() if path.name.startswith(".")] if folder.exists() else []
    return f"{where}: {left[0]} stays" if left else HELD


def remade(folder: Path, updates: tuple[int, ...]) -> Path:
    """Make the folder again with checkpoints of so many updates."""
    shutil.rmtree(folder, ignore_errors=True)
    for update in updates:
        save_checkpoint(folder, update, OLD)
    return folder


@contextmanager
def calls_watched(before: Fault) -> Iterator[None]:
    """Do something before every call that opens, or changes what is on the disk."""
    with mock.patch.multiple(os, **{name: _watched(getattr(os, name), name, before) for name in CALLS}):
        yield


def _watched(function: Callable[..., Any], name: str, before: Fault) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        before(name, given)
        return function(*given, **named)

    return call


def fault_at(number: int, fault: str) -> Fault:
    """Fail at one call as a full or broken disk does, or crash at it and at all that would follow."""
    count = itertools.count()

    def before(name: str, given: tuple[Any, ...]) -> None:
        now = next(count)
        if fault == "crash" and now >= number:
            if now == number and name == "write":
                os.pwrite(given[0], bytes(given[1][: len(given[1]) // 2]), 0)
            raise Crash
        if fault != "crash" and now == number:
            raise OSError(getattr(errno, fault), fault)

    return before


def every_loss_of_power(place: Path, saves: list[int]) -> Iterator[str]:
    """Record some saves, replay each beginning of their calls, and yield what is there after each possible loss."""
    contents = [{"weights": bytes([number]) * 99, "place": b"%d" % number} for number in range(len(saves))]
    run, recorder, done = place / "recorded" / "run", Recorder(place / "recorded"), [0]
    run.mkdir(parents=True)
    recorder.calls.clear()
    with recorder.recording():
        for update, files in zip(saves, contents, strict=True):
            save_checkpoint(run / "checkpoints", update, files)
            done.append(len(recorder.calls))
    disk = Disk(["run"])
    for number in range(len(recorder.calls) + 1):
        if number:
            disk.do(recorder.calls[number - 1])
        finished = sum(number >= end for end in done) - 1
        before = contents[finished - 1] if finished else None
        expected = [before] if number in done else [before, contents[finished]]
        for lost, files in enumerate(disk.after_losses()):
            folder = place / "replayed"
            disk.lay_out(files, folder)
            where = f"loss {lost} after call {number}"
            yield judged(folder / "run" / "checkpoints", where, expected, min(finished, KEPT))
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
