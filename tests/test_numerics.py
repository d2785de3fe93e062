"""What bits depend on is written down at every beginning of a training, and a change of it is said."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import statewise
from statewise.cells import LSTM
from statewise.kernels import extension, kernels_of
from statewise.learning.events import Event, Started, Updated
from statewise.numerics import arithmetic, changed, numerics_of
from statewise.verbs import resuming

TASK = statewise.Text(
    source="book.txt",
    cell="peephole_lstm",
    hidden_size=8,
    embedding=4,
    batch_size=4,
    sequence_length=16,
    updates=9,
    orders=2,
    threads=1,
)
OTHER_LEVELS = [level for level in ("baseline", "none") if level != (extension.instructions() or "none")]


def left_at(update: int, run: str) -> list[Event]:
    """Train up to an update, leave, and return what happened."""
    events, seen = statewise.training(TASK, run=run), []
    for event in events:
        seen.append(event)
        if isinstance(event, Updated) and event.update == update:
            break
    events.close()
    return seen


def newest_weights(run: str) -> dict[str, Any]:
    return load_file(max(Path(run, "checkpoints").iterdir()) / "weights.safetensors")


def started(run: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in Path(run, "events.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == "started"]


def resume_at(level: str, run: str, **environment: str) -> str:
    """Go on in a process that uses a level of vectors; return what it said."""
    command = [sys.executable, "-m", "statewise", "resume", run]
    environment = {**os.environ, extension.VARIABLE: level, **environment}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("level", OTHER_LEVELS)
def test_a_run_resumed_with_other_vectors_says_so_in_one_line_and_goes_on(book: Path, level: str) -> None:
    statewise.train(TASK, run="whole")
    left_at(4, "run")
    said = resume_at(level, "run")
    (line,) = [line for line in said.splitlines() if "numerics" in line]
    own = extension.instructions() or "none"
    assert line.startswith("under other numerics than before, so bits may differ: ")
    assert f"vectors of native kernels {level} (before: {own})" in line
    assert ("kernels reference (before: native)" in line) == (level == "none")
    first, second = started("run")
    assert first["numerics"] == started("whole")[0]["numerics"]
    assert second["numerics"]["vectors"]["statewise"] == level
    assert (second["update"], second["notice"]) == (4, line)
    for name, weight in newest_weights("whole").items():
        torch.testing.assert_close(newest_weights("run")[name], weight, atol=1e-4, rtol=1e-4)


def test_a_run_resumed_under_the_same_numerics_says_nothing(book: Path) -> None:
    begun = left_at(4, "run")[0]
    gone_on = next(iter(resuming("run")))
    assert isinstance(begun, Started)
    assert isinstance(gone_on, Started)
    assert (gone_on.update, gone_on.notice) == (4, None)
    assert gone_on.numerics == begun.numerics


def test_other_numerics_are_those_of_the_stretch_that_made_the_checkpoint(book: Path) -> None:
    """A stretch that left nothing behind is not asked: what goes on is what the one before it made."""
    left_at(4, "run")
    last = started("run")[-1]
    other = {**last, "update": 4, "numerics": {**last["numerics"], "threads": 7}}
    with Path("run/events.jsonl").open("a") as events:
        events.write(json.dumps(other) + "\n")
    gone_on = next(iter(resuming("run")))
    assert isinstance(gone_on, Started)
    assert gone_on.notice is None


def test_inspect_shows_what_a_run_ran_with_and_what_changed(
    book: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from statewise.cli.main import run

    left_at(4, "run")
    monkeypatch.setattr("statewise.numerics.processor", lambda: "another one")
    for event in resuming("run"):
        if isinstance(event, Started):
            assert event.notice is not None
            assert "processor another one (before: " in event.notice
    assert [of["update"] for of in statewise.inspect("run")["stretches"]] == [0, 4]
    assert run(["inspect", "run"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["vectors", "of", "PyTorch", torch_level()] for line in shown)
    assert any(line.startswith("  from update 4 on: processor another one (before: ") for line in shown)


def torch_level() -> str:
    return torch.backends.cpu.get_cpu_capability().lower()


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({"threads": 2}, {"threads": 2}, ""),
        ({"threads": 2, "arithmetic": "a"}, {"threads": 1, "arithmetic": "b"}, "threads 1 (before: 2)"),
        ({"threads": 2, "arithmetic": "a"}, {"threads": 2, "arithmetic": "b"}, "arithmetic b (before: a)"),
        ({"kernels": ["native", "torch"]}, {"kernels": ["torch"]}, "kernels torch (before: native, torch)"),
        ({"versions": {"torch": "2"}}, {"versions": {"torch": "2", "new": "1"}}, ""),
    ],
)
def test_what_changed_is_named(before: dict[str, Any], now: dict[str, Any], said: str) -> None:
    assert changed(before, now) == said


def test_the_digest_of_arithmetic_is_of_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = arithmetic()
    assert arithmetic() == whole
    softmax = torch.Tensor.log_softmax
    monkeypatch.setattr(torch.Tensor, "log_softmax", lambda xs, dim: softmax(xs, dim) * (1 + 2**-22))
    assert arithmetic() != whole


@pytest.mark.skipif(extension.instructions() in (None, "baseline"), reason="no wide vectors here")
def test_the_digest_of_arithmetic_sees_how_wide_vectors_are() -> None:
    whole = arithmetic()
    extension.use("baseline")
    narrow = arithmetic()
    extension.use("best")
    assert narrow != whole
    assert arithmetic() == whole


def test_asking_for_numerics_draws_no_random_number_and_leaves_threads_alone() -> None:
    cell = LSTM(5, 4)
    torch.set_num_threads(2)
    wanted = torch.get_rng_state()
    found = numerics_of(cell, 1)
    assert torch.equal(torch.get_rng_state(), wanted)
    assert torch.get_num_threads() == 2
    assert found["kernels"] == kernels_of("lstm")[:1]
