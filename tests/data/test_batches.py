"""Finite examples become batches of about equal length, each example once an epoch, in an order that can be resumed."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from statewise.cells import GRU, Conditioned
from statewise.data.batches import Batches, Example, Varying, collated
from statewise.data.window import Padded
from statewise.distributed import Ranks, own_rows
from statewise.errors import DataError
from statewise.heads import Categorical
from statewise.learning.learner import Learner
from statewise.learning.scoring import score
from statewise.model import Model
from statewise.run.recipe import Recipe

B, D, H, V = 3, 5, 4, 6
LENGTHS = [4, 1, 7, 3, 3, 9, 2, 5, 1, 6, 8]


def make_examples() -> list[Example]:
    draw = torch.Generator().manual_seed(0)
    found = []
    for number, steps in enumerate(LENGTHS):
        codes = torch.randint(V, (steps + 1,), generator=draw)
        scored = torch.zeros(steps, dtype=torch.bool)
        scored[-1] = True
        context = torch.tensor([float(number), 1.0]), Varying(torch.arange(number + 1))
        found.append(Example(codes[:-1], codes[1:], scored if number % 2 else None, context))
    return found


def make_batches(seed: int | None = 3, **how: Any) -> Batches:
    return Batches(make_examples(), LENGTHS, B, seed=seed, **how)


def test_each_example_is_read_once_in_each_epoch_and_epochs_differ() -> None:
    batches = make_batches(pool_batches=2)
    orders = [batches.order(epoch) for epoch in range(4)]
    for order in orders:
        assert sorted(number for batch in order for number in batch) == list(range(len(LENGTHS)))
    assert len({str(order) for order in orders}) == 4
    assert batches.order(2) == orders[2]


def test_lengths_are_alike_within_a_batch() -> None:
    apart = [max(LENGTHS[n] for n in batch) - min(LENGTHS[n] for n in batch) for batch in make_batches().order(0)]
    assert max(apart) <= 2
    assert make_batches().padding < make_batches(pool_batches=1).padding


def test_padding_is_the_share_of_places_that_hold_no_example() -> None:
    batches = make_batches()
    held = [(int(window.mask.sum()), window.mask.numel()) for window in batches if window.mask is not None]
    assert batches.padding == pytest.approx(1 - sum(n for n, _ in held) / sum(of for _, of in held))


def test_a_batch_holds_everything_of_its_examples() -> None:
    examples = [example._replace(targets=(example.targets, Varying(example.inputs))) for example in make_examples()]
    window = collated([examples[2], examples[1]], rows=4)
    assert (window.steps, window.rows) == (7, 4)
    assert window.mask is not None
    assert window.reset is not None
    assert window.mask.sum(dim=0).tolist() == [7, 1, 0, 0]
    assert window.begins.sum(dim=0).tolist() == [1, 1, 0, 0]
    stepped, labels = window.targets
    assert torch.equal(stepped[:, 0], examples[2].targets[0])
    assert isinstance(labels, Padded)
    assert labels.lengths.tolist() == [7, 1, 0, 0]
    assert window.places is not None
    assert window.places.sum(dim=0).tolist() == [7, 1, 0, 0]  # of example 1 the last step alone, which is its only one
    fixed, varying = window.context
    assert fixed.tolist() == [[2.0, 1.0], [1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
    assert varying.lengths.tolist() == [3, 2, 0, 0]


class First(nn.Module):
    """Reads the fixed part of the context."""

    def forward(self, context: Any) -> Tensor:
        return context[0] / 10  # type: ignore[no-any-return]


def make_model() -> Model[Tensor]:
    torch.manual_seed(0)
    return Model(nn.Embedding(V, D), Conditioned(GRU(D, H), 2), Categorical(H, V), First()).double()


def test_the_score_of_batches_is_that_of_the_examples_one_by_one() -> None:
    model = make_model()
    *_, (_, together) = score(model, make_batches(seed=None))
    alone = [list(score(model, [collated([example])]))[-1][1] for example in make_examples()]
    assert float(together.nats) == pytest.approx(sum(float(loss.nats) for loss in alone))
    assert int(together.places) == sum(int(loss.places) for loss in alone)


def test_training_on_batches_is_resumed_bit_for_bit_within_and_between_epochs() -> None:
    recipe = Recipe(updates=10, precision="64-true", warmup=0, learning_rate=0.01)
    learner, kept = Learner(make_model(), make_batches(), recipe), {}
    while not learner.is_done:
        kept[learner.update_number] = learner.snapshot()
        learner.update()
    for begin in (2, 4, 7):
        again = Learner(make_model(), make_batches(), recipe)
        again.restore(kept[begin])
        while not again.is_done:
            again.update()
        ours, theirs = again.snapshot(), learner.snapshot()
        assert {n: ours[n] for n in ours if n != "place.json"} == {n: theirs[n] for n in theirs if n != "place.json"}


def test_processes_share_the_rows_of_batches(in_processes: Callable[..., Any]) -> None:
    def work(ranks: Ranks) -> Any:
        recipe = Recipe(updates=6, precision="64-true", warmup=0, learning_rate=0.01)
        learner = Learner(make_model(), own_rows(make_batches(), ranks), recipe, ranks)
        return [learner.update().nats for _ in range(6)]

    assert in_processes(3, work)[0] == pytest.approx(work(Ranks()), rel=1e-9)


def test_no_examples_and_examples_without_steps_are_refused() -> None:
    with pytest.raises(DataError, match="there is no example"):
        Batches([], [], B)
    with pytest.raises(DataError, match="example 1 has 0 steps"):
        Batches(make_examples()[:3], [4, 0, 7], B)


@pytest.mark.parametrize("lengths", [[3, 7, 1], [3, 7, 1, 4, 2], []])
def test_other_lengths_than_examples_are_counted(lengths: list[int]) -> None:
    examples = [Example(torch.zeros(n, 2), torch.zeros(n)) for n in (3, 7, 1, 4)]
    with pytest.raises(DataError, match=rf"^there are {len(lengths)} lengths for 4 examples: give one for each$"):
        Batches(examples, lengths, rows=2)
