"""The softmax in groups: against PyTorch's own, its sum, its order, what it opens, its draws, and what it refuses."""

from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from statewise.encoders import AdaptiveTable
from statewise.errors import UsageError
from statewise.heads import AdaptiveSoftmax
from statewise.heads import linear_entropy as blocks

T, B, H, V = 7, 3, 8, 23
CUTOFFS = [5, 9, 16]


def made(**how: Any) -> AdaptiveSoftmax:
    torch.manual_seed(0)
    head = AdaptiveSoftmax(H, V, CUTOFFS, **{"shrink": 2.0, **how})
    with torch.no_grad():
        for weights in (head.bias, head.door_bias):
            weights.normal_()
    return head


def given() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(T, B, H), torch.randint(V, (T, B))


def as_pytorch(head: AdaptiveSoftmax) -> nn.AdaptiveLogSoftmaxWithLoss:
    """Return PyTorch's own with the same weights; it has no biases behind its doors."""
    theirs = nn.AdaptiveLogSoftmaxWithLoss(H, V, CUTOFFS, div_value=2.0, head_bias=True)
    with torch.no_grad():
        theirs.head.weight.copy_(torch.cat([head.tables[0], head.doors]))
        assert theirs.head.bias is not None
        theirs.head.bias.copy_(torch.cat([head.bias[: CUTOFFS[0]], head.door_bias]))
        head.bias[CUTOFFS[0] :] = 0
        for tail, narrow, vectors in zip(theirs.tail, head.projections, head.tables[1:], strict=True):
            inner, outer = cast(list[nn.Linear], list(cast(nn.Sequential, tail)))
            inner.weight.copy_(narrow)
            outer.weight.copy_(vectors)
    return theirs


def test_loss_log_probabilities_and_gradients_are_those_of_pytorch() -> None:
    head, (features, targets) = made(), given()
    theirs = as_pytorch(head)
    ours, read = head.loss(head(features.requires_grad_()), targets), features.detach().flatten(0, 1).requires_grad_()
    wanted, loss = theirs(read, targets.flatten())
    torch.testing.assert_close(ours.nats / ours.places, loss)
    torch.testing.assert_close(head.nats(features, targets).flatten(), -wanted)
    torch.testing.assert_close(head.logits(features).flatten(0, 1), theirs.log_prob(read))
    (ours.nats / ours.places).backward()  # type: ignore[no-untyped-call]
    loss.backward()
    assert features.grad is not None
    torch.testing.assert_close(features.grad.flatten(0, 1), read.grad)
    assert theirs.head.weight.grad is not None
    torch.testing.assert_close(head.tables[0].grad, theirs.head.weight.grad[: CUTOFFS[0]])
    torch.testing.assert_close(head.tables[3].grad, theirs.tail[2][1].weight.grad)  # type: ignore[index]
    torch.testing.assert_close(head.projections[1].grad, theirs.tail[1][0].weight.grad)  # type: ignore[index]


def test_the_likeliest_are_in_the_order_of_all_log_probabilities() -> None:
    head, (features, _) = made(), given()
    for count in (1, 4, 11, V, V + 9):
        found = head.top(features, count)
        wanted = head.logits(features).sort(dim=-1, descending=True)
        assert found.choices.equal(wanted.indices[..., :count])
        torch.testing.assert_close(found.probabilities, wanted.values[..., :count].double().exp())


def test_a_group_is_opened_only_where_it_can_still_win(monkeypatch: pytest.MonkeyPatch) -> None:
    head, (features, _) = made(), given()
    opened: list[tuple[int, int]] = []
    scores = head._scores

    def watched(features: Tensor, number: int) -> Tensor:
        opened.append((number, len(features)))
        return scores(features, number)

    monkeypatch.setattr(head, "_scores", watched)
    with torch.no_grad():
        head.door_bias.copy_(torch.tensor([-50.0, 9.0, -50.0]))
    found = head.top(features, 3)
    assert opened == [(0, T * B), (2, T * B)]
    assert found.choices.equal(head.logits(features).topk(3).indices)


def test_draws_from_thousands_of_places_are_as_frequent_as_the_odds_and_as_hot_ones_by_the_whole() -> None:
    head, (features, _) = made(), given()
    place, count = features[0, 0], 20_000
    odds = head.logits(place).exp()
    drawn = head.sample(place.expand(count, H), generator=torch.Generator().manual_seed(3))
    found = torch.bincount(drawn, minlength=V) / count
    assert bool(((found - odds).abs() < 5 * (odds * (1 - odds) / count).sqrt() + 1 / count).all())
    hot = head.sample(place.expand(count, H), temperature=3.0, generator=torch.Generator().manual_seed(3))
    odds = (head.logits(place) / 3).softmax(dim=-1)
    found = torch.bincount(hot, minlength=V) / count
    assert bool(((found - odds).abs() < 5 * (odds * (1 - odds) / count).sqrt() + 1 / count).all())


def test_blocks_of_any_size_sum_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    head, (features, targets) = made(), given()
    whole = head.loss(features, targets)
    whole.nats.backward()  # type: ignore[no-untyped-call]
    wanted = [weights.grad.clone() for weights in head.parameters() if weights.grad is not None]
    head.zero_grad()
    monkeypatch.setattr(blocks, "BLOCK_SCORES", 1)
    monkeypatch.setattr(blocks, "FEWEST", 2)
    again = head.loss(features, targets)
    again.nats.backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(again.nats, whole.nats)
    assert len(wanted) == len(list(head.parameters()))
    for weights, gradient in zip(head.parameters(), wanted, strict=True):
        torch.testing.assert_close(weights.grad, gradient)


def test_a_target_whose_share_is_too_small_for_a_number_is_scored_all_the_same() -> None:
    features, weights = torch.tensor([[1.0]]), torch.tensor([[0.0], [200.0]])
    nats = blocks.linear_entropy(features, weights, torch.zeros(2), torch.tensor([0]))
    assert float(nats) == pytest.approx(200.0)


def test_training_never_holds_scores_of_all_choices_at_all_places() -> None:
    head = AdaptiveSoftmax(H, 50_000, [100, 2000])
    features, targets = torch.randn(T, B, H, requires_grad=True), torch.randint(100, (T, B))
    targets[0, 0] = 49_999
    sizes: list[int] = []
    with _Watched(sizes):
        head.loss(head(features), targets).nats.backward()  # type: ignore[no-untyped-call]
    assert max(sizes) <= 2 * 50_000  # the vectors themselves, not 21 places of 50,000


class _Watched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes how many numbers every tensor has that is made within it."""

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sizes = sizes

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self.sizes += [part.numel() for part in tree_leaves(made) if isinstance(part, Tensor)]
        return made


def test_a_tied_table_is_one_weight_that_learns_from_both_sides() -> None:
    table = AdaptiveTable(V, H, CUTOFFS, shrink=2.0)
    head = AdaptiveSoftmax(H, V, CUTOFFS, shrink=2.0, tables=table.tables)
    head.loss(table(torch.full((T, B), 20)), torch.full((T, B), 7)).nats.backward()  # type: ignore[no-untyped-call]
    for number in (1, 3):
        assert head.tables[number] is table.tables[number].weight
        assert head.tables[number].grad is not None


def test_biases_begin_at_how_often_each_choice_occurred() -> None:
    counts = torch.arange(V, 0, -1).float() - 1
    head = AdaptiveSoftmax(H, V, CUTOFFS, counts=counts)
    odds = head.logits(torch.zeros(H)).exp()
    torch.testing.assert_close(odds, (counts + 1) / (counts + 1).sum())


@pytest.mark.parametrize("cutoffs", [[], [0], [V], [V + 4], [9, 5], [5, 5], [-1, 5]])
def test_cutoffs_that_cut_nothing_are_refused(cutoffs: list[int]) -> None:
    with pytest.raises(UsageError, match=r"above 0 and below 23"):
        AdaptiveSoftmax(H, V, cutoffs)


@pytest.mark.parametrize("cutoffs", [[1], [V - 1], [1, V - 1]])
def test_groups_of_one_choice_are_groups(cutoffs: list[int]) -> None:
    head, (features, _) = AdaptiveSoftmax(H, V, cutoffs), given()
    torch.testing.assert_close(head.logits(features).exp().sum(dim=-1), torch.ones(T, B))


def test_choices_that_are_not_sorted_by_frequency_and_tables_of_other_sizes_are_refused() -> None:
    with pytest.raises(UsageError, match="sort them"):
        AdaptiveSoftmax(H, V, CUTOFFS, counts=torch.arange(V).float())
    with pytest.raises(UsageError, match="tables of other sizes"):
        AdaptiveSoftmax(H, V, CUTOFFS, tables=[nn.Embedding(V, H)])
    with pytest.raises(UsageError, match="cannot shrink by 0"):
        AdaptiveSoftmax(H, V, CUTOFFS, shrink=0.0)


@pytest.mark.parametrize("target", [-1, V])
def test_a_target_that_is_no_choice_is_an_error(target: int) -> None:
    head, (features, targets) = made(), given()
    targets[2, 1] = target
    with pytest.raises(IndexError, match="not one of the 23 choices"):
        head.loss(features, targets)
