"""What is told of a distribution, whatever the head: choices by name, every number, or that they are not finite."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import nn

import statewise
from statewise.batcher import StepInputs
from statewise.cells import GRU
from statewise.errors import UsageError
from statewise.heads import Categorical, Gaussian, Ranking
from statewise.inputs import Inputs
from statewise.model import Model
from statewise.server.metrics import Metrics
from statewise.server.session_kind import OutputOptions
from statewise.server.settings import ServerSettings
from statewise.server.stream_sessions import StreamSessions
from statewise.stream import Stream

V, D, H = 6, 5, 4
CODE, VECTOR = Inputs("a code", ("integer",), 1), Inputs("two numbers", ("array",), [0.5, -1.0])


def made(model: Model[Any], inputs: Inputs, called: Callable[[int], Any] = int) -> StreamSessions:
    return StreamSessions("mine", Stream(model.eval()), inputs, ServerSettings(), Metrics(), called)


def told(served: StreamSessions, x: Any, how: OutputOptions) -> Any:
    return served.stepper.read([StepInputs(served.fresh, served.check([x]), served.how(how))])[0].told[0]


def test_a_distribution_of_numbers_is_told_by_its_parameters() -> None:
    served = made(Model(nn.Linear(2, D), GRU(D, H), Gaussian(H)), VECTOR)
    wanted = Stream(served.stepper.stream.model).push(torch.tensor([0.5, -1.0]))
    params = told(served, [0.5, -1.0], OutputOptions())["params"]
    assert torch.equal(torch.tensor(params["mean"] if isinstance(params, dict) else params[0]), wanted[0])
    assert told(served, [0.5, -1.0], OutputOptions("nothing")) == {}
    with pytest.raises(UsageError, match="mine reads no text: give inputs"):
        served.split("It")
    with pytest.raises(UsageError, match="the input 1 cannot be read: give two numbers"):
        served.check([1])
    with pytest.raises(UsageError, match="a session of mine takes no settings"):
        served.how(OutputOptions(settings=(("k", "5"),)))


def test_a_ranking_is_told_by_the_names_of_its_items() -> None:
    model = Model(nn.Embedding(V, D), GRU(D, H), Ranking(H, torch.ones(V)))
    choices = told(made(model, CODE, lambda item: f"item {item}"), 3, OutputOptions("choices", 2))["choices"]
    with torch.no_grad():
        scores = cast(Ranking, model.head).scores(Stream(model).push(3))
    assert [name for name, _ in choices] == [f"item {item}" for item in scores.topk(2).indices.tolist()]


def test_codes_are_read_by_an_encoder_of_several_parts() -> None:
    model = Model(nn.Sequential(nn.Embedding(V, D), nn.Dropout(0.2)), GRU(D, H), Categorical(H, V))
    served = made(model, CODE)
    assert told(served, 3, OutputOptions("params"))["params"] == Stream(model).push(torch.tensor(3)).tolist()
    for code in (-1, V):
        with pytest.raises(UsageError, match=f"the model reads numbers from 0 to {V - 1} but was given {code}"):
            served.check([code])


def test_numbers_that_are_not_finite_are_told_as_an_error_and_are_not_served() -> None:
    model = Model(nn.Identity(), GRU(2, H), Gaussian(H))
    served = made(model, VECTOR)
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.fill_(float("inf"))
    assert isinstance(told(served, [1.0, 1.0], OutputOptions()), UsageError)
    with pytest.raises(UsageError, match="not finite"):
        made(model, VECTOR)


def test_a_text_is_told_by_its_characters(trained_once: Path) -> None:
    trained = statewise.load(trained_once / "run")
    inputs = trained.task.inputs(trained.codec)
    assert inputs is not None
    served = made(trained.model, inputs, trained.codec.show)
    choices = told(served, "I", OutputOptions("choices", 100))["choices"]
    assert len(choices) == trained.codec.choices
    assert abs(sum(probability for _, probability in choices) - 1) < 1e-9
