"""The loss of CTC by hand: the sum over all paths, and what cannot be scored."""

from itertools import product

import pytest
import torch

from statewise.data.window import Padded
from statewise.errors import UsageError
from statewise.heads import CTC
from statewise.heads.ctc import collapsed

T, H, V = 5, 4, 3


def made(blank: int = 0) -> tuple[CTC, torch.Tensor]:
    torch.manual_seed(0)
    head = CTC(H, V, blank).double()
    return head, torch.randn(T, 3, H, dtype=torch.double) * 3


@pytest.mark.parametrize("blank", [0, 1, 2])
def test_the_loss_is_minus_the_log_of_the_sum_over_all_paths_that_spell_the_labels(blank: int) -> None:
    head, features = made(blank)
    one, other = [label for label in range(V) if label != blank]
    labels = [[one, one], [other], []]
    chances = head(features).softmax(dim=-1)
    wanted = []
    for row, spelled in enumerate(labels):
        paths = [path for path in product(range(V), repeat=T) if collapsed([*path], blank) == spelled]
        odds = [torch.stack([chances[t, row, label] for t, label in enumerate(path)]).prod() for path in paths]
        wanted.append(-torch.stack(odds).sum().log())
    targets = Padded.of([torch.tensor(spelled, dtype=torch.long) for spelled in labels])
    assert torch.allclose(head.nats(head(features), targets), torch.stack(wanted))
    assert int(head.loss(head(features), targets).places) == 2 + 1 + 1


def test_every_way_to_spell_a_row_is_a_certainty_together() -> None:
    head, features = made()
    spelled = {tuple(collapsed([*path])) for path in product(range(V), repeat=T)}
    nats = [head.nats(head(features[:, :1]), Padded.of([torch.tensor(labels, dtype=torch.long)])) for labels in spelled]
    assert torch.stack(nats).neg().exp().sum().item() == pytest.approx(1.0)


def test_a_row_that_sleeps_in_between_is_scored_by_its_own_steps() -> None:
    head, features = made()
    targets = Padded.of([torch.tensor([1, 2]), torch.tensor([2]), torch.tensor([1])])
    mask = torch.tensor([[1, 0, 1], [0, 0, 1], [1, 0, 1], [1, 0, 0], [0, 0, 1]]).bool()
    spoiled = features.masked_fill(~mask.unsqueeze(-1), float("nan"))
    loss = head.loss(head(spoiled), targets, mask)
    rows = [0, 2]
    parts = [head.loss(head(features[mask[:, row], row : row + 1]), targets_of(targets, row)) for row in rows]
    assert loss.nats.item() == pytest.approx(sum(part.nats.item() for part in parts))
    assert int(loss.places) == 3


def targets_of(targets: Padded, row: int) -> Padded:
    return Padded(*(part[row : row + 1] for part in targets))


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ([0], "label 0 of row 0 is the blank or beyond the 3 choices"),
        ([3], "label 3 of row 0"),
        ([-1], "label -1 of row 0"),
        ([1, 1, 1, 1], "the labels of row 0 need 7 steps and it has 5"),
    ],
)
def test_a_label_that_cannot_be_scored_is_refused_in_one_line(labels: list[int], told: str) -> None:
    head, features = made()
    with pytest.raises(UsageError, match=told):
        head.loss(head(features[:, :1]), Padded.of([torch.tensor(labels)]))


def test_other_targets_than_labels_of_each_row_are_refused() -> None:
    head, features = made()
    for targets in (torch.zeros(T, 3, dtype=torch.long), Padded.of([torch.tensor([1])])):
        with pytest.raises(UsageError, match="labels are wanted for each of 3 rows"):
            head.loss(head(features), targets)
    with pytest.raises(UsageError, match="blank 3 is not among the 3 choices"):
        CTC(H, V, blank=3)
