"""The command line in a real terminal: what is drawn, what is left behind, and how Ctrl-C and Ctrl-D end it."""

import errno
import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from statewise.cli.main import run
from statewise.learning.snapshot import load_weights
from statewise.model import Model
from statewise.verbs import load

FLAGS = "--hidden-size 8 --batch-size 4 --sequence-length 16 --orders 2 --threads 1 --run r"
TRAIN = ["train", "text", "book.txt", *FLAGS.split(), "--minutes", "0.02", "--sample-seconds", "0.5"]
# A terminal sends ^C to the programs that it controls, so the program has to make it its own first.
IN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "statewise", *sys.argv[1:]])
"""
CODES = re.compile(r"\x1b\[(\??[0-9;]*)([A-Za-z])|(.)", re.DOTALL)
INTERRUPTED = "interrupted: nothing was left half written"
PATIENCE_SECONDS = 60
Program = subprocess.Popen[bytes]
NOTHING: Mapping[str, str] = {}
CTRL_C, CTRL_D = "\x03", "\x04"


def begin_in_terminal(arguments: list[str], columns: int, environment: Mapping[str, str]) -> tuple[Program, int]:
    """Begin a command in a terminal of its own; return it and the end at which a person sits."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    everything = {**inherited, "TERM": "xterm-256color", **environment}
    command = [sys.executable, "-c", IN_TERMINAL, *arguments]
    program = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=everything, start_new_session=True
    )
    os.close(theirs)
    return program, ours


def in_terminal(
    arguments: list[str], *keys: tuple[str, str], columns: int = 80, environment: Mapping[str, str] = NOTHING
) -> tuple[int, str]:
    """Run a command in a terminal, typing each text once the one before it has appeared; return code and output."""
    shown, waiting = b"", list(keys)
    program, ours = begin_in_terminal(arguments, columns, environment)
    with program:
        while chunk := _read(ours):
            shown += chunk
            if waiting and waiting[0][0].encode() in shown.rpartition(b"\0")[2]:
                os.write(ours, waiting.pop(0)[1].encode())
                shown += b"\0"  # the next text is looked for behind this
        os.close(ours)  # which hangs up on a program that said nothing for too long
        code = program.wait(timeout=PATIENCE_SECONDS)
    return code, shown.replace(b"\0", b"").decode()


def _read(terminal: int, seconds: float = PATIENCE_SECONDS) -> bytes:
    ready, _, _ = select.select([terminal], [], [], seconds)
    if not ready:
        return b""
    try:
        return os.read(terminal, 1 << 16)
    except OSError as error:  # how Linux says that the last program has left
        if error.errno != errno.EIO:
            raise
        return b""


def screen(output: str, columns: int) -> list[str]:
    """Return the lines that a terminal of that width shows at the end."""
    lines, row, column = [""], 0, 0
    for arguments, command, character in CODES.findall(output):
        if command == "A":
            row -= int(arguments or 1)
        elif command == "K":
            lines[row] = ""
        elif character == "\r":
            column = 0
        elif character == "\n" or (character and column == columns):
            row, column = row + 1, 0 if character != "\n" else column
            lines += [""] * (row + 1 - len(lines))
        if character and character not in "\r\n":
            lines[row] = lines[row][:column].ljust(column) + character + lines[row][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]


def tidy(output: str) -> bool:
    """Say whether the cursor is back."""
    return output.rfind("\x1b[?25h") > output.rfind("\x1b[?25l") >= 0


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_bar_is_drawn_while_training_and_gone_at_the_end(columns: int, book: Path) -> None:
    code, output = in_terminal(TRAIN, columns=columns)
    assert code == 0
    assert re.search(r"training .*━.* \d+%.*  0:0\d left.*bits per character  [\d,]+/s", output, re.DOTALL)
    left = screen(output, columns)
    assert "━" not in "".join(left)
    assert left[0].startswith("r trains: ")
    assert any(line.startswith("--- after ") for line in left)
    assert any(line.startswith("this model ") for line in left)
    assert tidy(output)


def test_without_a_terminal_there_are_plain_lines(book: Path) -> None:
    program = [sys.executable, "-m", "statewise", *TRAIN]
    trained = subprocess.run(program, check=True, capture_output=True, text=True, timeout=60)
    assert "\x1b" not in trained.stderr + trained.stdout
    assert "\r" not in trained.stderr
    assert trained.stderr.startswith("r trains: ")
    assert "--- after " in trained.stderr
    assert trained.stdout.splitlines()[2].startswith("this model ")


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_that_wants_no_escape_codes_gets_plain_lines(name: str, value: str, book: Path) -> None:
    code, output = in_terminal(TRAIN, columns=40, environment={name: value})
    assert code == 0
    assert "\x1b" not in output
    assert "━" not in output
    assert output.startswith("r trains: ")


def test_ctrl_c_while_training_saves_and_leaves_a_tidy_screen(book: Path) -> None:
    code, output = in_terminal(TRAIN, ("/s", CTRL_C))
    assert code == 130
    left = screen(output, 80)
    assert "━" not in "".join(left)
    assert left[-2:] == ["stopped and saved; go on with: statewise resume r", ""]
    assert tidy(output)
    assert list(Path("r/checkpoints").glob("0*"))


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_a_terminal_that_is_closed_while_training_loses_nothing(quiet: list[str], book: Path) -> None:
    long = ["--minutes", "5", "--sample-seconds", "0.1", "--save-seconds", "0.2"]
    training, ours = begin_in_terminal([*TRAIN, *long, *quiet], 80, {})
    with training:
        _wait_for(lambda: bool(list(Path("r/checkpoints").glob("0*"))), ours)
        os.close(ours)
        assert training.wait(PATIENCE_SECONDS) == 129
    update = _last_saved("r")
    assert update == json.loads(Path("r/events.jsonl").read_text().splitlines()[-1])["update"]
    resuming, ours = begin_in_terminal(["resume", "r"], 80, {})
    with resuming:
        _wait_for(lambda: _last_saved("r") > update, ours)
        os.close(ours)
        assert resuming.wait(PATIENCE_SECONDS) == 129


def test_a_training_under_nohup_goes_on_to_its_end_when_its_terminal_is_closed(book: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    training, ours = begin_in_terminal([*TRAIN, "--save-seconds", "0.2"], 80, {})
    signal.signal(signal.SIGHUP, before)
    with training:
        _wait_for(lambda: bool(list(Path("r/checkpoints").glob("0*"))), ours)
        os.close(ours)
        assert training.wait(PATIENCE_SECONDS) in (0, 1)  # 1 where the table found no terminal
    assert "this model" in Path("r/report.md").read_text()


def test_a_training_whose_progress_has_no_reader_any_more_is_saved(book: Path) -> None:
    command = [sys.executable, "-m", "statewise", *TRAIN, "--minutes", "5"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as training:
        assert training.stderr is not None
        assert training.stderr.readline().startswith(b"r trains: ")
        training.stderr.close()
        assert training.wait(PATIENCE_SECONDS) == 1
    assert _last_saved("r") > 0


@pytest.mark.parametrize(("arguments", "code"), [(["list", "tasks"], 0), (["list", "taskz"], 2)])
def test_a_command_works_without_any_stream(arguments: list[str], code: int) -> None:
    command = [sys.executable, "-m", "statewise", *arguments]
    assert subprocess.run(["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *command], check=False).returncode == code


def _wait_for(is_so: Callable[[], bool], terminal: int) -> None:
    """Read what a program writes, as a terminal does, until something is so."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        _read(terminal, 0.05)


def _last_saved(run: str) -> int:
    return max(int(path.name) for path in Path(run).glob("checkpoints/0*"))


@pytest.fixture
def long_text() -> str:
    """A text that takes seconds to be read."""
    Path("long.txt").write_bytes(b"It was the best of times, it was the worst of times.\n" * 1_500_000)
    return "long.txt"


def test_ctrl_c_while_the_data_are_read_leaves_one_line_and_no_run(long_text: str) -> None:
    code, output = in_terminal(["train", "text", long_text, *FLAGS.split()], ("reading", CTRL_C))
    assert code == 130
    assert screen(output, 80) == [INTERRUPTED, ""]
    assert tidy(output)
    assert not Path("r").exists()


def test_an_interrupt_without_a_terminal_leaves_one_line_too(long_text: str) -> None:
    program = [sys.executable, "-m", "statewise", "train", "text", long_text, *FLAGS.split()]
    with subprocess.Popen(program, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as training:
        while not Path(".data").exists():  # made once the text is being read
            assert training.poll() is None
            time.sleep(0.002)
        training.send_signal(signal.SIGINT)
        said, complaint = training.communicate(timeout=60)
    assert (training.returncode, said, complaint) == (130, "", INTERRUPTED + "\n")


TALK = ["predict", "run", "It was", "--interactive", "--length", "60", "--seed", "3", "--stop", "£"]


def test_a_conversation_ends_at_ctrl_d_with_a_line_for_the_shell(run_path: Path) -> None:
    code, output = in_terminal(TALK, ("> ", "the \n"), ("> ", CTRL_D))
    assert code == 0
    assert output.startswith("> the \r\n")
    assert output.endswith("> \r\n")


def test_a_conversation_ends_at_ctrl_c(run_path: Path) -> None:
    code, output = in_terminal(TALK, ("> ", CTRL_C))
    assert code == 130
    assert screen(output, 80) == ["> ^C", INTERRUPTED, ""]


def test_what_was_said_stays_in_the_state_between_lines(
    run_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load_loudly(model: Model[Any], files: Mapping[str, bytes]) -> None:
        load_weights(model, files)
        for weight in model.parameters():  # after five updates nothing that was read would change an answer
            weight.data *= 3

    monkeypatch.setattr("statewise.verbs.load_weights", load_loudly)
    monkeypatch.setattr(sys, "stdin", io.StringIO("the \n" * 2))
    assert run(TALK) == 0
    model, how = load("run"), {"length": 60, "stop": "£"}
    stream = model.stream()
    stream.push_many(model.codec.encode("It was").tolist())
    answers = ["".join(model.predict("the \n", stream=stream, seed=seed, **how)) for seed in (3, 4)]
    assert capsys.readouterr() == ("".join(f"{answer}\n" for answer in answers), "")
    forgetful = ["".join(model.predict("the \n", seed=seed, **how)) for seed in (3, 4)]
    assert answers != forgetful


def test_ctrl_c_while_an_answer_is_written_ends_its_line(run_path: Path) -> None:
    code, output = in_terminal(["predict", "run", "It was", "--length", "99999"], ("It was", CTRL_C))
    assert code == 130
    assert screen(output, 80)[-2:] == [INTERRUPTED, ""]
