"""The ranking losses are the papers' equations: values worked out by hand, gradients against finite differences."""

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from statewise.heads.ranking_losses import LOSSES, Ranked, bpr_max, log_sum_exp, lowest

# r_i = 1 against r_j = 0 and 2. With sigmoid(1) = 0.731059, sigmoid(4) = 0.982014 and the softmax (0.119203, 0.880797):
BY_HAND = {
    "cross_entropy": 1.407606,  # log(e + 1 + e^2) - 1
    "bpr": 0.813262,  # -(log 0.731059 + log 0.268941) / 2
    "top1": 1.241007,  # (0.268941 + 0.5 + 0.731059 + 0.982014) / 2
    "bpr_max": 4.650117,  # -log(0.119203 * 0.731059 + 0.880797 * 0.268941) + 0.880797 * 4
    "top1_max": 1.600531,  # 0.119203 * (0.268941 + 0.5) + 0.880797 * (0.731059 + 0.982014)
}
every_loss = pytest.mark.parametrize("name", sorted(LOSSES))


def some_scores() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    wanted = torch.randn(3, generator=generator, dtype=torch.double)
    others = torch.randn(3, 5, generator=generator, dtype=torch.double)
    return wanted, others, torch.rand(3, 5, generator=generator) < 0.6


@pytest.mark.parametrize(("name", "value"), sorted(BY_HAND.items()))
def test_a_loss_is_what_the_equation_gives_by_hand(name: str, value: float) -> None:
    given = torch.tensor([1.0], dtype=torch.double), torch.tensor([[0.0, 2.0]], dtype=torch.double)
    assert LOSSES[name](*given, None).item() == pytest.approx(value, abs=2e-6)


def test_every_loss_has_a_value_worked_out_by_hand() -> None:
    assert sorted(BY_HAND) == sorted(LOSSES)


def test_the_pull_of_scores_to_nought_is_as_strong_as_was_asked_for() -> None:
    given = torch.tensor([1.0], dtype=torch.double), torch.tensor([[0.0, 2.0]], dtype=torch.double)
    assert bpr_max(*given, regularization=0.0).item() == pytest.approx(1.126929, abs=2e-6)
    assert bpr_max(*given, regularization=0.5).item() == pytest.approx(1.126929 + 0.5 * 3.523188, abs=2e-6)


@every_loss
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_are_those_of_finite_differences(name: str, masked: bool) -> None:
    wanted, others, counted = some_scores()
    loss = LOSSES[name]
    assert gradcheck(
        lambda w, o: loss(w, o, counted if masked else None), (wanted.requires_grad_(), others.requires_grad_())
    )


@every_loss
def test_what_does_not_count_may_as_well_not_be_there(name: str) -> None:
    wanted, others, counted = some_scores()
    found = LOSSES[name](wanted, others, counted)
    for row in range(3):
        kept = others[row, counted[row]].unsqueeze(0)
        torch.testing.assert_close(found[row], LOSSES[name](wanted[row : row + 1], kept, None)[0])


@every_loss
def test_a_place_with_nothing_to_compare_with_costs_nothing_and_moves_nothing(name: str) -> None:
    wanted, others = torch.tensor([1.0], requires_grad=True), torch.tensor([[3.0, -2.0]], requires_grad=True)
    loss = LOSSES[name](wanted, others, torch.zeros(1, 2, dtype=torch.bool))
    assert loss.tolist() == [0.0]
    assert [grad.abs().sum().item() for grad in torch.autograd.grad(loss.sum(), (wanted, others))] == [0.0, 0.0]


@every_loss
def test_a_higher_score_of_the_wanted_item_never_costs_more(name: str) -> None:
    loss: Ranked = LOSSES[name]
    others = torch.tensor([[0.5, -1.0, 2.0]]).expand(9, -1)
    losses = loss(torch.linspace(-8, 8, 9), others, None)
    assert bool((losses.diff() < 0).all())


@every_loss
def test_scores_of_any_size_give_finite_losses_and_gradients(name: str) -> None:
    wanted = torch.tensor([-80.0, 80.0], requires_grad=True)
    loss = LOSSES[name](wanted, torch.tensor([[90.0, -90.0], [-90.0, 90.0]]), None)
    (grad,) = torch.autograd.grad(loss.sum(), wanted)
    assert bool(loss.isfinite().all())
    assert bool(grad.isfinite().all())


def test_the_logarithm_of_a_sum_is_the_usual_one_whatever_is_left_out() -> None:
    generator = torch.Generator().manual_seed(2)
    scores = 20 * torch.randn(4, 23, generator=generator)
    scores[1, :12] = lowest(scores)  # all that is looked at first
    scores[2, 3:] = lowest(scores)
    ours, theirs = (scores.clone().requires_grad_() for _ in range(2))
    log_sum_exp(ours).square().sum().backward()  # type: ignore[no-untyped-call]
    theirs.logsumexp(dim=-1).square().sum().backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(log_sum_exp(scores), scores.logsumexp(dim=-1))
    torch.testing.assert_close(ours.grad, theirs.grad)
    assert log_sum_exp(torch.full((1, 9), lowest(scores))).item() < -1e30
