"""Heads by name: a task takes those alone that are over what its targets are."""

from importlib.metadata import EntryPoint

import pytest
import torch
from torch import Tensor

from statewise import registry
from statewise.errors import UsageError
from statewise.heads import Gaussian, Head, Loss, NegativeBinomial
from statewise.heads.named import head_named, heads_over


def test_heads_are_known_by_what_their_targets_are() -> None:
    assert heads_over("choice") == ["categorical", "deep_output"]
    assert heads_over("item") == ["ranking"]
    assert heads_over("number", "count") == [
        "gaussian",
        "gaussian_mixture",
        "negative_binomial",
        "quantiles",
        "student_t",
    ]
    assert head_named("negative_binomial", "number", "count") is NegativeBinomial


def test_a_registered_head_is_taken_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._registered, ("heads", "mine"), Gaussian)
    assert "mine" in heads_over("number")
    assert head_named("mine", "number") is Gaussian


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "quantiles",
            "head quantiles does not have a choice or item as its target: give one of categorical, deep",
        ),
        (
            "categoricl",
            r"unknown head 'categoricl': did you mean 'categorical'\? \(known: categorical, deep_output",
        ),
    ],
)
def test_a_head_that_does_not_suit_is_refused_with_those_that_do(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        head_named(name, "choice", "item")


def test_a_head_whose_package_is_broken_is_refused_in_one_line_and_hides_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    announced = {**registry._announced("heads"), "bad": EntryPoint("bad", "no_such_module:Bad", "statewise.heads")}
    monkeypatch.setattr(registry, "_announced", lambda kind: announced)
    assert heads_over("choice") == ["categorical", "deep_output"]
    with pytest.raises(UsageError, match=r"head 'bad' cannot be imported as no_such_module:Bad .*: mend or uninstall"):
        head_named("bad", "choice")


def test_a_head_of_anything_else_has_no_choices() -> None:
    class Anything(Head[Tensor]):
        def forward(self, features: Tensor) -> Tensor:
            return features

        def loss(self, params: Tensor, targets: Tensor, mask: Tensor | None = None) -> Loss:
            return Loss.nothing()

        def sample(self, params: Tensor, **how: object) -> Tensor:
            return params

    with pytest.raises(UsageError, match="a head of the kind Anything has no choices: draw from it with sample"):
        Anything().top(torch.zeros(3), 2)
