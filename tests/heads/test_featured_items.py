"""A featured item is its own vector and the mean of those of what it has; without its own, it is the mean alone."""

import torch

from statewise.heads import Ranking
from statewise.heads.featured_items import FeaturedItems

KINDS = [[0, 2], [1], [], [2], [0, 1, 2]]


def make(*, sparse: bool = False, alone: float = 0.0) -> FeaturedItems:
    torch.manual_seed(0)
    return FeaturedItems(3, 4, KINDS, sparse=sparse, alone=alone)


def test_rows_are_sums_of_own_and_mean_of_features() -> None:
    table = make()
    own, kinds = table.own.weight, table.kinds.weight
    wanted = torch.stack(
        [own[0] + (kinds[0] + kinds[2]) / 2, own[1] + kinds[1], own[2], kinds[2], (kinds[0] + kinds[1] + kinds[2]) / 3]
    )
    torch.testing.assert_close(table(torch.arange(5)), wanted)
    torch.testing.assert_close(table.rows(0, 5), wanted)
    torch.testing.assert_close(table.rows(2, 4), wanted[2:4])
    torch.testing.assert_close(table.rows(3, 5), wanted[3:])


def test_in_training_alone_own_vectors_are_left_out_at_some_places() -> None:
    table = make(alone=0.25)
    rows = table(torch.zeros(4000, dtype=torch.long))
    without = (rows == table.kinds.weight[[0, 2]].mean(dim=0)).all(dim=1)
    assert 0.2 < without.float().mean() < 0.3
    assert not (table.eval()(torch.zeros(9, dtype=torch.long)) == table.kinds.weight[[0, 2]].mean(dim=0)).any()


def test_gradients_of_what_is_no_feature_are_nought_and_sparse_ones_are_of_rows_read() -> None:
    table = make(sparse=True)
    table(torch.tensor([1, 4])).square().sum().backward()
    own, kinds = table.own.weight.grad, table.kinds.weight.grad
    assert own is not None
    assert kinds is not None
    assert own.to_dense()[[0, 2]].abs().sum() == 0
    assert kinds.to_dense()[3].abs().sum() == 0


def test_a_head_scores_items_newer_than_those_it_was_trained_on_without_a_bias() -> None:
    table = make()
    head = Ranking(4, torch.tensor([3.0, 2.0, 1.0]), table=table).eval()
    with torch.no_grad():
        head.bias.weight.fill_(2.0)
        query = torch.randn(2, 4)
        found = head.scores(query, 0, 5)
        torch.testing.assert_close(found, query @ table.rows(0, 5).T + torch.tensor([2.0, 2.0, 2.0, 0.0, 0.0]))
        assert head.scores(query).shape == (2, 3)
        torch.testing.assert_close(head.scores(query, 2, 4), found[:, 2:4])
