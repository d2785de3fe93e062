"""Encoders by name: tasks take those that read what they have, and a model says what one step is given."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import statewise
from statewise import registry
from statewise.cells import LSTM
from statewise.cli.main import run
from statewise.encoders import Encoder, OneHot, StepInput, Table, step_input
from statewise.encoders.named import encoder_named
from statewise.errors import UsageError
from statewise.heads import Categorical
from statewise.model import Model, as_input
from statewise.program import why_not
from statewise.program.plan import ABSENT
from statewise.stream import Stream
from statewise.tasks.forecast.task import Forecast

TINY: dict[str, Any] = {
    "hidden_size": 8,
    "batch_size": 4,
    "sequence_length": 16,
    "updates": 4,
    "orders": 1,
    "threads": 1,
}


class Sines(Encoder):
    """A code by sines of its number, which are learned."""

    reads = "code"

    def __init__(self, codes: int, width: int, unknown: int | None = None) -> None:
        super().__init__()
        self.codes, self.features = codes, width
        self.rates = nn.Parameter(torch.randn(width))

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.sin(inputs.unsqueeze(-1) * self.rates)


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._registered, ("encoders", "sines"), Sines)
    monkeypatch.setitem(registry._registered, ("encoders", "one_hot"), OneHot)


@pytest.mark.parametrize("name", ["sines", "one_hot"])
def test_a_text_is_read_by_an_encoder_that_is_named(name: str, book: Path) -> None:
    found = statewise.train(statewise.Text(source=str(book), encoder=name, **TINY), run="r")
    assert f"encoder: {name}" in Path("r/run.yaml").read_text()
    assert found.metrics["bits_per_character"] > 0
    trained = found.load()
    assert len("".join(trained.predict("It", length=9, seed=3))) == 9
    assert type(trained.model.encoder) is (Sines if name == "sines" else OneHot)


def test_without_a_name_it_is_the_table_whose_unknown_character_stays_zero(book: Path) -> None:
    task = statewise.Text(source=str(book), **TINY)
    model = statewise.train(task, run="r").load().model
    assert type(model.encoder) is Table
    assert not bool(model.encoder.weight[0].any())
    assert why_not(model) in (None, ABSENT)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sine", r"unknown encoder 'sine': did you mean 'sines'\?"),
        ("categorical", "unknown encoder 'categorical'"),
    ],
)
def test_an_unknown_encoder_is_refused_before_a_run_is_made(name: str, message: str, book: Path) -> None:
    with pytest.raises(UsageError, match=message):
        statewise.train(statewise.Text(source=str(book), encoder=name, **TINY), run="none")
    assert not Path("none").exists()


def test_one_that_reads_something_else_is_refused_with_those_that_suit(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="encoder sines does not read a row: give one of "):
        encoder_named("sines", "row")
    with pytest.raises(UsageError, match="encoder sines does not read a row"):
        Forecast(source="none.csv", encoder="sines").prepare(tmp_path)


def test_encoders_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "encoders"]) == 0
    assert "sines" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("encoder", "expected"),
    [
        (nn.Embedding(6, 5), StepInput(codes=6)),
        (Table(6, 5), StepInput(codes=6)),
        (nn.Sequential(Table(6, 5), nn.Dropout(0.5)), StepInput(codes=6)),
        (OneHot(5), StepInput(codes=5)),
        (nn.Linear(3, 5), StepInput(numbers=3)),
        (nn.Identity(), StepInput(numbers=5)),
        (nn.Tanh(), StepInput()),
    ],
)
def test_a_model_says_what_a_step_is_given(encoder: nn.Module, expected: StepInput) -> None:
    model = Model(encoder, LSTM(5, 4), Categorical(4, 6))
    assert model.step_input == step_input(encoder, 5) == expected
    if expected.codes:
        with pytest.raises(UsageError, match=f"from 0 to {expected.codes - 1}"):
            as_input(model, expected.codes)
        assert Stream(model).push_many([0, 1]).shape == (6,)
    if expected.numbers:
        with pytest.raises(UsageError, match=f"a step reads {expected.numbers} numbers"):
            as_input(model, [0.0])
        assert Stream(model).push(expected.example).shape == (6,)
