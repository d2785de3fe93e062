"""A ranking head keeps the laws of a head, samples its negatives as it says, and is the full softmax on average."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from statewise.errors import UsageError
from statewise.heads.ranking import Ranking, item_table
from statewise.heads.ranking_losses import LOSSES
from statewise.heads.samples import losses
from statewise.testing import check_head

V, T, B, H = 6, 7, 3, 4
SUPPORTS = torch.tensor([8.0, 4.0, 2.0, 1.0, 1.0, 0.0])


def make(**how: Any) -> Ranking:
    torch.manual_seed(0)
    head = Ranking(H, SUPPORTS, **how)
    with torch.no_grad():
        head.bias.weight.normal_()
    return head


def some_targets(seed: int = 1) -> Tensor:
    return torch.randint(V - 1, (T, B), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_the_laws_of_a_head_hold(loss: str) -> None:
    laws = None if loss == "cross_entropy" else [1, 2, 3, 4, 5, 7]  # law 6 is of likelihoods
    check_head(lambda: Ranking(H, SUPPORTS, loss=loss), some_targets(), laws=laws)


def test_the_laws_hold_where_the_only_negatives_are_the_other_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ranking, "draw", lambda self: torch.zeros(0, dtype=torch.long))
    # Not law 3: what is likeliest among the rows beside it depends on what they want.
    check_head(lambda: Ranking(H, SUPPORTS, negatives=1), some_targets(), laws=[1, 2, 4, 7])


def test_a_loss_it_does_not_know_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown ranking loss 'bpr-max': did you mean 'bpr_max'"):
        make(loss="bpr-max")


def test_as_many_negatives_as_items_are_the_whole_catalogue() -> None:
    assert not make(negatives=V).is_sampled
    assert not make(negatives=V).table.sparse
    assert make(negatives=V - 1).table.sparse


def test_negatives_are_drawn_with_the_odds_of_their_support_to_a_power() -> None:
    for alpha in (0.0, 0.5, 1.0):
        head = make(negatives=5, alpha=alpha)
        torch.manual_seed(3)
        drawn = torch.cat([head.draw() for _ in range(4000)])
        odds = SUPPORTS**alpha / (SUPPORTS**alpha).sum()
        share = torch.bincount(drawn, minlength=V) / len(drawn)
        assert bool(((share - odds).abs() <= 5 * (odds * (1 - odds) / len(drawn)).sqrt()).all()), (alpha, share)


@pytest.mark.parametrize("in_batch", [True, False])
def test_the_corrected_sum_over_a_sample_is_on_average_that_over_the_catalogue(in_batch: bool) -> None:
    sampled, full = make(negatives=3, in_batch=in_batch, alpha=0.5), make()
    full.load_state_dict(sampled.state_dict())
    generator = torch.Generator().manual_seed(5)
    queries = torch.randn(1, 1, H, generator=generator).expand(1, 4, -1).contiguous()
    sums = []
    for _ in range(6000):
        targets = torch.multinomial(SUPPORTS[:5], 4, replacement=True, generator=generator).view(1, 4)
        targets[0, 0] = 2
        sums.append(losses(sampled._sample(queries, targets, None), "cross_entropy", 0.0)[0, 0].exp())
    found = torch.stack(sums)
    wanted = full.loss(queries[:, :1], torch.tensor([[2]])).nats.exp()
    # Item 5, of support 0, is never drawn: what the sum over the catalogue has of it is left out.
    left_out = (full.scores(queries[0, 0])[5] - full.scores(queries[0, 0])[2]).exp()
    assert abs(found.mean() - (wanted - left_out)) < 5 * found.std() / len(found) ** 0.5


def test_without_correction_the_loss_is_the_softmax_over_the_target_the_other_rows_and_the_drawn() -> None:
    head = make(negatives=2, corrected=False)
    queries, targets = torch.randn(1, B, H), torch.tensor([[0, 3, 1]])
    torch.manual_seed(9)
    found = losses(head._sample(queries, targets, None), "cross_entropy", 0.0)
    torch.manual_seed(9)
    drawn = head.draw().tolist()
    scores = head.scores(queries[0])
    for row, target in enumerate([0, 3, 1]):
        others = [item for item in [0, 3, 1] if item != target] + [item for item in drawn if item != target]
        picked = torch.cat([scores[row, target : target + 1], scores[row, others]])
        torch.testing.assert_close(found[0, row], picked.logsumexp(0) - picked[0])


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_in_evaluation_the_loss_is_the_cross_entropy_over_all_items(loss: str) -> None:
    head = make(loss=loss, negatives=2).eval()
    queries, targets = torch.randn(T, B, H), some_targets()
    wanted = nn.functional.cross_entropy(head.scores(queries).flatten(0, 1), targets.flatten(), reduction="sum")
    torch.testing.assert_close(head.loss(queries, targets).nats, wanted)


def test_only_rows_that_were_scored_or_read_have_a_gradient() -> None:
    table = item_table(V, H, sparse=True)
    head = make(table=table, negatives=1, in_batch=True)
    head.loss(head(table(torch.tensor([[1, 1, 1]]))), torch.tensor([[2, 3, 2]])).nats.backward()  # type: ignore[no-untyped-call]
    grad = table.weight.grad
    assert grad is not None
    assert {1, 2, 3} <= set(grad.coalesce().indices()[0].tolist())
    assert len(grad.coalesce().indices()[0]) <= 4


def test_a_lent_table_is_stored_once_and_followed_by_a_copy() -> None:
    table = item_table(V, 5, sparse=False)
    both = nn.ModuleList([table, Ranking(H, SUPPORTS, table=table)])
    assert sorted(both.state_dict()) == ["0.weight", "1.bias.weight", "1.projection.bias", "1.projection.weight"]
    twin: Any = copy.deepcopy(both)
    assert twin[1].table is twin[0]
    assert twin[0] is not table


def test_a_single_row_with_nothing_drawn_has_nothing_to_be_ranked_among(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ranking, "draw", lambda self: torch.zeros(0, dtype=torch.long))
    loss = make(negatives=1).loss(torch.randn(T, 1, H), torch.zeros(T, 1, dtype=torch.long))
    assert (loss.nats.item(), int(loss.places)) == (0.0, T)
