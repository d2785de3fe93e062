"""Ctrl-C, SIGTERM, SIGHUP and kill -9 on a real training process: nothing is lost, and resuming is exact."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from statewise.cli.main import run
from statewise.cli.signals import Interrupted, Interruption, interruptible
from statewise.progress.holding import held_back

SIZES = "--hidden-size 8 --batch-size 4 --sequence-length 16 --orders 2 --threads 1"
FLAGS = f"{SIZES} --updates 1500 --save-seconds 0.3 --sample-seconds 0"
MOST_SECONDS = 90
SWALLOWS = """
import signal
try:
    signal.raise_signal(signal.SIGINT)
    whole = True
except BaseException:
    whole = False
"""


def start(*arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "statewise", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def train(run: str) -> "subprocess.Popen[str]":
    return start("train", "text", "book.txt", "--run", run, *FLAGS.split())


def saved(run: str) -> int:
    return max((int(path.name) for path in Path(run).glob("checkpoints/0*")), default=0)


def wait_for_a_save_behind(update: int, run: str) -> None:
    deadline = time.monotonic() + MOST_SECONDS
    while saved(run) <= update and time.monotonic() < deadline:
        time.sleep(0.02)


def weights(run: str) -> str:
    newest = max((Path(run) / "checkpoints").glob("0*"))
    return hashlib.sha256((newest / "weights.safetensors").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def whole(trained_once: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the weights of a run are that nothing disturbs."""
    folder = tmp_path_factory.mktemp("whole")
    shutil.copy(trained_once / "book.txt", folder)
    command = [sys.executable, "-m", "statewise", "train", "text", "book.txt", "--run", "run", *FLAGS.split()]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=MOST_SECONDS)
    return weights(str(folder / "run"))


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_a_run_stopped_and_stopped_again_while_it_is_resumed_ends_in_the_same_weights(
    book: Path, whole: str, number: signal.Signals, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    begins: list[Callable[[], subprocess.Popen[str]]] = [lambda: train("run"), lambda: start("resume", "run")]
    for begin in begins:
        before = saved("run")
        stopped = begin()
        wait_for_a_save_behind(before, "run")
        assert run(["resume", "run"]) == 2  # while it lives: refused, and it is none the worse for it
        assert f"run is being trained by process {stopped.pid} on " in capsys.readouterr().err
        stopped.send_signal(number)
        _, said = stopped.communicate(timeout=MOST_SECONDS)
        assert (stopped.returncode, "Traceback" in said) == (code, False)
        assert ("stopped and saved; go on with: statewise resume run" in said) == (number != signal.SIGKILL)
    assert run(["resume", "run", "--quiet"]) == 0
    assert weights("run") == whole
    assert not list(Path("run").rglob("*.tmp"))


def test_an_interrupt_waits_until_a_module_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("loads_slowly.py").write_text(SWALLOWS)
    monkeypatch.syspath_prepend(tmp_path)
    seen = []
    with pytest.raises(KeyboardInterrupt), interruptible():  # noqa: PT012  # it comes a moment after the import
        seen.append(__import__("loads_slowly").whole)
        time.sleep(60 if seen == [True] else 0)


def test_an_exception_that_a_library_makes_of_an_interrupt_is_one_again() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), interruptible():
        _mangled()
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(ZeroDivisionError), interruptible():
        _ = 1 / 0


def _mangled() -> None:
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt as interrupt:
        raise ValueError from interrupt


def test_a_signal_that_is_held_back_comes_afterwards() -> None:
    reached, end = [], threading.Event()
    threading.Thread(target=end.wait).start()  # whom the system may hand a signal that the main thread masks
    with pytest.raises(KeyboardInterrupt), interruptible(), held_back():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGINT)
        reached = ["the end"]
    end.set()
    assert reached == ["the end"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_before_training_leaves_with_its_own_code(number: signal.Signals, code: int) -> None:
    with pytest.raises(Interrupted) as raised, interruptible():
        signal.raise_signal(number)
    assert raised.value.exit_code == code


def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible(), Interruption() as interruption, held_back():
            interruption.defer()
            os.kill(os.getpid(), signal.SIGHUP)
        assert interruption.signal == 0
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("first", [signal.SIGHUP, signal.SIGTERM])
def test_a_hangup_hurries_nothing_that_is_stopping(first: signal.Signals) -> None:
    with pytest.raises(Interrupted), interruptible():  # noqa: PT012  # the second one would end the saving
        try:
            signal.raise_signal(first)
        finally:
            signal.raise_signal(signal.SIGHUP)
            saved = True
    with interruptible(), Interruption() as interruption:
        interruption.defer()
        for number in (first, signal.SIGHUP, signal.SIGHUP):
            signal.raise_signal(number)
        assert (interruption.signal, interruption.is_at_once) == (first, False)
    assert saved


def test_a_search_that_is_hung_up_saves_its_trial_and_says_how_to_go_on(book: Path) -> None:
    arguments = ["tune", "text", "book.txt", "--search", "learning-rate=1e-3..1e-2", "--trials", "2", "--run", "search"]
    searching = start(*arguments, *FLAGS.split())
    wait_for_a_save_behind(0, "search/trials/0000")
    searching.send_signal(signal.SIGHUP)
    _, said = searching.communicate(timeout=MOST_SECONDS)
    assert searching.returncode == 129
    assert "stopped and saved; go on with the same command and --run search" in said
    assert "Traceback" not in said


def test_of_two_that_resume_a_killed_run_at_once_one_goes_on(book: Path, whole: str) -> None:
    killed = train("run")
    wait_for_a_save_behind(0, "run")
    killed.kill()
    killed.communicate()
    both = [start("resume", "run", "--quiet") for _ in range(2)]
    said = [one.communicate(timeout=MOST_SECONDS)[1] for one in both]
    refused = [words for words, one in zip(said, both, strict=True) if one.returncode == 2]
    assert sorted(one.returncode for one in both) in (
        [0, 2],
        [0, 0],
    )  # the second may have begun when the first was done
    assert all("run is being trained by process " in words for words in refused)
    assert weights("run") == whole
