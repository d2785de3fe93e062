"""Train, leave, resume, evaluate, predict: as a Python user does."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch

import statewise
import statewise.errors
from statewise import registry
from statewise.cells import GRU, Zoneout
from statewise.kernels import native
from statewise.learning.events import Saved, Started, Updated

TINY: dict[str, Any] = {
    "hidden_size": 8,
    "embedding": 4,
    "batch_size": 4,
    "sequence_length": 16,
    "orders": 2,
    "threads": 1,
}


def weights(run: Path) -> str:
    newest = max((run / "checkpoints").iterdir())
    return hashlib.sha256((newest / "weights.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize("stop_at", [0, 1, 6, 17])
@pytest.mark.parametrize(
    "settings", [{}, {"optimizer": "rmsprop", "accumulate": 2, "sequence_length": 700}, {"cell": "noisy"}]
)
def test_a_resumed_run_ends_in_the_weights_of_an_undisturbed_one(
    book: Path, stop_at: int, settings: dict[str, Any]
) -> None:
    registry.register("cells", "noisy", lambda features, units: Zoneout(GRU(features, units), 0.3))
    task = statewise.Text(source="book.txt", updates=18, **{**TINY, **settings})
    statewise.train(task, run="whole")
    events = statewise.training(task, run="broken")
    for event in events:
        if isinstance(event, Updated | Started) and event.update == stop_at:
            break
    events.close()
    saved = [path.name for path in Path("broken").glob("checkpoints/*")]
    assert saved == ([f"{stop_at:06d}"] if stop_at else [])  # before the first update there is nothing to save
    statewise.resume("broken")
    assert weights(Path("broken")) == weights(Path("whole"))


@pytest.mark.parametrize("settings", [{"dropout": 0.3}, {"cell": "noisy"}])
def test_samples_on_the_way_disturb_no_training_and_are_what_the_weights_write(
    book: Path, settings: dict[str, Any]
) -> None:
    registry.register("cells", "noisy", lambda features, units: Zoneout(GRU(features, units), 0.3))
    runs = {"none": 0.0, "some": 1e-9}
    for run, seconds in runs.items():
        statewise.train(
            statewise.Text(source="book.txt", updates=7, sample_seconds=seconds, **{**TINY, **settings}), run=run
        )
    assert weights(Path("some")) == weights(Path("none"))
    assert len(list(Path("some/samples").iterdir())) == 7
    trained = statewise.load("some")
    assert Path("some/samples/000007.txt").read_text() == trained.task.sample(trained.model, trained.codec)


def test_the_loss_falls_with_every_cell(book: Path) -> None:
    for cell in ("elman", "lstm", "gru"):
        task = statewise.Text(source="book.txt", updates=40, cell=cell, warmup=1, learning_rate=0.03, **TINY)
        losses = [e.nats for e in statewise.training(task, run=cell) if isinstance(e, Updated)]
        assert losses[-1] < losses[0] - 0.3, cell


def test_evaluating_gives_the_metrics_that_training_ended_with(run_path: Path) -> None:
    finished = statewise.inspect(run_path)["best"]
    report = statewise.evaluate(run_path)
    assert report.metrics == finished
    assert list(report.baselines) == ["1-gram", "2-gram"]


def test_learning_on_is_better_where_the_text_repeats_and_leaves_the_run_alone(run_path: Path) -> None:
    before = weights(run_path)
    metrics = statewise.evaluate(run_path, dynamic=True).metrics
    assert metrics["dynamic_bits_per_character"] < metrics["bits_per_character"]
    assert weights(run_path) == before


@pytest.mark.skipif(native.Program is None, reason="installed without native kernels")
@pytest.mark.parametrize("storage", ["bfloat16", "int8"])
def test_a_run_can_be_scored_with_smaller_weights_and_with_its_own(run_path: Path, storage: str) -> None:
    report = statewise.evaluate(run_path, storage=storage)
    small, whole = report.metrics[f"{storage}_bits_per_character"], report.metrics["bits_per_character"]
    assert small == pytest.approx(whole, rel=0.005)
    assert small != whole
    assert f"this model, weights in {storage}" in report.table()
    with pytest.raises(statewise.errors.UsageError, match="did you mean 'int8'"):
        statewise.evaluate(run_path, storage="int9")


def test_another_file_can_be_scored(run_path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("zzz 日本 qqq\n" * 50)
    report = statewise.evaluate(run_path, other)
    assert report.data["scored"] == len(other.read_text())
    assert report.baselines["2-gram"]["characters"] == len(other.read_text())
    assert report.metrics != statewise.evaluate(run_path).metrics


def test_the_same_seed_writes_the_same_and_a_stop_string_ends_it(run_path: Path) -> None:
    model = statewise.load(run_path)
    one, two = ("".join(model.predict("It", length=60, seed=3)) for _ in range(2))
    assert one == two
    assert len(one) == 60
    stop = one[10:13]
    assert "".join(model.predict("It", length=60, seed=3, stop=stop)) == one[: one.index(stop)]


def test_a_stream_goes_on_from_its_bytes(run_path: Path) -> None:
    model = statewise.load(run_path)
    stream = model.stream()
    stream.push_many("It was")
    opened = model.stream(stream.save())
    assert torch.equal(opened.push(" "), stream.push(" "))


def test_saving_happens_on_the_way_and_a_notebook_sees_a_table(book: Path) -> None:
    task = statewise.Text(source="book.txt", updates=4, save_seconds=0.0001, **TINY)
    saved = [event.update for event in statewise.training(task, run="often") if isinstance(event, Saved)]
    assert saved[-3:] == [2, 3, 4]
    assert sorted(p.name for p in Path("often/checkpoints").iterdir()) == ["000003", "000004"]
    assert "<table>" in statewise.evaluate("often")._repr_html_()


def test_resuming_a_finished_run_keeps_the_speed_it_was_trained_at(book: Path) -> None:
    trained = statewise.train(statewise.Text(source="book.txt", updates=4, **TINY), run="done").report.training
    again = statewise.resume("done").report.training
    assert trained["places_per_second"] > 0
    assert again["places_per_second"] == pytest.approx(trained["places_per_second"], rel=0.01)


def test_python_shows_a_run_and_a_model_in_one_line(book: Path) -> None:
    trained = statewise.train(statewise.Text(source="book.txt", updates=4, **TINY), run="shown")
    assert repr(trained).startswith("<Run shown: bits_per_character ")
    assert repr(trained.load()).startswith("<Trained shown: task text, ")
    assert repr(trained.load()).endswith(" parameters, update 4>")


def test_a_run_that_was_killed_in_its_first_save_begins_from_the_start(book: Path) -> None:
    task = statewise.Text(source="book.txt", updates=4, **TINY)
    statewise.train(task, run="whole")
    events = statewise.training(task, run="killed")
    next(iter(events))
    events.close()
    for left in Path("killed").glob("checkpoints/*"):
        left.rename(left.with_name(f".{left.name}.tmp"))
    (Path("killed") / "checkpoints").mkdir(exist_ok=True)
    statewise.resume("killed")
    assert weights(Path("killed")) == weights(Path("whole"))


def test_a_checkpoint_comes_every_so_many_updates_where_that_is_asked_for(book: Path) -> None:
    task = statewise.Text(source="book.txt", updates=7, save_updates=3, save_seconds=1e6, **TINY)
    saved = [event.update for event in statewise.training(task, run="run") if isinstance(event, Saved)]
    assert saved == [3, 6, 7]


LEARNER = "statewise.learning.learner"
INTERRUPTED = {
    "update": ([f"{LEARNER}.read_in_segments"], "000004"),
    "step": ([f"{LEARNER}.touched"], "000004"),
    "put back": ([f"{LEARNER}.touched", f"{LEARNER}.Learner.put_back"], "000003"),
    "save": (["statewise.session.save_checkpoint"], "000003"),
}


@pytest.mark.parametrize("where", INTERRUPTED)
def test_an_interrupt_anywhere_is_followed_by_a_resume_to_the_same_weights(
    book: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    task = statewise.Text(source="book.txt", updates=7, save_updates=3, **TINY)
    statewise.train(task, run="whole")
    places, newest = INTERRUPTED[where]

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    events = statewise.training(task, run="broken")
    while not (isinstance(event := next(events), Updated) and event.update == 4):
        pass
    with monkeypatch.context() as patch:
        for place in places:
            patch.setattr(place, interrupt)
        with pytest.raises(KeyboardInterrupt):
            list(events)
    assert max(path.name for path in Path("broken/checkpoints").iterdir()) == newest
    statewise.resume("broken")
    assert weights(Path("broken")) == weights(Path("whole"))


def test_a_save_that_fails_while_the_loop_is_left_is_told(book: Path) -> None:
    events = statewise.training(statewise.Text(source="book.txt", updates=9, **TINY), run="full")
    for event in events:
        if isinstance(event, Updated) and event.update == 2:
            break
    checkpoints = Path("full/checkpoints")
    checkpoints.symlink_to("nowhere")
    with pytest.raises(statewise.errors.RunError, match="checkpoints is a link, and writing there would change what"):
        events.close()


@pytest.mark.parametrize("what", ["a file", "a device", "a link to nothing", "a loop"])
def test_what_is_no_folder_of_checkpoints_is_not_taken_for_a_run_without_any(
    run_path: Path, tmp_path: Path, what: str
) -> None:
    checkpoints = run_path / "checkpoints"
    checkpoints.rename(run_path / "aside")
    if what == "a file":
        checkpoints.write_text("")
    else:
        checkpoints.symlink_to({"a device": "/dev/zero", "a link to nothing": "nowhere"}.get(what, "checkpoints"))
    for use in (statewise.load, statewise.resume):
        with pytest.raises(statewise.errors.RunError, match="checkpoints is not a folder, and holds no checkpoints"):
            use(run_path)
