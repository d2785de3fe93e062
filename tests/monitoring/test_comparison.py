"""Several runs compared, as a table, a picture and as TensorBoard reads them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import statewise
from statewise.cli.main import run
from statewise.errors import RunError
from statewise.monitoring.comparison import Comparison
from statewise.monitoring.tensorboard import export_events
from statewise.run.directory import RunDirectory
from statewise.run.history import RunHistory

HOW: dict[str, Any] = {
    "hidden_size": 8,
    "embedding": 4,
    "batch_size": 4,
    "sequence_length": 16,
    "orders": 2,
    "threads": 1,
    "sample_seconds": 0.001,
}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    (folder / "book.txt").write_text("It was the best of times, it was the worst of times.\n" * 100)
    source = str(folder / "book.txt")
    statewise.train(statewise.Text(source=source, updates=6, **HOW), run=folder / "one")
    statewise.train(statewise.Text(source=source, updates=9, cell="gru", checks=2, **HOW), run=folder / "other")
    return folder


def test_a_comparison_tells_what_differs_and_how_each_did_against_its_baselines(
    two: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compare", str(two / "one"), str(two / "other"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["settings"] == {"cell": ["lstm", "gru"], "updates": [6, 9], "checks": [0, 2]}
    assert told["training"]["updates"] == [6, 9]
    assert told["training"]["finished"] == ["yes", "yes"]
    reports = [statewise.inspect(two / name) for name in ("one", "other")]
    bits = "bits_per_character"
    assert told["metrics"][bits] == [report["best"][bits] for report in reports]
    assert told["baselines"][f"2-gram, {bits}"] == [report["baselines"]["2-gram"][bits] for report in reports]
    table = Comparison.of([two / "one", two / "other"]).table()
    assert f"{told['metrics'][bits][0]:.4g}" in table
    assert [line.split() for line in table.splitlines() if line.startswith("  cell")] == [["cell", "lstm", "gru"]]


def test_curves_are_drawn(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", str(two / "one"), str(two / "other"), "--save", "pictures/curves.png"]) == 0
    assert Path("pictures/curves.png").read_bytes().startswith(b"\x89PNG")
    assert "curves in pictures/curves.png" in capsys.readouterr().err


def test_one_run_is_not_compared_and_no_run_is_refused(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", str(two / "one")]) == 2
    assert "name two runs or more" in capsys.readouterr().err
    with pytest.raises(RunError, match="there is no run at nowhere"):
        Comparison.of([two / "one", Path("nowhere")])


def test_what_is_trained_again_after_a_checkpoint_counts_once(two: Path) -> None:
    shutil.copytree(two / "one", "run")
    directory = RunDirectory(Path("run"))
    first = dict(next(event for event in directory.read_events() if event["event"] == "updated"))
    directory.append_event({"event": "started", "update": 3})
    directory.append_event({**first, "update": 4, "nats": 0.25})
    history = RunHistory.of(Path("run"))
    assert history.updates.numbers.tolist() == [1, 2, 3, 4]
    assert history.updates["nats"][-1] == 0.25
    assert history.report is None


def test_half_written_tensorboard_events_are_removed_but_not_while_another_process_writes(
    two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("statewise.monitoring.tensorboard._write_metrics", interrupt)
    for follow in (False, True):
        with pytest.raises(KeyboardInterrupt):
            export_events(two / "other", Path("board"), follow=follow)
        assert Path("board").exists() == follow


def test_tensorboard_reads_what_was_written(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert run(["tensorboard", str(two / "other"), "--save", "board"]) == 0
    assert capsys.readouterr().out == "look at them with: tensorboard --logdir board\n"
    reader = EventAccumulator("board")
    reader.Reload()
    history = RunHistory.of(two / "other")
    losses = reader.Scalars("training/nats")
    assert [event.step for event in losses] == history.updates.numbers.tolist()
    assert [event.value for event in losses] == pytest.approx(history.updates["nats"].tolist())
    scores = reader.Scalars("held_out/bits_per_character")
    assert len(scores) == 3  # two checks and the end
    assert scores[-1].value == pytest.approx(history.metrics["bits_per_character"])
    assert "sample/text_summary" in reader.Tags()["tensors"]
    assert export_events(two / "other", Path("board"), follow=True) == Path("board")  # finished: it does not wait
    Path("board/mine.txt").touch()
    assert run(["tensorboard", str(two / "other"), "--save", "board"]) == 2
    assert "board holds something else than TensorBoard's events" in capsys.readouterr().err
