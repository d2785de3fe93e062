"""`--processes N` and torchrun, with real processes: one run directory, one voice, one end, and nothing is lost."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

import statewise
from statewise.cli.main import run
from statewise.distributed import Ranks

InProcesses = Callable[[int, Callable[[Ranks], Any]], list[Any]]
FLAGS = ["--hidden-size", "8", "--batch-size", "4", "--sequence-length", "16", "--orders", "2"]
FLAGS += ["--threads", "1", "--save-seconds", "0.1", "--sample-seconds", "0"]
MOST_SECONDS = 300


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "statewise", *arguments]


def train(run: str, updates: int, *more: str) -> list[str]:
    return command("train", "text", "book.txt", "--run", run, *FLAGS, "--updates", str(updates), *more)


def start(arguments: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def wait_for_a_save_behind(update: int, run: str) -> None:
    deadline = time.monotonic() + MOST_SECONDS
    while time.monotonic() < deadline:
        if any(int(path.name) > update for path in Path().glob(f"{run}/checkpoints/0*")):
            return
        time.sleep(0.02)


def newest(run: str) -> int:
    return max(int(path.name) for path in Path().glob(f"{run}/checkpoints/0*"))


def end_of(run: str) -> dict[str, bytes]:
    last = max(Path().glob(f"{run}/checkpoints/0*"))
    return {path.name: path.read_bytes() for path in last.glob("*.safetensors")}


def events(run: str, kind: str) -> list[dict[str, Any]]:
    lines = Path(run, "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def test_a_training_in_two_processes_survives_what_befalls_them(in_processes: InProcesses, book: Path) -> None:
    updates = 400
    how: dict[str, Any] = {
        "hidden_size": 8,
        "batch_size": 4,
        "sequence_length": 16,
        "orders": 2,
        "threads": 1,
        "sample_seconds": 0.0,
    }
    task = statewise.Text(source="book.txt", updates=updates, **how)
    assert in_processes(2, lambda ranks: statewise.train(task, run="whole").report.training["updates"]) == [updates] * 2
    assert [event["update"] for event in events("whole", "updated")] == list(range(1, updates + 1))
    assert yaml.safe_load(Path("whole/run.yaml").read_text())["processes"] == 2

    killed = start(train("stopped", updates, "--processes", "2"))
    wait_for_a_save_behind(0, "stopped")
    children = psutil.Process(killed.pid).children()
    assert len(children) == 2
    children[1].kill()
    _, said = killed.communicate(timeout=30)
    assert killed.returncode == 1
    what = "another process of this training has ended or does not answer"
    assert said.splitlines()[1:] == [f"statewise: {what}: go on with `statewise resume stopped`"]
    assert not [child for child in children if child.is_running()]

    stopped = start(command("resume", "stopped"))
    wait_for_a_save_behind(newest("stopped"), "stopped")
    stopped.send_signal(signal.SIGTERM)
    _, said = stopped.communicate(timeout=30)
    assert (stopped.returncode, said.splitlines()[1:]) == (
        143,
        ["stopped and saved; go on with: statewise resume stopped"],
    )
    resumed = subprocess.run(
        command("resume", "stopped", "--quiet"), check=True, timeout=MOST_SECONDS, capture_output=True
    )
    assert resumed.stderr == b""
    assert end_of("stopped") == end_of("whole")


def test_torchrun_trains_and_its_run_goes_on_in_one_process_alone(book: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--"]
    subprocess.run([*torchrun, *train("run", 6, "--quiet")[2:]], check=True, capture_output=True, timeout=MOST_SECONDS)
    assert run(["train", "text", "book.txt", "--run", "alone", *FLAGS, "--updates", "6", "--quiet"]) == 0
    found, expected = ([event["nats"] for event in events(name, "updated")] for name in ("run", "alone"))
    assert found == pytest.approx(expected, rel=1e-5)
    Path("run/run.yaml").write_text(Path("run/run.yaml").read_text().replace("updates: 6", "updates: 9"))
    assert run(["resume", "run", "--processes", "1", "--quiet"]) == 0
    assert [event["update"] for event in events("run", "updated")] == list(range(1, 10))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--batch-size", "5"], "a batch of 5 cannot be split into 2 equal parts: give a batch size that 2 divides"),
        (["--layers", "0"], "setting --layers of text cannot be 0"),
    ],
)
def test_bad_usage_is_told_once(book: Path, flags: list[str], words: str) -> None:
    refused = subprocess.run(
        [*train("run", 5), *flags, "--processes", "2"],
        check=False,
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
    )
    assert refused.returncode == 2
    assert re.fullmatch(rf"statewise: {re.escape(words)}.*\n", refused.stderr)
    assert not Path("run").exists()


def test_a_process_that_torchrun_started_starts_no_others(
    book: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    assert run(["train", "text", "book.txt", "--processes", "2"]) == 2
    assert "torchrun has started the processes already: leave out --processes 2" in capsys.readouterr().err
    monkeypatch.setenv("RANK", "1")
    assert run(["train", "text", "book.txt", "--processes", "2"]) == 2
    assert capsys.readouterr().err == ""


def test_no_more_processes_than_a_machine_is_good_for_start_unasked(
    trained_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained_once / "run", tmp_path / "run")
    config = tmp_path / "run" / "run.yaml"
    started: list[int] = []

    def start_none(count: int, arguments: list[str]) -> int:
        started.append(count)
        return 0

    monkeypatch.setattr("statewise.cli.train.launch", start_none)
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    for count, code in ((6, 0), (7, 2), (1024, 2)):
        config.write_text(yaml.safe_dump({**yaml.safe_load(config.read_text()), "processes": count}, sort_keys=False))
        assert run(["resume", str(tmp_path / "run")]) == code
    assert started == [6]
    said = capsys.readouterr().err
    assert "statewise: the run began with 1,024 processes, and no more than 6 start here unasked" in said
    assert run(["resume", str(tmp_path / "run"), "--processes", "7"]) == 0
    assert started == [6, 7]


def test_processes_that_measure_other_speeds_train_one_network(
    in_processes: InProcesses, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from statewise.tasks.shared import measured_width

    def trained(ranks: Ranks) -> Any:
        monkeypatch.setattr(measured_width, "fitting_width", lambda *_: 32 if ranks.is_first else 64)
        task = statewise.Text(source="book.txt", minutes=0.03, gap=9, threads=1, sample_seconds=0)
        return statewise.train(task, run="alike").report.training["parameters"]

    one, other = in_processes(2, trained)
    assert one == other
    assert yaml.safe_load(Path("alike/run.yaml").read_text())["settings"]["hidden_size"] == 32
