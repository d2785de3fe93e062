"""A training may begin with another run's weights, and leave some of them as they are."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import statewise
from statewise.cells import LSTM
from statewise.cli.main import run as command
from statewise.data.codec import Characters
from statewise.data.window import Window
from statewise.encoders import OneHot
from statewise.errors import RunError, UsageError
from statewise.heads import Categorical
from statewise.learning.checkpoint import load_checkpoint
from statewise.learning.learner import Learner
from statewise.learning.transfer import transfer
from statewise.model import Model
from statewise.run.recipe import Recipe
from statewise.state import read_tensors

D, H = 5, 4
SMALL: dict[str, Any] = {
    "hidden_size": H,
    "embedding": D,
    "batch_size": 3,
    "sequence_length": 7,
    "orders": 2,
    "updates": 5,
    "threads": 1,
    "gap": 9,
}


def make_model(choices: int, seed: int = 0, units: int = H) -> Model[Tensor]:
    torch.manual_seed(seed)
    return Model(nn.Embedding(choices, D), LSTM(D, units), Categorical(units, choices))


def test_rows_of_symbols_that_both_know_are_kept_and_others_begin_fresh() -> None:
    here, there = Characters("abc"), Characters("xbaé")
    model, other, fresh = make_model(4), make_model(5, seed=1), make_model(4)
    found = transfer(model, other.state_dict(), here.symbols, there.symbols)
    assert (found.known, found.new, found.words()) == (3, 1, ", 3 of 4 symbols known there")
    for name in ("encoder.weight", "head.weights", "head.bias"):
        own, theirs, begun = (each.get_parameter(name) for each in (model, other, fresh))
        assert torch.equal(own[[0, 1, 2]], theirs[[0, 3, 2]])
        assert torch.equal(own[3], begun[3])
    assert torch.equal(model.get_parameter("core.bias"), other.get_parameter("core.bias"))


def test_what_does_not_fit_is_refused_by_name_and_nothing_is_changed() -> None:
    model, before = make_model(4), make_model(4).state_dict()
    with pytest.raises(UsageError, match=r"core\.\w+ is \[16, 5\] here and there it is \[24, 5\]"):
        transfer(model, make_model(4, units=6).state_dict(), "abcd", "abcd")
    with pytest.raises(UsageError, match=r"encoder\.weight is \[4, 5\] here and there it has none"):
        transfer(model, {}, "abcd", "abcd")
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop"])
def test_frozen_parts_stay_and_training_is_resumed(optimizer: Any) -> None:
    codes = torch.randint(4, (8, 3), generator=torch.Generator().manual_seed(0))
    recipe = Recipe(updates=6, optimizer=optimizer, weight_decay=0.1, freeze=("encoder", "core.bias"))
    learner = Learner(make_model(4), [Window(codes[:-1], codes[1:])], recipe)
    before = {name: weight.clone() for name, weight in learner.model.state_dict().items()}
    for _ in range(3):
        learner.update()
    kept = learner.snapshot()
    while not learner.is_done:
        learner.update()
    same = {name for name, weight in learner.model.state_dict().items() if torch.equal(weight, before[name])}
    assert same == {"encoder.weight", "core.bias"}
    again = Learner(make_model(4), [Window(codes[:-1], codes[1:])], recipe)
    again.restore(kept)
    while not again.is_done:
        again.update()
    assert again.snapshot()["weights.safetensors"] == learner.snapshot()["weights.safetensors"]


def test_unknown_parts_and_freezing_everything_are_refused() -> None:
    windows = [Window(torch.zeros(7, 3, dtype=torch.long), torch.zeros(7, 3, dtype=torch.long))]
    with pytest.raises(UsageError, match=r"no part 'cor' to freeze: name one of encoder, encoder\.weight, core"):
        Learner(make_model(4), windows, Recipe(freeze=("cor",)))
    with pytest.raises(UsageError, match="every weight is frozen"):
        Learner(make_model(4), windows, Recipe(freeze=("encoder", "core", "head")))


def test_a_run_begins_from_another_and_its_report_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one.txt").write_text("to be or not to be " * 40)
    Path("two.txt").write_text("zebras graze on top " * 40)
    statewise.train(statewise.Text(source="one.txt", **SMALL), run="one", quiet=True)
    line = "train text two.txt --from one --config one/run.yaml --freeze core --updates 4 --run two --quiet"
    assert command(line.split()) == 0
    theirs, _ = read_tensors(load_checkpoint(Path("one/checkpoints")).files["weights.safetensors"], "")
    ours, _ = read_tensors(load_checkpoint(Path("two/checkpoints")).files["weights.safetensors"], "")
    assert all(torch.equal(ours[name], theirs[name]) for name in ours if name.startswith("core"))
    assert not torch.equal(ours["head.bias"][:2], theirs["head.bias"][:2])
    report = Path("two/report.md").read_text()
    assert "Began with the weights of" in report
    assert "symbols known there" in report
    assert "begun_from" in Path("two/run.yaml").read_text()
    events = statewise.training(statewise.Text(source="two.txt", **SMALL), run="three", begin_from="one")
    assert [type(next(events)).__name__ for _ in range(2)] == ["Started", "Saved"]
    events.close()
    Path("one").rename("gone")
    assert "Began with the weights of" in statewise.resume("three", quiet=True).report.shown()


@pytest.mark.parametrize(("before", "after"), [(0.0, 0.4), (0.4, 0.0), (0.4, 0.2)])
def test_a_training_with_other_dropout_begins_from_a_run(before: float, after: float, tmp_path: Path) -> None:
    source = tmp_path / "one.txt"
    source.write_text("to be or not to be " * 40)
    task = statewise.Text(source=str(source), **SMALL, dropout=before)
    statewise.train(task, run=tmp_path / "one", quiet=True)
    other = dataclasses.replace(task, dropout=after, learning_rate=1e-12)
    begun = statewise.train(other, run=tmp_path / "two", begin_from=tmp_path / "one", quiet=True).load()
    for ours, theirs in zip(
        begun.model.state_dict().values(), statewise.load(tmp_path / "one").model.state_dict().values()
    ):
        torch.testing.assert_close(ours, theirs)


def test_sizes_that_are_not_given_are_those_of_the_run_that_is_begun_from(tmp_path: Path) -> None:
    source = tmp_path / "one.txt"
    source.write_text("to be or not to be " * 200)
    sizes = {"hidden_size": 7, "embedding": 5}
    task = statewise.Text(source=str(source), **{**SMALL, **sizes, "updates": 2})
    statewise.train(task, run=tmp_path / "one", quiet=True)
    unsaid = statewise.Text(source=str(source), gap=0, threads=1, minutes=0.002, sample_seconds=0)
    for further in (unsaid, dataclasses.replace(unsaid, minutes=None, updates=1, batch_size=2, sequence_length=4)):
        run = statewise.train(further, run=tmp_path / f"u{further.updates}", begin_from=tmp_path / "one", quiet=True)
        begun = run.load().task
        assert isinstance(begun, statewise.Text)
        assert (begun.hidden_size, begun.embedding) == (7, 5)
    other = dataclasses.replace(unsaid, embedding=6)
    with pytest.raises(UsageError, match="the other run does not fit"):
        statewise.train(other, run=tmp_path / "other", begin_from=tmp_path / "one", quiet=True)


def test_a_run_that_was_stopped_before_its_first_checkpoint_is_not_resumed_from_fresh_weights(tmp_path: Path) -> None:
    source = tmp_path / "one.txt"
    source.write_text("to be or not to be " * 40)
    task = statewise.Text(source=str(source), **SMALL)
    statewise.train(task, run=tmp_path / "one", quiet=True)
    events = statewise.training(task, run=tmp_path / "two", begin_from=tmp_path / "one")
    next(events)
    events.close()
    with pytest.raises(RunError, match="was stopped before it was saved once: train it again"):
        statewise.resume(tmp_path / "two", quiet=True)


def test_a_run_of_another_task_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "one.txt"
    source.write_text("to be or not to be " * 40)
    statewise.train(statewise.Text(source=str(source), **SMALL), run=tmp_path / "one", quiet=True)
    hours = [f"2024-01-{day:02d} {hour:02d}:00,{hour}" for day in range(1, 29) for hour in range(24)]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["time,load", *hours]))
    paths = ["--from", str(tmp_path / "one"), "--run", str(tmp_path / "two")]
    assert command(["train", "forecast", str(table), *paths, "--quiet"]) == 2
    assert "is a run of text: forecast cannot use its weights, give a run of forecast" in capsys.readouterr().err


def test_an_encoder_without_a_row_for_each_symbol_is_taken_over_with_the_same_symbols_alone() -> None:
    def one_hot(seed: int) -> Model[Tensor]:
        torch.manual_seed(seed)
        return Model(OneHot(4), LSTM(4, H), Categorical(H, 4))

    model, other = one_hot(0), one_hot(1)
    before = {name: one.clone() for name, one in model.state_dict().items()}
    with pytest.raises(UsageError, match="the other run has other symbols, and this encoder has no weights for each"):
        transfer(model, other.state_dict(), "abcd", "abdc")
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert transfer(model, other.state_dict(), "abcd", "abcd").known == 4
    assert torch.equal(model.get_parameter("core.bias"), other.get_parameter("core.bias"))
