"""A signal while a run begins leaves nothing of it: a real one is sent behind each call to the system that makes it."""

import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from statewise.cli.main import main
from statewise.errors import TrainingError
from statewise.run.beginning import Beginning
from statewise.run.directory import RunDirectory

LEFT_HALF = "interrupted: nothing was left half written\n"
SIZES = "--hidden-size 8 --batch-size 4 --sequence-length 16 --orders 2 --threads 1 --updates 1"
TRAIN = f"train text book.txt {SIZES} --sample-seconds 0 --quiet"
TUNE = f"tune text book.txt {SIZES} --search learning-rate=1e-3..1e-2"
CALLS = [(os, "mkdir"), (os, "open"), (os, "fsync"), (os, "replace"), (fcntl, "flock")]


@contextmanager
def signal_after(number: int, is_begun: Callable[[], bool]) -> Iterator[list[str]]:
    """Send SIGINT behind that call, counted from when the run is begun; yields the calls."""
    seen: list[str] = []

    def watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def then_signal(*given: Any, **named: Any) -> Any:
            before = is_begun()
            result = call(*given, **named)
            if before or is_begun():
                seen.append(name)
                if len(seen) == number:
                    os.kill(os.getpid(), signal.SIGINT)
            return result

        return then_signal

    with pytest.MonkeyPatch.context() as patch:
        for module, name in CALLS:
            patch.setattr(module, name, watched(name, getattr(module, name)))
        yield seen


def outcomes(command: str, is_begun: Callable[[], bool], capsys: pytest.CaptureFixture[str]) -> Iterator[str]:
    """Interrupt the command behind each of its calls and yield which, until it says else than that nothing is left."""
    for number in count(1):
        with signal_after(number, is_begun) as seen, pytest.raises(SystemExit) as left:
            main(command.split())
        if capsys.readouterr().err != LEFT_HALF:
            return
        assert left.value.code == 130
        yield seen[number - 1]


@pytest.mark.parametrize("flags", ["", " --run r", " --run deep/r", " --run empty"])
def test_a_signal_while_a_run_begins_leaves_no_folder_of_it(
    book: Path, flags: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("empty").mkdir()
    path = Path(flags.removeprefix(" --run ") or "runs/text-book-1")
    was_there = path.exists()
    interrupted = set()
    for call in outcomes(TRAIN + flags, lambda: any(path.glob("*")) or path.exists() > was_there, capsys):
        interrupted.add(call)
        assert not any(path.glob("*"))
        assert path.exists() == was_there
    assert {"open", "fsync", "replace", "flock"} <= interrupted
    assert ("mkdir" in interrupted) != was_there
    assert any(path.glob("checkpoints/*"))  # the last signal came behind the first update's beginning, and saved


def test_a_signal_while_a_search_begins_leaves_no_folder_of_it(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("optuna")
    path, interrupted = Path("found"), set()
    for call in outcomes(f"{TUNE} --run found", path.is_dir, capsys):
        interrupted.add(call)
        assert not path.exists()
    assert {"mkdir", "open", "fsync", "replace", "flock"} <= interrupted
    assert (path / "tune.yaml").exists()  # the last signal came behind the beginning of the first trial


def test_a_run_that_cannot_be_written_leaves_no_folder(tmp_path: Path) -> None:
    def fail(directory: RunDirectory) -> None:
        directory.codec.write_text("{}")
        raise TrainingError("the disk is full")

    with pytest.raises(TrainingError):
        Beginning("text", "a", tmp_path / "run").create(fail)
    assert not (tmp_path / "run").exists()


def test_what_a_run_did_not_write_and_what_another_process_has_stays(tmp_path: Path) -> None:
    for name in ("noted", "taken"):
        with pytest.raises(KeyboardInterrupt), Beginning("text", "a", tmp_path / name) as beginning:  # noqa: PT012
            directory = beginning.create(lambda made: made.begin({}, {}))
            if name == "noted":
                (directory.path / "note.txt").write_text("mine")
                raise KeyboardInterrupt
            with directory.locked():
                beginning.undo()
                assert directory.codec.exists()
            raise KeyboardInterrupt
    assert [path.name for path in (tmp_path / "noted").iterdir()] == ["note.txt"]
    assert not (tmp_path / "taken").exists()
