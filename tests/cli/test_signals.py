"""Ctrl-C, SIGTERM and kill -9 on a real training process: nothing is lost, and resuming is exact."""

import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FLAGS = "--width 8 --rows 4 --steps 16 --orders 2 --threads 1 --updates 1500 --save-seconds 0.3 --sample-seconds 0"


def train(run: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "statewise", "train", "text", "book.txt", "--run", run, *FLAGS.split()]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def weights(run: str) -> str:
    newest = max((Path(run) / "checkpoints").glob("0*"))
    return hashlib.sha256((newest / "weights.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_stopped_run_resumes_to_the_same_weights(book: Path, number: signal.Signals, code: int) -> None:
    stopped = train("stopped")
    deadline = time.monotonic() + 60
    while not list(Path().glob("stopped/checkpoints/0*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    stopped.send_signal(number)
    _, said = stopped.communicate(timeout=30)
    assert stopped.returncode == code
    assert "Traceback" not in said
    if number != signal.SIGKILL:
        assert "stopped and saved; go on with: statewise resume stopped" in said
    resumed = subprocess.run(
        [sys.executable, "-m", "statewise", "resume", "stopped", "--quiet"], check=True, timeout=90
    )
    assert resumed.returncode == 0
    whole = train("whole")
    whole.communicate(timeout=90)
    assert weights("stopped") == weights("whole")
