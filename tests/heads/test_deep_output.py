"""Deep output: tied to a table, and smoothed by a term of the loss."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from statewise.errors import UsageError
from statewise.heads import DeepOutput
from statewise.heads.deep_output import SMOOTHING

T, B, H, V, E = 7, 3, 4, 6, 5


def test_the_loss_with_its_term_weighed_is_that_of_smoothed_labels() -> None:
    torch.manual_seed(0)
    head = DeepOutput(H, V, E, smoothing=True)
    logits, targets = head(torch.randn(T, B, H)), torch.arange(T * B).reshape(T, B) % V
    mask = torch.arange(T * B).reshape(T, B) % 4 > 0
    loss = head.loss(logits, targets, mask)
    ours = (1 - 0.2) * (loss.mean + loss.terms[SMOOTHING].mean * 0.2 / (1 - 0.2))
    wanted = cross_entropy(logits[mask], targets[mask], label_smoothing=0.2)
    assert float(ours.detach()) == pytest.approx(float(wanted.detach()), rel=1e-5)


def test_what_is_scored_has_no_term() -> None:
    head = DeepOutput(H, V, E, smoothing=True).eval()
    assert not head.loss(head(torch.zeros(T, B, H)), torch.zeros(T, B, dtype=torch.long)).terms


def test_a_tied_table_learns_from_both_sides_and_is_one_weight() -> None:
    table = torch.nn.Embedding(V, E)
    head = DeepOutput(H, V, table=table)
    head.loss(head(torch.randn(T, B, H)), torch.zeros(T, B, dtype=torch.long)).nats.backward()  # type: ignore[no-untyped-call]
    assert table.weight.grad is not None
    assert head.weights is table.weight


def test_a_table_of_other_choices_and_a_rate_of_one_are_refused() -> None:
    with pytest.raises(UsageError, match="table of 6 vectors cannot tell 7 choices apart"):
        DeepOutput(H, V + 1, table=torch.nn.Embedding(V, E))
    with pytest.raises(UsageError, match=r"rate 1\.0"):
        DeepOutput(H, V, dropout=1.0)
