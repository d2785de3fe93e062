"""A learner reads tables by row: it resumes bit for bit, and a spoiled update leaves no trace in them."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from statewise.cells import GRU
from statewise.data.window import Window
from statewise.heads.ranking import Ranking, item_table
from statewise.learning.guard import NotFinite
from statewise.learning.learner import Learner
from statewise.learning.optimizers import clip_norm
from statewise.learning.sparse_gradients import settle
from statewise.model import Model
from statewise.run.recipe import Recipe

V, T, B, D, H = 9, 2, 3, 5, 4


def make_model(*, tied: bool = False) -> Model[Any]:
    torch.manual_seed(0)
    encoder = item_table(V, D, sparse=True)
    head = Ranking(H, torch.arange(1.0, V + 1), table=encoder if tied else None, negatives=2)
    return Model(encoder, GRU(D, H), head)


def some_windows() -> list[Window]:
    torch.manual_seed(1)
    return [Window(torch.randint(V, (T, B)), torch.randint(V, (T, B))) for _ in range(4)]


def make_learner(tied: bool = False, **how: Any) -> Learner:
    recipe = Recipe(updates=50, learning_rate=0.05, warmup=0, threads=1, **how)
    return Learner(make_model(tied=tied), some_windows(), recipe)


@pytest.fixture(params=["adam", "momentum_adagrad"])
def optimizer(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("tied", [False, True])
def test_a_restored_learner_makes_the_same_updates_bit_for_bit(optimizer: str, tied: bool) -> None:
    torch.manual_seed(2)
    learner = make_learner(tied, optimizer=optimizer, accumulate=2)
    for _ in range(3):
        learner.update()
    files = learner.snapshot()
    first = [learner.update() for _ in range(3)]
    again = make_learner(tied, optimizer=optimizer, accumulate=2)
    again.restore(files)
    assert [event.nats for event in (again.update() for _ in range(3))] == [event.nats for event in first]
    assert again.snapshot()["weights.safetensors"] == learner.snapshot()["weights.safetensors"]


@pytest.mark.parametrize("when", [0, 3])
def test_an_update_that_overflows_leaves_weights_and_memory_as_they_were(optimizer: str, when: int) -> None:
    learner = make_learner(optimizer=optimizer)
    for _ in range(when):
        learner.update()
    before = learner.snapshot()
    recipe = learner.recipe
    learner.recipe = replace(recipe, learning_rate=1e30)
    with pytest.raises(NotFinite):
        learner.update()
    assert learner.snapshot() == before
    learner.recipe = recipe
    assert learner.update().update == when + 1


def test_the_norm_of_a_gradient_counts_a_row_that_was_read_twice_once() -> None:
    model = nn.Embedding(V, D, sparse=True)
    model(torch.tensor([4, 4])).sum().backward()
    settle(model.parameters())
    assert clip_norm(model.parameters(), 1.0) == pytest.approx((4 * D) ** 0.5)
    assert model.weight.grad is not None
    assert float(model.weight.grad.to_dense().norm()) == pytest.approx(1.0)


def test_how_each_layer_learned_is_told_of_the_rows_that_changed() -> None:
    learner = make_learner(optimizer="adam")
    before = {name: weight.detach().clone() for name, weight in learner.model.named_parameters()}
    layers = learner.update().layers
    assert layers is not None
    now = dict(learner.model.named_parameters())["encoder.weight"].detach()
    rows = (now != before["encoder.weight"]).any(dim=1)
    assert 0 < int(rows.sum()) < V
    wanted = (now - before["encoder.weight"]).norm() / before["encoder.weight"][rows].norm()
    assert layers["encoder"][1] == pytest.approx(float(wanted))
