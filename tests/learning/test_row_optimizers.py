"""Where every row is read the row optimisers are the usual ones; of rows that were not, nothing changes."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import Adam

from statewise.errors import UsageError
from statewise.learning.optimizers import ROW_BY_ROW, make_optimizer
from statewise.learning.row_optimizers import MomentumAdagrad, RowAdam, RowOptimizer
from statewise.run.recipe import Recipe

V, D = 6, 4


def make_table(*, sparse: bool) -> nn.Embedding:
    torch.manual_seed(0)
    return nn.Embedding(V, D, sparse=sparse)


def descend(table: nn.Embedding, optimizer: torch.optim.Optimizer, codes: list[int], seed: int) -> None:
    wanted = torch.randn(len(codes), D, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    (table(torch.tensor(codes)) - wanted).square().sum().backward()
    optimizer.step()


@pytest.mark.parametrize("name", ROW_BY_ROW)
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_reading_every_row_changes_a_table_as_a_whole_gradient_would(name: Any, decay: float) -> None:
    tables = [make_table(sparse=sparse) for sparse in (False, True)]
    recipe = Recipe(optimizer=name, learning_rate=0.1, weight_decay=decay)
    for table in tables:
        optimizer = make_optimizer(table, recipe)
        for seed in range(3):
            descend(table, optimizer, [3, 0, 1, 2, 4, 5, 3], seed)
    torch.testing.assert_close(tables[0].weight, tables[1].weight)


@pytest.mark.parametrize("name", ROW_BY_ROW)
def test_rows_that_were_not_read_and_their_memory_stay_bit_for_bit(name: Any) -> None:
    table = make_table(sparse=True)
    optimizer = make_optimizer(table, Recipe(optimizer=name, learning_rate=0.1))
    descend(table, optimizer, [0, 1, 2, 3, 4, 5], 0)
    before = [table.weight.detach().clone(), *(kept.clone() for kept in optimizer.state[table.weight].values())]
    descend(table, optimizer, [4, 1, 4], 1)
    after = [table.weight.detach(), *optimizer.state[table.weight].values()]
    for old, new in zip(before, after, strict=True):
        if old.dim():
            assert torch.equal(old[[0, 2, 3, 5]], new[[0, 2, 3, 5]])
            assert not torch.equal(old[[1, 4]], new[[1, 4]])


def test_row_adam_on_whole_weights_is_adam() -> None:
    one, other = make_table(sparse=False), make_table(sparse=False)
    ours, theirs = RowAdam(one.parameters(), 0.1), Adam(other.parameters(), 0.1)
    for seed in range(3):
        descend(one, ours, [0, 2, 2], seed)
        descend(other, theirs, [0, 2, 2], seed)
    torch.testing.assert_close(one.weight, other.weight)


def test_momentum_adagrad_takes_the_steps_of_its_equation() -> None:
    table = make_table(sparse=False)
    optimizer = MomentumAdagrad(table.parameters(), 0.1, momentum=0.8)
    weight = table.weight.detach().clone()
    total, moving = torch.zeros(V, D), torch.zeros(V, D)
    for seed in range(4):
        descend(table, optimizer, [0, 2, 2], seed)
        gradient = table.weight.grad
        assert gradient is not None
        total = total + gradient**2
        step = torch.where(total > 0, gradient / total.sqrt().clamp(min=1e-10), 0.0)
        moving = 0.8 * moving + 0.1 * step
        weight = weight - moving
    torch.testing.assert_close(table.weight.detach(), weight)


@pytest.mark.parametrize("name", ["adamw", "rmsprop", "sgd", "averaged_sgd", "adagrad"])
def test_an_optimiser_that_would_change_every_row_is_refused_for_a_table_read_by_row(name: Any) -> None:
    with pytest.raises(UsageError, match=f"{name} changes every row .* give optimizer adam or momentum_adagrad"):
        make_optimizer(make_table(sparse=True), Recipe(optimizer=name))
    assert not isinstance(make_optimizer(make_table(sparse=False), Recipe(optimizer=name)), RowOptimizer)
