"""An optimiser is the one that was named, its rate the schedule's, its memory tensors that go back where they were."""

import copy
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adagrad, Adam, AdamW, RMSprop

from statewise.errors import RunError
from statewise.learning.optimizers import (
    clip_norm,
    clip_value,
    make_optimizer,
    optimizer_tensors,
    rate_at,
    read_optimizer,
    set_rate,
)
from statewise.run.recipe import Recipe

D, H = 5, 4
NAMES = ["adam", "adamw", "rmsprop", "sgd", "averaged_sgd", "adagrad"]


def make_layer() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(D, H)


def descend(layer: nn.Linear, optimizer: torch.optim.Optimizer, seed: int = 1) -> None:
    xs = torch.randn(3, D, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    layer(xs).square().sum().backward()
    optimizer.step()


@pytest.mark.parametrize(("name", "kind"), list(zip(NAMES, [Adam, AdamW, RMSprop, SGD, SGD, Adagrad])))
def test_each_name_is_its_optimiser_over_every_parameter(name: Any, kind: type) -> None:
    layer = make_layer()
    optimizer = make_optimizer(layer, Recipe(optimizer=name, learning_rate=0.25))
    (group,) = optimizer.param_groups
    assert type(optimizer) is kind
    assert group["lr"] == 0.25
    assert [id(p) for p in group["params"]] == [id(p) for p in layer.parameters()]


def test_the_first_steps_are_those_of_the_textbook() -> None:
    for name, settings in (("sgd", {"momentum": 0.9}), ("rmsprop", {"alpha": 0.95})):
        layer = make_layer()
        optimizer = make_optimizer(layer, Recipe(optimizer=name, learning_rate=0.01))  # type: ignore[arg-type]
        weight, memory = layer.bias.detach().clone(), torch.zeros(H)
        for seed in (1, 2):
            descend(layer, optimizer, seed)
            assert layer.bias.grad is not None
            gradient = layer.bias.grad
            if name == "sgd":
                memory = settings["momentum"] * memory + gradient
                weight = weight - 0.01 * memory
            else:
                memory = settings["alpha"] * memory + (1 - settings["alpha"]) * gradient**2
                weight = weight - 0.01 * gradient / (memory.sqrt() + 1e-8)
        torch.testing.assert_close(layer.bias.detach(), weight)


@pytest.mark.parametrize(
    ("update", "fraction", "rate"),
    [(0, 0.0, 0.5), (1, 0.0, 1.0), (2, 0.0, 1.5), (3, 0.0, 2.0), (9, 0.0, 2.0), (9, 0.5, 1.01), (9, 1.0, 0.02)],
)
def test_the_rate_rises_in_a_line_and_falls_along_a_cosine(update: int, fraction: float, rate: float) -> None:
    assert rate_at(Recipe(learning_rate=2.0, warmup=4), update, fraction) == pytest.approx(rate)


def test_a_constant_rate_rises_but_never_falls_and_no_warmup_begins_at_the_full_rate() -> None:
    steady = Recipe(learning_rate=2.0, warmup=4, schedule="constant")
    assert [rate_at(steady, update, 0.9) for update in (0, 3, 99)] == [0.5, 2.0, 2.0]
    assert rate_at(Recipe(learning_rate=2.0, warmup=0), 0, 0.0) == 2.0


def give_gradients(layer: nn.Linear) -> None:
    layer.weight.grad = torch.zeros(H, D)
    layer.weight.grad[0, 0] = 3.0
    layer.bias.grad = torch.tensor([0.0, 4.0, 0.0, 0.0])


@pytest.mark.parametrize(("largest", "kept"), [(0.0, 1.0), (10.0, 1.0), (5.0, 1.0), (1.0, 0.2)])
def test_a_gradient_of_norm_5_is_scaled_where_less_is_wanted(largest: float, kept: float) -> None:
    layer = make_layer()
    give_gradients(layer)
    assert clip_norm(layer.parameters(), largest) == 5.0
    assert layer.weight.grad is not None
    assert layer.bias.grad is not None
    assert (float(layer.weight.grad[0, 0]), float(layer.bias.grad[1])) == pytest.approx((3 * kept, 4 * kept), rel=1e-5)


def test_a_parameter_without_a_gradient_is_left_out_of_the_norm() -> None:
    layer = make_layer()
    give_gradients(layer)
    layer.bias.grad = None
    assert clip_norm(layer.parameters(), 1.0) == 3.0


@pytest.mark.parametrize(("largest", "weight", "bias"), [(0.0, 3, -4), (9.0, 3, -4), (3.5, 3, -3.5), (0.5, 0.5, -0.5)])
def test_every_number_of_a_gradient_is_bounded_by_itself(largest: float, weight: float, bias: float) -> None:
    layer = make_layer()
    give_gradients(layer)
    assert layer.weight.grad is not None
    assert layer.bias.grad is not None
    layer.bias.grad[1] = -4.0
    clip_value(layer.parameters(), largest)
    assert (float(layer.weight.grad[0, 0]), float(layer.bias.grad[1])) == (weight, bias)
    assert int(layer.weight.grad.count_nonzero() + layer.bias.grad.count_nonzero()) == 2


def test_a_parameter_without_a_gradient_is_left_out_of_the_bounds() -> None:
    layer = make_layer()
    give_gradients(layer)
    layer.bias.grad = None
    clip_value(layer.parameters(), 1.0)
    assert layer.bias.grad is None
    assert layer.weight.grad is not None
    assert float(layer.weight.grad[0, 0]) == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_what_an_optimiser_remembers_goes_back_bit_for_bit(name: Any) -> None:
    recipe = Recipe(optimizer=name, learning_rate=0.01)
    layer = make_layer()
    optimizer = make_optimizer(layer, recipe)
    assert {path.partition("/")[2] for path in optimizer_tensors(layer, optimizer)} <= {"step", "sum"}  # nothing yet
    descend(layer, optimizer)
    other = copy.deepcopy(layer)
    fresh = make_optimizer(other, recipe)
    descend(make_layer(), fresh)
    fresh.state.update(read_optimizer(other, fresh, copy.deepcopy(optimizer_tensors(layer, optimizer))))
    for seed in (2, 3):
        descend(layer, optimizer, seed)
        descend(other, fresh, seed)
    assert torch.equal(layer.weight, other.weight)
    assert torch.equal(layer.bias, other.bias)


def test_memory_is_kept_under_the_names_of_the_parameters() -> None:
    layer = make_layer()
    optimizer = make_optimizer(layer, Recipe(optimizer="adam"))
    descend(layer, optimizer)
    kept = optimizer_tensors(layer, optimizer)
    assert sorted(kept) == [f"{part}/{key}" for part in ("bias", "weight") for key in ("exp_avg", "exp_avg_sq", "step")]
    assert kept["weight/exp_avg"].shape == (H, D)


def test_memory_of_another_model_is_refused_and_what_was_there_stays() -> None:
    layer = make_layer()
    optimizer = make_optimizer(layer, Recipe(optimizer="sgd"))
    descend(layer, optimizer)
    before = copy.deepcopy(optimizer_tensors(layer, optimizer))
    with pytest.raises(RunError, match=r"names 'core\.weight', which this model lacks: it is of another model"):
        read_optimizer(layer, optimizer, {"bias/momentum_buffer": torch.zeros(H), "core.weight/step": torch.zeros(())})
    torch.testing.assert_close(optimizer_tensors(layer, optimizer), before)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("adam", {"bias/exp_avg": torch.zeros(H)}),
        ("adam", {"bias/exp_agv": torch.zeros(H)}),
        ("sgd", {"bias/momentum_buffer": torch.zeros(H + 1)}),
        ("sgd", {"bias/momentum_buffer": torch.zeros(H, dtype=torch.long)}),
        ("sgd", {"bias/momentum_buffer": torch.zeros(H)}),
    ],
)
def test_memory_of_another_optimiser_or_shape_is_refused(name: Any, wrong: dict[str, torch.Tensor]) -> None:
    layer = make_layer()
    optimizer = make_optimizer(layer, Recipe(optimizer=name))
    with pytest.raises(RunError, match=r"^the optimizer's checkpoint .*: it is of another optimizer or model$"):
        read_optimizer(layer, optimizer, wrong)
    assert optimizer_tensors(layer, optimizer) == {}


def test_without_momentum_sgd_is_plain() -> None:
    layer = make_layer()
    before = layer.bias.detach().clone()
    optimizer = make_optimizer(layer, Recipe(optimizer="sgd", momentum=0.0, learning_rate=0.01))
    descend(layer, optimizer)
    descend(layer, optimizer, seed=1)
    assert optimizer_tensors(layer, optimizer) == {}
    assert not torch.equal(before, layer.bias)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("given", "decay"), [(None, 0.0), (0.0, 0.0), (0.25, 0.25)])
def test_weight_decay_is_as_given_and_by_default_only_adamws(name: Any, given: float | None, decay: float) -> None:
    (group,) = make_optimizer(make_layer(), Recipe(optimizer=name, weight_decay=given)).param_groups
    assert group["weight_decay"] == (0.01 if name == "adamw" and given is None else decay)


@pytest.mark.parametrize(
    ("fraction", "rate"),
    [
        (0.0, 2.0),
        (0.24, 2.0),
        (0.25, 1.0),
        (0.5, 0.5),
        (0.8, 0.25),
        (1.0, 0.25),
    ],
)
def test_the_rate_goes_down_in_evenly_spaced_steps(fraction: float, rate: float) -> None:
    assert rate_at(Recipe(learning_rate=2.0, warmup=0, schedule="step", drops=3, factor=0.5), 99, fraction) == rate


def test_schedule_plateau_leaves_the_rate_to_the_checks() -> None:
    assert rate_at(Recipe(learning_rate=2.0, warmup=4, schedule="plateau", checks=3), 1, 0.9) == 1.0


def test_a_part_may_learn_at_a_rate_of_its_own() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Halved(Recipe):
        def rate_scale(self, name: str) -> float:
            return 0.5 if name == "bias" else 1.0

    plain, scaled = make_layer(), make_layer()
    begun = plain.bias.detach().clone()
    for layer, recipe in (
        (plain, Recipe(optimizer="sgd", momentum=0.0)),
        (scaled, Halved(optimizer="sgd", momentum=0.0)),
    ):
        optimizer = make_optimizer(layer, recipe)
        set_rate(optimizer, 0.25)
        descend(layer, optimizer)
    assert torch.equal(scaled.weight, plain.weight)
    torch.testing.assert_close(scaled.bias - begun, (plain.bias - begun) / 2)
