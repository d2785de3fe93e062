"""The conditional random field says what a sum over all rows of labels says."""

from itertools import product

import pytest
import torch

from statewise.data.window import Padded
from statewise.errors import UsageError
from statewise.heads import CRF, IntentAndSlots

T, B, SLOTS = 4, 3, 2
L = 2 * SLOTS + 1


def head_and_emissions() -> tuple[CRF, torch.Tensor]:
    torch.manual_seed(0)
    head = CRF(5, SLOTS).double().requires_grad_(False)
    with torch.no_grad():
        head.transitions.normal_()
        head.first.normal_()
    return head, torch.randn(T, B, L, dtype=torch.float64)


def may_be(labels: tuple[int, ...]) -> bool:
    before = 0
    for label in labels:
        if label and label % 2 == 0 and before not in (label - 1, label):
            return False
        before = label
    return True


def score(head: CRF, emissions: torch.Tensor, labels: tuple[int, ...]) -> torch.Tensor:
    first, after = head.scores
    total = first[labels[0]] + emissions[0, labels[0]]
    for t in range(1, len(labels)):
        total = total + after[labels[t - 1], labels[t]] + emissions[t, labels[t]]
    return total


def all_rows(length: int) -> list[tuple[int, ...]]:
    return [labels for labels in product(range(L), repeat=length) if may_be(labels)]


def test_the_loss_is_that_of_a_sum_over_all_rows_of_labels() -> None:
    head, emissions = head_and_emissions()
    wanted = [(1, 2, 0, 3), (0, 3, 4), (1,)]
    targets = Padded.of([torch.tensor(labels) for labels in wanted])
    nats = head.nats(emissions, targets)
    for row, labels in enumerate(wanted):
        own = emissions[:, row]
        total = torch.stack([score(head, own, other) for other in all_rows(len(labels))]).logsumexp(0)
        assert float(nats[row]) == pytest.approx(float(total - score(head, own, labels)), abs=1e-9)


def test_the_best_row_is_the_best_of_all_rows_of_labels_with_steps_that_sleep_left_out() -> None:
    head, emissions = head_and_emissions()
    mask = torch.tensor([[1, 1, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0]]).bool()
    found = head.best(emissions, mask)
    assert found.lengths.tolist() == [4, 3, 0]
    for row in range(2):
        own = emissions[:, row][mask[:, row]]
        best = max(all_rows(len(own)), key=lambda labels: float(score(head, own, labels)))
        assert found.values[row, : len(own)].tolist() == list(best)


def test_marginals_are_shares_of_all_rows_of_labels() -> None:
    head, emissions = head_and_emissions()
    found = head.marginals(emissions)
    for row in range(B):
        rows = all_rows(T)
        odds = torch.stack([score(head, emissions[:, row], labels) for labels in rows]).softmax(0)
        for step in range(T):
            for label in range(L):
                share = sum(float(p) for p, labels in zip(odds, rows, strict=True) if labels[step] == label)
                assert float(found[row, step, label]) == pytest.approx(share, abs=1e-9)


def test_labels_as_read_end_as_the_best_row_of_what_was_read_does() -> None:
    head, emissions = head_and_emissions()
    before = None
    for t in range(T):
        label, before = head.read_on(emissions[t], before)
        assert label.tolist() == head.best(emissions[: t + 1]).values[:, t].tolist()


def test_what_is_said_as_each_step_is_read_may_differ_from_the_best_row_which_knows_what_comes_after() -> None:
    head = CRF(3, 1)
    with torch.no_grad():
        head.transitions[1, 2] = 3.0
    emissions = torch.tensor([[[1.0, 0.0, 0.0]], [[0.0, 0.0, 2.0]]])
    assert head.likely(emissions).flatten().tolist() == [0, 2]
    assert head.best(emissions).values.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([0, 5, 0, 0], "label 5 of row 0 is not one of the 5"),
        ([2, 0, 0, 0], "label 2 of row 0 goes on with a slot that has not begun: give 1 before it"),
        ([1, 4, 0, 0], "label 4 of row 0 goes on with a slot that has not begun: give 3 before it"),
        ([0, 0, 0], r"labels of shape \[1, 3\] were given where \[1, 4\] are scored"),
    ],
)
def test_labels_that_may_not_be_are_refused_with_their_row(labels: list[int], said: str) -> None:
    head, emissions = head_and_emissions()
    with pytest.raises(UsageError, match=said):
        head.loss(emissions[:, :1], Padded.of([torch.tensor(labels)]))


def test_a_field_of_no_slot_has_nothing_to_say() -> None:
    head = CRF(5, 0)
    emissions = head(torch.randn(T, B, 5))
    targets = Padded(torch.zeros(B, T, dtype=torch.long), torch.ones(B, T, dtype=torch.bool))
    assert float(head.loss(emissions, targets).nats.detach().abs()) < 1e-5
    assert head.best(emissions).values.sum() == 0


def test_labels_far_apart_in_odds_have_a_loss_and_a_gradient() -> None:
    head = CRF(5, SLOTS)
    emissions = (torch.randn(T, B, L) * 300).requires_grad_()
    loss = head.loss(emissions, Padded.of([torch.tensor([0] * T)] * B)).nats
    torch.autograd.backward(loss)
    assert bool(loss.isfinite())
    assert emissions.grad is not None
    assert bool(emissions.grad.isfinite().all())


def test_an_intent_is_that_of_all_steps_of_a_row_whatever_lies_beyond_it() -> None:
    torch.manual_seed(0)
    head = IntentAndSlots(5, 4, SLOTS)
    features = torch.randn(T, B, 5)
    mask = torch.arange(T).unsqueeze(1) < torch.tensor([4, 2, 1])
    odds = head.intent_odds(head(features), mask)
    alone = head.intent_odds(head(features[:2, 1:2]))
    assert torch.allclose(odds[1:2], alone, atol=1e-6)
    with pytest.raises(UsageError, match="intent 4 is not one of the 4"):
        head.loss(head(features), Padded.of([torch.tensor([[0, 4]] * T)] * B))
