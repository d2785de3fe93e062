"""What the proofs about stopped trainings share: a small run in a process of its own, and what it ends in."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

import torch

from statewise import registry, session, verbs  # noqa: F401  # so that a fork need not import them
from statewise.cli.main import main as command_line
from statewise.cli.train import command_for
from statewise.data import stripes, texts  # noqa: F401
from statewise.tasks.shared.kneser_ney import KneserNey  # noqa: F401

TEXT = "It was the best of times, it was the worst of times, it was the age of wisdom.\n" * 100
SETTINGS: dict[str, Any] = {
    "hidden_size": 8,
    "embedding": 4,
    "batch_size": 4,
    "sequence_length": 16,
    "updates": 40,
    "orders": 2,
}
SETTINGS |= {"threads": 1, "checks": 3, "keep": "best", "average": 0.9, "save_updates": 4, "sample_seconds": 0.2}
MOST_SECONDS = 300
RUN, BOOK = Path("run"), Path("book.txt")


def begin_in(folder: Path, text: str = TEXT) -> None:
    """Stand in a new folder with a book, ready to fork."""
    command_for("text")
    torch.set_num_threads(1)  # what is forked must not wait for threads that only its parent has
    folder.mkdir(parents=True)
    os.chdir(folder)
    BOOK.write_text(text)


def warm_up(folder: Path) -> None:
    """Train once in this process, so that what is forked behind it has nothing left to import."""
    begin_in(folder)
    with suppress(SystemExit), redirect_stdout(io.StringIO()):
        command_line(command("train"))


def command(verb: str, **settings: Any) -> list[str]:
    """Return the command line that trains or resumes the run of this folder."""
    if verb == "resume":
        return ["resume", str(RUN), "--quiet"]
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in {**SETTINGS, **settings}.items()]
    return ["train", "text", str(BOOK), *flags, "--run", str(RUN), "--quiet"]


def start(arguments: list[str], *, by_command: bool, before: Any = None) -> int:
    """Begin a command in a process of its own and return its number.

    By command: a new interpreter, as a shell begins it. Else a fork that runs the same command line at once, `before`
    having been called in it.
    """
    if by_command:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen([sys.executable, "-m", "statewise", *arguments], **quiet).pid  # type: ignore[call-overload]
    process = os.fork()
    if process:
        return process
    code: Any = 1
    try:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            sys.stdout = sys.stderr = nowhere
            if before:
                before()
            command_line(arguments)
    except SystemExit as leaving:
        code = leaving.code
    finally:
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def finish(process: int) -> tuple[int, float]:
    """Wait for a process; return its exit code, as a shell has it, and how long it took from now."""
    began = time.monotonic()
    while time.monotonic() - began < MOST_SECONDS:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            code = os.waitstatus_to_exitcode(status)
            return (128 - code if code < 0 else code), time.monotonic() - began
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return -1, time.monotonic() - began


def wait(process: int, seconds: float) -> float | None:
    """Wait so long; where the process ends before, return after how long, and do not wait on."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return passed
        time.sleep(0.002)
    return None


def whole(*, by_command: bool, **settings: Any) -> tuple[float, dict[str, Any]]:
    """Train undisturbed in this folder; return how long it took and what it ended in."""
    code, seconds = finish(start(command("train", **settings), by_command=by_command))
    if code:
        raise RuntimeError(f"a run that nothing disturbs left with exit code {code}")
    return seconds, end_of(RUN)


def outcome_after_resuming(expected: dict[str, Any], *, by_command: bool, **settings: Any) -> str:
    """Go on with a stopped run as a supervisor would and say how it ended: `resume`, or `train` where there is none."""
    verb = "resume" if Path(RUN, "run.yaml").exists() else "train"
    code, _ = finish(start(command(verb, **settings), by_command=by_command))
    if code:
        return f"{verb} left with exit code {code}"
    if orphans := [str(path) for path in Path().rglob(".*") if path.name not in (".data",)]:
        return f"left {orphans[0]} behind"
    return "same bits" if end_of(RUN) == expected else "other bits"


def phase(run: Path) -> str:
    """Say what a run was doing when it was stopped."""
    if not (run / "run.yaml").exists():
        return "before the run was made"
    events = [json.loads(line) for line in _whole_lines(run / "events.jsonl")]
    if any((run / "checkpoints").glob(".*")):
        return "saving"
    if not any(event["event"] == "updated" for event in events):
        return "in the first update"
    last = events[-1]["event"]
    return "checking or scoring" if last == "saved" and events[-1]["update"] == SETTINGS["updates"] else "training"


def _whole_lines(path: Path) -> list[bytes]:
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def end_of(run: Path) -> dict[str, Any]:
    """Return everything in the last checkpoint but the time it took, and the scores."""
    last = max((run / "checkpoints").iterdir())
    place = json.loads((last / "place.json").read_text())
    events = [json.loads(line) for line in _whole_lines(run / "events.jsonl")]
    scores = [event["report"]["metrics"] for event in events if event["event"] == "finished"][-1]
    files = {path.name: path.read_bytes() for path in last.glob("*.safetensors")}
    return {**files, "place": {**place, "seconds": 0}, "scores": scores}
