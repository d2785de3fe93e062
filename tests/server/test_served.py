"""What is told of a distribution, whatever the head: choices by name, every number, or that they are not finite."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import nn

import statewise
from statewise.batcher import Reading
from statewise.cells import GRU
from statewise.errors import UsageError
from statewise.heads import Gaussian, Ranking
from statewise.model import Model
from statewise.server.metrics import Metrics
from statewise.server.served import How, Served
from statewise.server.settings import Settings
from statewise.stream import Stream

V, D, H = 6, 5, 4


class Trained:
    """As much of a run as is served."""

    def __init__(self, model: Any, codec: Any = None) -> None:
        self.model, self.codec = model.eval(), codec
        self.task = SimpleNamespace(predict=lambda model, codec, *, k=10: iter(()), name="other")

    def stream(self, saved: bytes | None = None) -> Stream[Any]:
        return Stream(self.model)


def made(trained: Any) -> Served:
    return Served("mine", trained, Settings(), Metrics())


def told(served: Served, x: Any, how: How) -> Any:
    return served.stepper.read([Reading(served.fresh, served.inputs([x]), how)])[0].told[0]


def test_a_distribution_of_numbers_is_told_by_its_parameters() -> None:
    served = made(Trained(Model(nn.Linear(2, D), GRU(D, H), Gaussian(H))))
    stream = Stream(served.trained.model)
    wanted = stream.push(torch.tensor([0.5, -1.0]))
    params = told(served, [0.5, -1.0], How())["params"]
    assert torch.equal(torch.tensor(params["mean"] if isinstance(params, dict) else params[0]), wanted[0])
    assert told(served, [0.5, -1.0], How("nothing")) == {}
    with pytest.raises(UsageError, match="answers no prompts"):
        served.predict(None, "It", {})
    with pytest.raises(UsageError, match="reads no text"):
        served.codes("It")


def test_a_ranking_is_told_by_the_names_of_its_items() -> None:
    codec = SimpleNamespace(name=lambda item: f"item {item}")
    served = made(Trained(Model(nn.Embedding(V, D), GRU(D, H), Ranking(H, torch.ones(V))), codec))
    choices = told(served, 3, How("choices", 2))["choices"]
    with torch.no_grad():
        head = cast(Ranking, served.trained.model.head)
        scores = head.scores(Stream(served.trained.model).push(3))
    assert [name for name, _ in choices] == [f"item {item}" for item in scores.topk(2).indices.tolist()]


def test_numbers_that_are_not_finite_are_told_as_an_error() -> None:
    served = made(Trained(Model(nn.Identity(), GRU(2, H), Gaussian(H))))
    with torch.no_grad():
        for parameter in served.trained.model.head.parameters():
            parameter.fill_(float("inf"))
    assert isinstance(told(served, [1.0, 1.0], How()), UsageError)


def test_a_text_is_told_by_its_characters(trained_once: Path) -> None:
    served = made(statewise.load(trained_once / "run"))
    choices = told(served, "I", How("choices", 100))["choices"]
    assert len(choices) == served.trained.codec.choices
    assert abs(sum(probability for _, probability in choices) - 1) < 1e-9
    assert served.takes("length", "seed")
    assert not served.takes("stream")
